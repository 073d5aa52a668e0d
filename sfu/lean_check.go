package sfu

import (
	"crypto/rand"
	"errors"
	"net/netip"
	"strings"
	"sync"

	"github.com/pion/stun/v4"
)

// iceCredentials are one side's ICE username fragment and password.
type iceCredentials struct{ ufrag, password string }

// newICECredentials makes them long enough that nobody guesses either (RFC 8445, section 5.3, asks for 24 and 128 bits).
func newICECredentials() iceCredentials {
	return iceCredentials{ufrag: strings.ToLower(rand.Text()[:16]), password: rand.Text() + rand.Text()[:6]}
}

// checkResponder answers a client's connectivity checks as an ICE-lite agent does (RFC 8445, sections 2.5 and 7.3). It never makes checks
// of its own. Safe for concurrent use.
type checkResponder struct {
	username  string // ours:theirs, as every check has to say
	integrity stun.MessageIntegrity
}

func newCheckResponder(ours iceCredentials, theirUfrag string) *checkResponder {
	return &checkResponder{
		username:  ours.ufrag + ":" + theirUfrag,
		integrity: stun.NewShortTermIntegrity(ours.password),
	}
}

var errNoCheck = errors.New("not an authenticated connectivity check")

var stunMessages = sync.Pool{New: func() any { return stun.New() }}

// respond reads a check that came from an address. For an authenticated one it returns the answer, which is valid until release is
// called, and whether the client wants to use this path. Everything else is errNoCheck, and not answered: a client that is what it should be makes no mistake here,
// and nobody else is told anything.
func (r *checkResponder) respond(packet []byte, from netip.AddrPort) (answer []byte, nominated bool, release func(), err error) {
	request := stunMessages.Get().(*stun.Message)
	defer stunMessages.Put(request)
	request.Reset()
	if _, err := request.Write(packet); err != nil || request.Type != stun.BindingRequest {
		return nil, false, nil, errNoCheck
	}
	username, err := request.Get(stun.AttrUsername)
	if err != nil || string(username) != r.username {
		return nil, false, nil, errNoCheck
	}
	if r.integrity.Check(request) != nil {
		return nil, false, nil, errNoCheck
	}
	response := stunMessages.Get().(*stun.Message)
	release = func() { stunMessages.Put(response) }
	if request.Contains(stun.AttrICEControlled) {
		// Two controlled agents would never nominate (RFC 8445, section 7.3.1.1). We are lite and remain it.
		err = response.Build(request, stun.NewType(stun.MethodBinding, stun.ClassErrorResponse), stun.CodeRoleConflict, r.integrity, stun.Fingerprint)
		if err != nil {
			release()
			return nil, false, nil, errNoCheck
		}
		return response.Raw, false, release, nil
	}
	err = response.Build(request, stun.BindingSuccess,
		&stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())}, r.integrity, stun.Fingerprint)
	if err != nil {
		release()
		return nil, false, nil, errNoCheck
	}
	return response.Raw, request.Contains(stun.AttrUseCandidate), release, nil
}
