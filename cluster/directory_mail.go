package cluster

import (
	"math/rand/v2"
	"time"

	"hubbub/cluster/ownership"
)

const (
	// maxMailed is to how many nodes a claim is sent directly. In larger clusters gossip does the rest.
	maxMailed = 32
	// maxPackets is how many packets are sent to a node at once. What does not fit goes by TCP, which does not overrun it.
	maxPackets = 8
	// maxParcel is what goes by one TCP connection.
	maxParcel = 1 << 20
)

// post has a claim that was made here sent to all nodes directly, beside the gossip that repairs what is lost of it ("direct mail" and "rumor
// mongering" of Demers et al., "Epidemic Algorithms for Replicated Database Maintenance", 1987). Gossip alone takes some hundred
// milliseconds for one claim, and seconds for a thousand. d.mu is held.
func (d *Directory) post(room string) {
	d.pass(room)
	if _, ok := d.outgoing[room]; ok || len(d.outgoing) >= maxQueued {
		return
	}
	d.outgoing[room] = struct{}{}
	select {
	case d.outbox <- struct{}{}:
	default:
	}
}

// mail sends what was posted. While it does, more is posted, so that many claims make few messages.
func (d *Directory) mail() {
	for {
		select {
		case <-d.outbox:
		case <-d.life.Done():
			return
		}
		parcels := d.pack()
		nodes := d.members.Alive()
		rand.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		for _, n := range nodes[:min(len(nodes), maxMailed)] {
			if n.Name != d.self.name {
				d.mailTo(n, parcels)
			}
		}
	}
}

// pack takes what was posted: as packets if they are few, else as larger parcels.
func (d *Directory) pack() [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	parcels := d.packBy(maxBroadcast)
	if len(parcels) > maxPackets {
		parcels = d.packBy(maxParcel)
	}
	clear(d.outgoing)
	return parcels
}

func (d *Directory) packBy(limit int) [][]byte {
	var (
		parcels [][]byte
		f       ownership.Frame
		now     = time.Now()
	)
	for room := range d.outgoing {
		c, left, ok := d.table.Entry(room, now)
		if !ok {
			continue
		}
		if f.Len() > 0 && f.Size()+ownership.MaxClaimSize > limit {
			parcels = append(parcels, f.Bytes())
			f = ownership.Frame{}
		}
		f.Add(c, left)
	}
	if f.Len() > 0 {
		parcels = append(parcels, f.Bytes())
	}
	return parcels
}

// mailTo sends to one node. Larger parcels are sent in the background, one lot at a time for each node; what is posted meanwhile for a node that
// does not take them must come to it by gossip.
func (d *Directory) mailTo(n Node, parcels [][]byte) {
	if len(parcels) > 0 && len(parcels) <= maxPackets && len(parcels[0]) <= maxBroadcast {
		for _, p := range parcels {
			if err := d.members.send(n, p); err != nil {
				d.log.Debug("cannot send claims", "node", n.Name, "err", err)
			}
		}
		return
	}
	d.mu.Lock()
	_, busy := d.mailing[n.Name]
	d.mailing[n.Name] = struct{}{}
	d.mu.Unlock()
	if busy {
		return
	}
	d.work.Go(func() {
		for _, p := range parcels {
			if err := d.members.sendReliably(n, p); err != nil {
				d.log.Debug("cannot send many claims", "node", n.Name, "err", err)
				break
			}
		}
		d.mu.Lock()
		delete(d.mailing, n.Name)
		d.mu.Unlock()
	})
}
