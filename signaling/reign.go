package signaling

import (
	"crypto/rand"
	"time"

	"hubbub/cluster/ownership"
	"hubbub/room"
	"hubbub/signaling/replica"
)

// commitTimeout is how long what happened is withheld from the owner's own people while no other node has said that it knows of it.
// Usually it takes a round trip.
const commitTimeout = 250 * time.Millisecond

// reign is this node's right to put the commands of a room in order.
//
// While other nodes have people in the room, the owner's people are told of an entry only when another
// node has it: what anyone was told of then outlives the owner. For that the owner keeps two replicas, one with
// all entries (lead) and the room's, which follows when they are committed. Alone, both are the same one.
//
// Everything in it is guarded by the room's lock.
type reign struct {
	room      *liveRoom
	epoch     uint64
	lead      *replica.Replica
	followers map[replica.Node]*follower
	queue     []replica.Entry // not committed yet
	commit    *time.Timer     // for the oldest of the queue
	expiry    *time.Timer     // for those who are away
	// succession is nil but for the time after another owner's death in which the others' replicas are looked at.
	succession *succession
	paused     bool // the room is being handed over
	ended      bool
	over       chan struct{}    // closed when another node has the room
	next       *ownership.Claim // of that node
}

// own makes this node the owner of a room. Its replica must be there.
func (r *liveRoom) own(epoch uint64) *reign {
	o := &reign{
		room: r, epoch: epoch, lead: r.replica, followers: make(map[replica.Node]*follower), over: make(chan struct{}),
	}
	r.setAuthority(o)
	o.armExpiry()
	return o
}

func (o *reign) owns() bool { return true }

// submit implements authority for this node's own commands.
func (o *reign) submit(c replica.Command) {
	if o.succession != nil || o.paused || o.ended {
		return // submitted again when it is over, or to the next owner
	}
	if err := o.sequence(c); err != nil {
		o.room.reject(c.Request, err)
	}
}

// sequence makes a command happen on all nodes.
func (o *reign) sequence(c replica.Command) error {
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // never fails (crypto/rand)
	outcome, err := o.lead.Sequence(o.epoch, time.Now(), seed, c)
	if err != nil {
		return err
	}
	if len(o.followers) == 0 {
		o.room.deliver(outcome)
	} else {
		o.spread(outcome.Entry)
	}
	if mayExpire(outcome.Events) {
		o.armExpiry()
	}
	return nil
}

func mayExpire(events []room.Event) bool {
	for _, e := range events {
		if e.Participant.State == room.Reconnecting {
			return true
		}
	}
	return false
}

// armExpiry has those taken out who are away, when their time is over.
func (o *reign) armExpiry() {
	next, waiting := o.lead.NextExpiry()
	if o.expiry != nil {
		o.expiry.Stop()
	}
	if !waiting {
		return
	}
	o.expiry = time.AfterFunc(time.Until(next)+time.Millisecond, func() {
		o.room.do(func() {
			if o.ended || o.succession != nil || o.paused {
				return
			}
			_ = o.sequence(replica.Command{Kind: replica.Expire, From: o.room.server.self}) // cannot fail
			o.armExpiry()
		})
	})
}

// superfluous tells whether nobody is in the room any more, on any node.
func (o *reign) superfluous() bool {
	return o.lead.Room().Len() == 0 && len(o.followers) == 0 && o.succession == nil
}

// abdicate gives the room up to the owner that there is now; next is nil if that is not known.
func (o *reign) abdicate(next *ownership.Claim) {
	if o.ended {
		return
	}
	if len(o.queue) > 0 {
		o.deliverUntil(o.queue[len(o.queue)-1].Index)
	}
	for _, f := range o.followers {
		f.write(roomFrame{Moved: next})
	}
	o.end()
	o.next = next
	o.room.setAuthority(nil)
	close(o.over)
}

// end stops putting commands in order.
func (o *reign) end() {
	o.ended = true
	for _, timer := range []*time.Timer{o.expiry, o.commit} {
		if timer != nil {
			timer.Stop()
		}
	}
	if o.succession != nil {
		o.succession.timer.Stop()
	}
	for _, f := range o.followers {
		f.close()
	}
}
