package sfu

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
)

const (
	// maxAddresses is from how many addresses a client may be seen between two ICE restarts. An honest one has a few network interfaces.
	maxAddresses = 32

	// passEvery lets one of so many unwanted packets of a client through to decryption: the rollover counter of its sequence numbers (RFC 3711,
	// section 3.3.1) is learnt from decrypted packets, and must not miss a turn of 65,536 while the client is muted.
	passEvery = 1024

	// maxRate is how many datagrams of a client are let in within a second. Voice has 50 and a few; pion queues without bound what comes faster than
	// it can be worked off.
	maxRate = 2000

	// maxVideoRate is the same for who sends pictures: a camera in three sizes and a screen are up to 1,000 packets/s, as many again may be repeated ones and
	// the bursts by which browsers look for bandwidth. 5,000 of full length are 50 Mbit/s.
	maxVideoRate = 5000
)

// client is what a gate knows of one transport.
type client struct {
	lean *leanTransport // takes its datagrams itself; nil: they go to pion

	unwanted atomic.Bool   // its RTP is to be dropped
	rate     atomic.Uint32 // how many datagrams may come within a second; 0 is maxRate
	dropped  atomic.Uint32 // how many have been, to know when to let one pass
	second   atomic.Uint32 // that of the gate when count was begun
	count    atomic.Uint32

	// Owned by the gate:
	ufrag     string
	addresses []netip.AddrPort
}

// gate stands between a lane's sockets and pion. It lets in what belongs to a known client: STUN requests with the ufrag of one,
// and whatever comes from an address that such a request came from. All else is dropped before it costs anything: random
// datagrams, floods, clients that are gone, and the RTP of those who are muted.
type gate struct {
	counters *laneCounters
	second   atomic.Uint32 // counts seconds

	mu        sync.RWMutex
	ufrags    map[string]*client
	addresses map[netip.AddrPort]*client
}

func newGate(counters *laneCounters) *gate {
	return &gate{counters: counters, ufrags: make(map[string]*client), addresses: make(map[netip.AddrPort]*client)}
}

// admit makes a client known by its ufrag of this server. The one that it had before, and the addresses it was seen at, go on being let in until
// their client is admitted again or dismissed, since media go on during an ICE restart.
func (g *gate) admit(c *client, ufrag string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.ufrag == ufrag {
		return
	}
	delete(g.ufrags, c.ufrag)
	c.ufrag = ufrag
	g.ufrags[ufrag] = c
	// Room for new addresses: the one in use is the last that was added.
	if len(c.addresses) > 1 {
		last := len(c.addresses) - 1
		g.forget(c, c.addresses[:last])
		c.addresses = append(c.addresses[:0], c.addresses[last])
	}
}

func (g *gate) dismiss(c *client) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.ufrags, c.ufrag)
	g.forget(c, c.addresses)
	c.ufrag, c.addresses = "", nil
}

func (g *gate) forget(c *client, addresses []netip.AddrPort) {
	for _, a := range addresses {
		if g.addresses[a] == c {
			delete(g.addresses, a)
		}
	}
}

// pass decides about one datagram: it answers whose it is, or nil for one that is to be dropped. It does not allocate.
func (g *gate) pass(packet []byte, from netip.AddrPort) *client {
	g.counters.datagramsIn.Add(1)
	ufrag, request := stunUfrag(packet)
	g.mu.RLock()
	c := g.addresses[from]
	stranger := request && (c == nil || string(ufrag) != c.ufrag)
	g.mu.RUnlock()
	if stranger {
		return g.passStranger(ufrag, from)
	}
	if c == nil {
		g.counters.drop(dropUnknown)
		return nil
	}
	if !g.wanted(c, packet) {
		return nil
	}
	return c
}

// wanted says whether a client's packet is to be let in: it is not one too many, nor the sound of someone who is muted.
func (g *gate) wanted(c *client, packet []byte) bool {
	if c.floods(g.second.Load()) {
		g.counters.drop(dropFlood)
		return false
	}
	if c.unwanted.Load() && isRTP(packet) && c.dropped.Add(1)%passEvery != 0 {
		g.counters.drop(dropMuted)
		return false
	}
	return true
}

// floods counts a datagram, and says whether it is one too many. Sockets that count at once may let a few more in.
func (c *client) floods(second uint32) bool {
	if c.second.Swap(second) != second {
		c.count.Store(0)
	}
	limit := c.rate.Load()
	if limit == 0 {
		limit = maxRate
	}
	return c.count.Add(1) > limit
}

// passStranger decides about a STUN request with a ufrag that is not known to come from that address. That its sender also knows
// the password is for ICE to check.
func (g *gate) passStranger(ufrag []byte, from netip.AddrPort) *client {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.ufrags[string(ufrag)]
	if c == nil || len(c.addresses) >= maxAddresses {
		g.counters.drop(dropUnknown)
		return nil
	}
	if old := g.addresses[from]; old != c {
		g.addresses[from] = c
		c.addresses = append(c.addresses, from)
	}
	return c
}

// owner answers whose a ufrag is, or nil.
func (g *gate) owner(ufrag []byte) *client {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.ufrags[string(ufrag)]
}

var stunMagicCookie = []byte{0x21, 0x12, 0xa4, 0x42}

// stunUfrag is the server's ufrag in the username of a STUN binding request (RFC 8489, section 5; RFC 8445, section 7.2.2: the
// receiver's ufrag comes first).
func stunUfrag(packet []byte) (ufrag []byte, ok bool) {
	const (
		header         = 20
		bindingRequest = 0x0001
		username       = 0x0006
	)
	if len(packet) < header || binary.BigEndian.Uint16(packet) != bindingRequest || !bytes.Equal(packet[4:8], stunMagicCookie) {
		return nil, false
	}
	for attributes := packet[header:]; len(attributes) >= 4; {
		kind := binary.BigEndian.Uint16(attributes)
		length := int(binary.BigEndian.Uint16(attributes[2:]))
		padded := 4 + (length+3)&^3
		if len(attributes) < 4+length {
			return nil, false
		}
		if kind == username {
			ufrag, _, _ = bytes.Cut(attributes[4:4+length], []byte{':'})
			return ufrag, true
		}
		if len(attributes) < padded {
			return nil, false
		}
		attributes = attributes[padded:]
	}
	return nil, false
}

// gatedConn is a UDP socket behind a gate, as pion's mux wants it: it implements ice.AddrPortReaderWriter, by which addresses need
// no allocation.
type gatedConn struct {
	*batchingConn
	gate *gate
	lane *lane

	// Owned by the reading goroutine:
	incoming  *incomingBatch
	count, at int // datagrams in incoming, and the next of them to look at
}

// ReadFromAddrPort returns the next datagram that may pass to pion. Those of others are handed to them on the way, and what becomes of
// them is sent before this goroutine waits again.
func (c *gatedConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from := c.next(b)
		c.lane.leave()
		if n > 0 {
			return n, from, nil
		}
		var err error
		if c.count, err = c.incoming.receive(); err != nil {
			return 0, from, err
		}
		c.at = 0
	}
}

// next looks at the rest of what has come, up to one datagram for pion.
func (c *gatedConn) next(b []byte) (int, netip.AddrPort) {
	c.lane.attend()
	for c.at < c.count {
		datagram, from := c.incoming.datagram(c.at)
		c.at++
		switch owner := c.gate.pass(datagram, from); {
		case owner == nil:
		case owner.lean != nil:
			owner.lean.receive(datagram, leanPath{c.batchingConn, from})
		default:
			return copy(b, datagram), from
		}
	}
	return 0, netip.AddrPort{}
}
