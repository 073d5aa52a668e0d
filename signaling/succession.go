package signaling

import (
	"time"

	"hubbub/signaling/replica"
)

// successionTimeout bounds the waiting for the other nodes of a room whose owner was lost: they find out by
// themselves, within the time in which a link's silence is noticed.
const successionTimeout = 800 * time.Millisecond

// succession is the time in which a new owner looks whether other nodes know more of the room than it does: the lost owner may have told
// one of them what it did not tell this one any more, and what anyone was told of must not be forgotten.
type succession struct {
	awaited map[replica.Node]struct{} // have not been heard
	timer   *time.Timer
}

// succeed begins a succession; lost is the owner that is gone.
func (o *reign) succeed(lost replica.Node) {
	awaited := make(map[replica.Node]struct{})
	for _, seat := range o.lead.Seats() {
		_, alive := o.room.server.nodeOf(seat.Node)
		if seat.Node != o.room.server.self && seat.Node != lost && alive {
			awaited[seat.Node] = struct{}{}
		}
	}
	o.succession = &succession{awaited: awaited}
	o.succession.timer = time.AfterFunc(successionTimeout, func() {
		o.room.do(func() {
			if o.succession != nil && !o.ended {
				o.conclude()
			}
		})
	})
	o.concludeIfHeard()
}

// hear looks at what a follower says it has.
func (s *succession) hear(o *reign, f *follower) {
	if f.position.After(o.lead.Position()) {
		at := o.lead.Position()
		f.write(roomFrame{Want: &at})
		return
	}
	s.heard(o, f.node)
}

// learn takes over what a follower knows and this node does not.
func (s *succession) learn(o *reign, f *follower, k *knowledge) {
	if f.position.After(o.lead.Position()) { // not so if another one brought it in the meantime
		before := o.room.replica
		o.room.update(k)
		o.lead = o.room.replica
		o.room.adoptInto(before)
	}
	s.heard(o, f.node)
}

func (s *succession) heard(o *reign, n replica.Node) {
	delete(s.awaited, n)
	o.concludeIfHeard()
}

func (o *reign) concludeIfHeard() {
	if len(o.succession.awaited) == 0 {
		o.conclude()
	}
}

// conclude begins to put commands in order.
func (o *reign) conclude() {
	o.succession.timer.Stop()
	o.succession = nil
	if len(o.followers) > 0 {
		o.lead = o.room.replica.Clone()
	}
	gone := make(map[replica.Node]struct{})
	for _, seat := range o.lead.Seats() {
		if o.followers[seat.Node] == nil && seat.Node != o.room.server.self {
			gone[seat.Node] = struct{}{}
		}
	}
	for _, f := range o.followers {
		o.welcome(f)
	}
	for n := range gone {
		if _, alive := o.room.server.nodeOf(n); alive {
			o.loseUnlessBack(n)
		} else {
			o.lose(n)
		}
	}
	o.dropRelaysOfOthers()
	o.room.arrangeAll()
	o.room.resubmit()
	o.room.later(o.room.reviveMembers)
	o.armExpiry()
}
