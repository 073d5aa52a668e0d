package cluster

import (
	"slices"
	"time"

	"github.com/hashicorp/memberlist"

	"hubbub/cluster/ownership"
)

const (
	// maxHeard is how many messages wait to be merged. When there are more, they are dropped: push/pull repairs.
	maxHeard = 1024
	// maxQueued is how many claims wait to be passed on. When there are more, those that were sent the most are dropped.
	maxQueued = 20_000
	// maxPassed is up to how much news in one message is passed on.
	maxPassed = 5_000
	// maxState leaves memberlist some of the 20 MiB that it takes for a push/pull.
	maxState = 18 << 20
	// mergeChunk is how many claims are merged without letting others in.
	mergeChunk = 500
)

// broadcast is a claim that waits to be sent; a newer one for the same room takes its place.
type broadcast struct {
	room    string
	message []byte
}

var _ memberlist.NamedBroadcast = (*broadcast)(nil)

// Name implements memberlist.NamedBroadcast.
func (b *broadcast) Name() string { return b.room }

// Message implements memberlist.Broadcast.
func (b *broadcast) Message() []byte { return b.message }

// Finished implements memberlist.Broadcast.
func (b *broadcast) Finished() {}

// Invalidates implements memberlist.Broadcast.
func (b *broadcast) Invalidates(other memberlist.Broadcast) bool {
	o, ok := other.(*broadcast)
	return ok && o.room == b.room
}

// pass has what is known of a room sent to the others. d.mu is held.
func (d *Directory) pass(room string) {
	c, left, ok := d.table.Entry(room, time.Now())
	if !ok {
		return
	}
	var f ownership.Frame
	f.Add(c, left)
	d.queue.QueueBroadcast(&broadcast{room, f.Bytes()})
	if d.queue.NumQueued() > maxQueued {
		d.queue.Prune(maxQueued * 9 / 10)
	}
}

// say is the next message of at most limit bytes, nil when there is nothing to say. Each claim is queued with its owner; as an owner
// is named only once, there is room for more claims than the queue thinks.
func (d *Directory) say(limit int) []byte {
	var (
		f      ownership.Frame
		said   = make(map[string]struct{})
		queued = d.queue.NumQueued()
	)
	for again := false; len(said) < queued && !again; {
		messages := d.queue.GetBroadcasts(0, limit-f.Size())
		if len(messages) == 0 {
			break
		}
		for _, message := range messages {
			_ = ownership.ReadFrame(message, func(c Claim, left time.Duration) { // our own, so that it does not fail
				if _, again = said[c.Room]; !again {
					said[c.Room] = struct{}{}
					f.Add(c, left)
				}
			})
		}
	}
	if f.Len() == 0 {
		return nil
	}
	return f.Bytes()
}

// hear takes a message. It does not block.
func (d *Directory) hear(frame []byte) {
	if len(frame) > 2*maxParcel {
		d.counts.overflow.Add(1)
		return
	}
	select {
	case d.heard <- frame:
	default:
		d.counts.overflow.Add(1)
	}
}

// state is all that is known, this node's own rooms first should there be too many.
func (d *Directory) state() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	var (
		now = time.Now()
		f   ownership.Frame
	)
	for room := range d.held {
		if c, ok := d.table.Get(room); ok {
			f.Add(c, 0)
		}
	}
	for c, left := range d.table.All(now) {
		if f.Size() > maxState {
			d.log.Warn("more rooms are known than can be told at once", "told", f.Len(), "known", d.table.Len())
			break
		}
		if _, held := d.held[c.Room]; !held {
			f.Add(c, left)
		}
	}
	return f.Bytes()
}

// merge takes another node's state, or a message. News is passed on, unless there is so much of it that the cluster was parted, or this node
// is new: then the others push and pull as well.
func (d *Directory) merge(frame []byte) {
	type item struct {
		claim Claim
		left  time.Duration
	}
	var items []item
	if err := ownership.ReadFrame(frame, func(c Claim, left time.Duration) { items = append(items, item{c, left}) }); err != nil {
		d.counts.malformed.Add(1)
		d.log.Debug("ignored gossip", "err", err)
	}
	var news []string
	for chunk := range slices.Chunk(items, mergeChunk) {
		d.mu.Lock()
		for _, i := range chunk {
			if d.absorb(i.claim, i.left) && len(news) <= maxPassed {
				news = append(news, i.claim.Room)
			}
		}
		d.mu.Unlock()
	}
	if len(news) > maxPassed {
		return
	}
	for chunk := range slices.Chunk(news, mergeChunk) {
		d.mu.Lock()
		for _, room := range chunk {
			d.pass(room)
		}
		d.mu.Unlock()
	}
}

// listen merges what is heard, and forgets what is over.
func (d *Directory) listen() {
	sweep := time.NewTicker(d.limits.sweep)
	defer sweep.Stop()
	for {
		select {
		case frame := <-d.heard:
			d.merge(frame)
		case <-sweep.C:
			d.mu.Lock()
			d.table.Sweep(time.Now(), d.members.current.Load().alive)
			d.mu.Unlock()
		case <-d.life.Done():
			return
		}
	}
}
