//go:build linux

package crowd

import (
	"encoding/binary"
	"net/netip"

	"github.com/pion/srtp/v3"

	"hubbub/sfu/floor"
)

// FloorPeers are the participants as the floor has to know them.
func (c *Crowd) FloorPeers() ([]floor.Peer, error) {
	peers := make([]floor.Peer, len(c.people))
	for i, p := range c.people {
		address, err := p.address()
		if err != nil {
			return nil, err
		}
		peers[i] = floor.Peer{Address: address, Sends: fixedKeys(i, 1), Receives: fixedKeys(i, 2)}
		for listener := range c.people {
			if c.plan.hears(listener, i) {
				peers[i].Listeners = append(peers[i].Listeners, listener)
			}
		}
	}
	return peers, nil
}

// EnterFloor lets everyone speak to the floor at an address, which has been given FloorPeers.
func (c *Crowd) EnterFloor(address netip.AddrPort) error {
	for i, p := range c.people {
		sends, receives := fixedKeys(i, 1), fixedKeys(i, 2)
		out, err := srtp.CreateContext(sends.Key, sends.Salt, floor.Profile)
		if err != nil {
			return err
		}
		in, err := srtp.CreateContext(receives.Key, receives.Salt, floor.Profile)
		if err != nil {
			return err
		}
		if err := p.connect(address); err != nil {
			return err
		}
		p.level, p.out = levelID, out
		p.in.Store(in)
	}
	return nil
}

// fixedKeys are those of a participant, for what it sends or what it receives. They keep nothing secret, and need not.
func fixedKeys(number int, direction byte) floor.Keys {
	k := floor.Keys{Key: make([]byte, 16), Salt: make([]byte, 12)}
	k.Key[0] = direction
	binary.BigEndian.PutUint32(k.Key[1:], uint32(number))
	return k
}
