package sfu

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"github.com/pion/stun/v4"
)

var (
	checkCredentials = iceCredentials{ufrag: "ours", password: "a password of ours, 22+"}
	checkFrom        = netip.MustParseAddrPort("192.0.2.7:4242")
)

// check is a connectivity check as a browser sends it.
func check(t testing.TB, username, password string, more ...stun.Setter) []byte {
	t.Helper()
	setters := append([]stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(username)}, more...)
	setters = append(setters, stun.NewShortTermIntegrity(password), stun.Fingerprint)
	m, err := stun.Build(setters...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

func attribute(kind stun.AttrType, value ...byte) stun.Setter {
	return stun.RawAttribute{Type: kind, Value: value}
}

func TestChecksAreAnswered(t *testing.T) {
	r := newCheckResponder(checkCredentials, "theirs")
	controlling := attribute(stun.AttrICEControlling, 1, 2, 3, 4, 5, 6, 7, 8)
	for _, tt := range []struct {
		name      string
		more      []stun.Setter
		answer    stun.MessageType
		nominated bool
	}{
		{"a check", []stun.Setter{controlling}, stun.BindingSuccess, false},
		{"a nomination", []stun.Setter{controlling, attribute(stun.AttrUseCandidate)}, stun.BindingSuccess, true},
		{"another controlled agent", []stun.Setter{attribute(stun.AttrICEControlled, 1, 2, 3, 4, 5, 6, 7, 8)}, stun.NewType(stun.MethodBinding, stun.ClassErrorResponse), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request := check(t, "ours:theirs", checkCredentials.password, tt.more...)
			raw, nominated, release, err := r.respond(request, checkFrom)
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			answer := &stun.Message{Raw: bytes.Clone(raw)}
			if err := answer.Decode(); err != nil {
				t.Fatal(err)
			}
			if answer.Type != tt.answer || nominated != tt.nominated {
				t.Errorf("answer %v, nominated %v", answer.Type, nominated)
			}
			if !bytes.Equal(answer.TransactionID[:], request[8:20]) {
				t.Error("the answer is to another request")
			}
			if err := r.integrity.Check(answer); err != nil {
				t.Errorf("integrity: %v", err)
			}
			if err := stun.Fingerprint.Check(answer); err != nil {
				t.Errorf("fingerprint: %v", err)
			}
			var mapped stun.XORMappedAddress
			if tt.answer == stun.BindingSuccess && (mapped.GetFrom(answer) != nil || !mapped.IP.Equal(net.IPv4(192, 0, 2, 7)) || mapped.Port != 4242) {
				t.Errorf("mapped address %v", mapped)
			}
		})
	}
}

func TestOthersChecksAreNotAnswered(t *testing.T) {
	r := newCheckResponder(checkCredentials, "theirs")
	valid := check(t, "ours:theirs", checkCredentials.password)
	tampered := bytes.Clone(valid)
	tampered[len(tampered)-20] ^= 1 // within the integrity
	unsigned, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("ours:theirs"), stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	for name, packet := range map[string][]byte{
		"another password":          check(t, "ours:theirs", "a password of someone else"),
		"another client":            check(t, "ours:others", checkCredentials.password),
		"another server":            check(t, "other:theirs", checkCredentials.password),
		"the username reversed":     check(t, "theirs:ours", checkCredentials.password),
		"no integrity":              unsigned.Raw,
		"a tampered integrity":      tampered,
		"an answer":                 append([]byte{1, 1}, valid[2:]...),
		"cut off":                   valid[:len(valid)-9],
		"nothing":                   {},
		"a header that claims more": append([]byte{0, 1, 255, 252}, valid[4:]...),
	} {
		if answer, _, _, err := r.respond(packet, checkFrom); err == nil {
			t.Errorf("%s is answered: %x", name, answer)
		}
	}
}

// FuzzConnectivityCheck: whatever comes, nobody without the password is answered.
func FuzzConnectivityCheck(f *testing.F) {
	f.Add(check(f, "ours:theirs", "not the password, really"))
	f.Add(check(f, "ours:theirs", "not the password, really", attribute(stun.AttrUseCandidate), attribute(stun.AttrICEControlled, 1)))
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42})
	r := newCheckResponder(checkCredentials, "theirs")
	f.Fuzz(func(t *testing.T, packet []byte) {
		before := bytes.Clone(packet)
		if answer, _, _, err := r.respond(packet, checkFrom); err == nil {
			t.Errorf("answered with %x", answer)
		}
		if !bytes.Equal(packet, before) {
			t.Error("the packet was changed")
		}
		_, _ = readFramed(bytes.NewReader(packet), make([]byte, maxDatagram))
	})
}

func TestFraming(t *testing.T) {
	stream := framed(framed(nil, []byte("one")), []byte("two"))
	r := bytes.NewReader(stream)
	buffer := make([]byte, maxDatagram)
	for _, want := range []string{"one", "two"} {
		if got, err := readFramed(r, buffer); err != nil || string(got) != want {
			t.Errorf("read %q, %v; want %q", got, err, want)
		}
	}
	for name, bad := range map[string][]byte{"nothing": nil, "half a length": {0}, "half a packet": {0, 3, 'x'}, "too long": {255, 255}} {
		if got, err := readFramed(bytes.NewReader(bad), buffer); err == nil {
			t.Errorf("%s is read as %q", name, got)
		}
	}
}
