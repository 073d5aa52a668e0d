package signaling

import (
	"encoding/json"
	"time"

	"hubbub/cluster/link"
	"hubbub/signaling/replica"
)

// lossPatience is how long a node whose stream ended may take to open another one, before its people count as
// disconnected.
const lossPatience = 500 * time.Millisecond

// follower is another node with people in a room that this node owns. Guarded by the room's lock.
type follower struct {
	node     replica.Node
	stream   *link.Stream
	position replica.Position // as of its hello
	acked    uint64           // index of the last entry that it has
	welcomed bool
}

func (f *follower) close() { _ = f.stream.Close() } // never fails

func (f *follower) write(frame roomFrame) {
	// When it fails the stream has ended, and its reader will find out.
	_ = writeFrame(f.stream, frame)
}

// serveFollower serves the stream of a node that has people in a room of ours.
func (s *Server) serveFollower(stream *link.Stream) {
	first, err := readFrame(stream)
	if err != nil || first.Hello == nil {
		return
	}
	f := &follower{
		node:   replica.Node{Name: stream.Peer().Name, Boot: stream.Peer().Boot},
		stream: stream, position: first.Hello.Position,
	}
	r, o, release := s.ownedRoom(first.Hello.Room)
	defer release()
	if r == nil {
		f.write(roomFrame{Refused: "this node does not own the room"})
		return
	}
	admitted := false
	r.do(func() { admitted = o.admit(f, first.Hello.Route) })
	if !admitted {
		f.write(roomFrame{Refused: "this node does not own the room any more"})
		return
	}
	for err == nil {
		var frame roomFrame
		if frame, err = readFrame(stream); err == nil {
			r.do(func() { o.receive(f, frame) })
		}
	}
	r.do(func() { o.dismiss(f) })
}

// admit takes a follower in. It gets media at once, and the room when it is known what the room is.
func (o *reign) admit(f *follower, number uint32) bool {
	if o.ended || o.room.ended {
		return false
	}
	if before := o.followers[f.node]; before != nil {
		before.close()
		o.forget(before)
	}
	if len(o.followers) == 0 && o.succession == nil {
		o.lead = o.room.replica.Clone()
	}
	o.followers[f.node] = f
	if number := o.room.relayTo(f.node, f.stream.Peer(), number); number != 0 {
		f.write(roomFrame{Route: &number})
	}
	for id, seat := range o.lead.Seats() {
		if seat.Node == f.node {
			o.room.relays.arrange(o.room, id)
		}
	}
	if o.succession != nil {
		o.succession.hear(o, f)
	} else {
		o.welcome(f)
	}
	return true
}

// welcome brings a follower up to date; from here on it gets every entry.
func (o *reign) welcome(f *follower) {
	f.welcomed = true
	f.write(roomFrame{Welcome: knowledgeSince(o.lead, f.position)})
}

// receive takes a frame of a follower.
func (o *reign) receive(f *follower, frame roomFrame) {
	if o.ended || o.followers[f.node] != f {
		return
	}
	switch {
	case frame.Knowledge != nil && o.succession != nil:
		o.succession.learn(o, f, frame.Knowledge)
	case frame.Ack != nil:
		f.acked = max(f.acked, frame.Ack.Index)
		o.settle()
	case frame.Command != nil && f.welcomed:
		c := *frame.Command
		c.From = f.node // whatever it says: the stream proves who it is
		if err := o.sequence(c); err != nil {
			f.write(roomFrame{Reject: &rejectFrame{Request: c.Request, Error: asProtocolError(err)}})
		}
	}
}

// spread takes an entry to the followers. This node's people are told when one of them has it.
func (o *reign) spread(e replica.Entry) {
	frame, err := json.Marshal(roomFrame{Entry: &e})
	if err != nil {
		o.room.server.log.Error("room's entry not encoded", "room", o.room.name, "err", err)
	}
	for _, f := range o.followers {
		if f.welcomed {
			_ = f.stream.WriteFrame(frame) // as in write
		}
	}
	o.queue = append(o.queue, e)
	if len(o.queue) == 1 {
		o.armCommit()
	}
}

func (o *reign) armCommit() {
	oldest := o.queue[0].Index
	o.commit = time.AfterFunc(commitTimeout, func() {
		o.room.do(func() {
			if !o.ended && len(o.queue) > 0 && o.queue[0].Index == oldest {
				o.deliverUntil(o.queue[len(o.queue)-1].Index)
			}
		})
	})
}

// settle tells this node's people of what another node has.
func (o *reign) settle() {
	var acked uint64
	for _, f := range o.followers {
		acked = max(acked, f.acked)
	}
	o.deliverUntil(acked)
}

func (o *reign) deliverUntil(index uint64) {
	if len(o.queue) == 0 || o.queue[0].Index > index {
		return
	}
	o.commit.Stop()
	for len(o.queue) > 0 && o.queue[0].Index <= index {
		e := o.queue[0]
		o.queue = o.queue[1:]
		outcome, err := o.room.replica.Apply(e)
		if err != nil {
			// The model is deterministic: cannot be, unless it is not.
			o.room.server.log.Error("room's entry not applied by its owner", "room", o.room.name, "err", err)
			o.queue = nil
			o.room.replica = o.lead.Clone()
			return
		}
		o.room.deliver(outcome)
	}
	if len(o.queue) > 0 {
		o.armCommit()
	}
}

// dismiss notes that a follower's stream has ended.
func (o *reign) dismiss(f *follower) {
	if o.ended || o.followers[f.node] != f {
		return
	}
	o.forget(f)
	o.room.dropRelay(f.node)
	if o.succession != nil {
		o.succession.heard(o, f.node)
		return
	}
	o.loseUnlessBack(f.node)
}

func (o *reign) forget(f *follower) {
	delete(o.followers, f.node)
	if len(o.followers) == 0 && o.succession == nil {
		if len(o.queue) > 0 {
			o.deliverUntil(o.queue[len(o.queue)-1].Index)
		}
		o.lead = o.room.replica
	}
}

// loseUnlessBack notes that a node's people are disconnected, if the node does not come back soon.
func (o *reign) loseUnlessBack(n replica.Node) {
	if !seatedAt(o.lead, n) {
		return
	}
	time.AfterFunc(lossPatience, func() {
		o.room.do(func() {
			if !o.ended && !o.room.ended && o.succession == nil && o.followers[n] == nil {
				o.lose(n)
			}
		})
	})
}

func (o *reign) lose(n replica.Node) {
	if seatedAt(o.lead, n) {
		_ = o.sequence(replica.Command{Kind: replica.Lose, From: o.room.server.self, Lost: &n}) // cannot fail
	}
}

func seatedAt(r *replica.Replica, n replica.Node) bool {
	for _, seat := range r.Seats() {
		if seat.Node == n {
			return true
		}
	}
	return false
}
