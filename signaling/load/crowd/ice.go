//go:build linux

package crowd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

const (
	// checkAgain is when a connectivity check is repeated that has not been answered.
	checkAgain = 250 * time.Millisecond
	// consentRounds many steps of consentStep are between two checks of a participant once it is in: about as often as browsers do it.
	consentRounds = 100
	consentStep   = 25 * time.Millisecond
)

// iceAgent is the little of ICE that a client with one address needs towards a server that is lite: it checks its one pair and
// nominates it (RFC 8445).
type iceAgent struct {
	ufrag, password string // ours
	username        string // theirs:ours
	integrity       stun.MessageIntegrity
}

func newICEAgent() iceAgent {
	return iceAgent{ufrag: strings.ToLower(rand.Text()[:8]), password: rand.Text()}
}

// meet sets the credentials of the server's answer.
func (a *iceAgent) meet(ufrag, password string) {
	a.username = ufrag + ":" + a.ufrag
	a.integrity = stun.NewShortTermIntegrity(password)
}

// check is a connectivity check that nominates.
func (a *iceAgent) check() ([]byte, error) {
	const anyPriority = 1<<24 | 1
	m, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(a.username),
		ice.AttrControlling(1), ice.PriorityAttr(anyPriority), ice.UseCandidate(), a.integrity, stun.Fingerprint)
	if err != nil {
		return nil, fmt.Errorf("build a connectivity check: %w", err)
	}
	return m.Raw, nil
}

// answered notes the answer to a check, if it is one.
func (p *person) answered(datagram []byte) {
	if datagram[0] != 1 || datagram[1] != 1 { // binding success (RFC 8489, section 5)
		return
	}
	select {
	case p.checked <- struct{}{}:
	default: // an earlier answer has not been looked at
	}
}

// openPath checks until the server answers.
func (p *person) openPath(ctx context.Context) error {
	for again := time.NewTicker(checkAgain); ; {
		check, err := p.ice.check()
		if err != nil {
			again.Stop()
			return err
		}
		p.send(check)
		select {
		case <-p.checked:
			again.Stop()
			return nil
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return fmt.Errorf("check the connectivity of participant %d: %w", p.number, ctx.Err())
		}
	}
}

// consent keeps telling the server that everyone who is in still wants packets (RFC 7675).
func (c *Crowd) consent(in []*person) error {
	tick := time.NewTicker(consentStep)
	defer tick.Stop()
	for round := 0; ; round++ {
		select {
		case <-tick.C:
		case <-c.ending.Done():
			return nil
		}
		for i := round % consentRounds; i < len(in); i += consentRounds {
			check, err := in[i].ice.check()
			if err != nil {
				return err
			}
			in[i].send(check)
		}
	}
}

var errNoCandidate = errors.New("the answer names no UDP address of IPv4")
