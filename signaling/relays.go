package signaling

import (
	"time"

	"hubbub/cluster/link"
	"hubbub/sfu"
	"hubbub/signaling/replica"
)

// retirement is how long media still go to a node that has followed this one and is about to follow another.
const retirement = 1500 * time.Millisecond

// relays are a room's media links to other nodes, by node: the owner has one to each node with people in
// the room, the others have one to the owner. Guarded by the room's lock.
type relays map[replica.Node]*roomRelay

// roomRelay joins the room's router here with the one of another node.
type roomRelay struct {
	media    *sfu.Relay
	route    *route              // by which its packets come
	enrolled map[string]struct{} // participants behind it who may be heard or seen
}

// relayTo begins to exchange media with a node that has people in the room, which expects them at a route of that number. It answers the
// number of the route on which this node expects them.
func (r *liveRoom) relayTo(n replica.Node, peer link.Peer, number uint32) uint32 {
	rt := r.server.routes.add()
	if !r.attachRelay(n, peer, rt, number) {
		return 0
	}
	return rt.number
}

// relayToOwner does the same with the owner. What another owner brought is brought by this one now.
func (r *liveRoom) relayToOwner(n replica.Node, peer link.Peer, rt *route, number uint32) {
	if r.ended {
		r.server.routes.remove(rt)
		return
	}
	if !r.attachRelay(n, peer, rt, number) {
		return
	}
	r.arrangeBy(n)
	for other, relay := range r.relays {
		if other != n {
			delete(r.relays, other)
			r.retireRelay(relay)
		}
	}
}

// retireRelay ends a relay when the node at its other end has had the time to get another: nodes that followed this one until now
// reach the new owner at different times.
func (r *liveRoom) retireRelay(relay *roomRelay) {
	r.retiring[relay] = struct{}{}
	time.AfterFunc(retirement, func() {
		r.do(func() {
			if _, retiring := r.retiring[relay]; retiring {
				delete(r.retiring, relay)
				r.closeRelay(relay)
			}
		})
	})
}

func (r *liveRoom) attachRelay(n replica.Node, peer link.Peer, rt *route, number uint32) bool {
	links := r.server.cluster.Links
	media, err := r.router.AttachRelay(sfu.RelayConfig{
		Streams: r.server.cfg.Slots, VideoStreams: r.server.cfg.VideoSlots,
		Send: sendBy(links.SendDatagram, peer, number), SendPicture: sendBy(links.SendBulk, peer, number),
	})
	if err != nil {
		r.server.log.Error("room's media not relayed", "room", r.name, "node", n.Name, "err", err)
		r.server.routes.remove(rt)
		return false
	}
	relay := &roomRelay{media: media, route: rt, enrolled: make(map[string]struct{})}
	rt.media.Store(media)
	before := r.relays[n]
	if r.relays == nil {
		r.relays = make(relays)
	}
	r.relays[n] = relay
	if before != nil {
		for id := range before.enrolled {
			// Not those who come by a relay of their own meanwhile: from here they would come no more, since the node at the other
			// end gets them from this one. Those who have come to this node are heard by the former one until their media are here.
			if seat, _ := r.replica.Seat(id); seat.Node == n || r.relays[seat.Node] == nil {
				relay.inherit(r, before, id)
			}
		}
		r.closeRelay(before)
	}
	return true
}

// dropRelay ends the exchange of media with a node.
func (r *liveRoom) dropRelay(n replica.Node) {
	if relay := r.relays[n]; relay != nil {
		delete(r.relays, n)
		r.closeRelay(relay)
	}
}

func (r *liveRoom) closeRelay(relay *roomRelay) {
	r.server.routes.remove(relay.route)
	relay.media.Close()
}

// dropRelays ends all exchange of media.
func (r *liveRoom) dropRelays() {
	for n := range r.relays {
		r.dropRelay(n)
	}
	for relay := range r.retiring {
		delete(r.retiring, relay)
		r.closeRelay(relay)
	}
}

// dropRelaysOfOthers ends, for the owner, the relays to nodes that do not follow it. One that lives may be about to, as the former owner is with
// those who have just moved away from it and whose sound still comes from there: it gets the time.
func (o *reign) dropRelaysOfOthers() {
	for n, relay := range o.room.relays {
		if o.followers[n] != nil {
			continue
		}
		if _, alive := o.room.server.nodeOf(n); !alive {
			o.room.dropRelay(n)
			continue
		}
		time.AfterFunc(retirement, func() {
			o.room.do(func() {
				if !o.ended && o.followers[n] == nil && o.room.relays[n] == relay {
					o.room.dropRelay(n)
				}
			})
		})
	}
}

// arrange makes a participant come from where they are now.
func (all relays) arrange(r *liveRoom, participant string) {
	if len(all) == 0 {
		return
	}
	at := all.towards(r, participant)
	if at != nil {
		// Before it is withdrawn elsewhere, so that slots stay.
		at.enrol(r, participant)
	}
	_, seated := r.replica.Seat(participant)
	for _, other := range all {
		switch {
		case other == at:
		case seated:
			other.withdrawLater(r, participant)
		default:
			other.withdraw(participant)
		}
	}
}

// withdrawLater keeps a participant who has moved to another node heard by way of the former one, for as long as their media may
// linger there: they are in the room by the new one before its media are connected.
func (l *roomRelay) withdrawLater(r *liveRoom, participant string) {
	if _, enrolled := l.enrolled[participant]; !enrolled {
		return
	}
	time.AfterFunc(lingering, func() {
		r.do(func() {
			if !r.ended && r.relays.towards(r, participant) != l {
				l.withdraw(participant)
			}
		})
	})
}

// towards is the relay behind which a participant is heard and seen, nil for who is here, gone, or sends nothing.
func (all relays) towards(r *liveRoom, participant string) *roomRelay {
	seat, seated := r.replica.Seat(participant)
	if !seated || len(seat.Sources) == 0 || seat.Node == r.server.self {
		return nil
	}
	if r.authority != nil && r.authority.owns() {
		return all[seat.Node]
	}
	for _, toOwner := range all {
		return toOwner
	}
	return nil
}

func (l *roomRelay) enrol(r *liveRoom, participant string) {
	p, here := r.replica.Room().Participant(participant)
	seat, _ := r.replica.Seat(participant)
	if !here || len(seat.Sources) == 0 {
		return
	}
	sources := make([]sfu.Source, len(seat.Sources))
	for i, kind := range seat.Sources {
		sources[i] = sfu.Source(kind)
	}
	l.enrolled[participant] = struct{}{}
	l.media.Enrol(participant, p.CSRC, sources...)
}

// inherit enrols who is enrolled behind a relay that this one takes the place of.
func (l *roomRelay) inherit(r *liveRoom, before *roomRelay, participant string) {
	l.enrolled[participant] = struct{}{}
	l.media.Inherit(before.media, participant)
	if r.relays.towards(r, participant) != l {
		l.withdrawLater(r, participant)
	}
}

func (l *roomRelay) withdraw(participant string) {
	if _, enrolled := l.enrolled[participant]; enrolled {
		delete(l.enrolled, participant)
		l.media.Withdraw(participant)
	}
}

// arrangeBy makes everyone who is on another node come by one relay, before others are dropped.
func (r *liveRoom) arrangeBy(n replica.Node) {
	if r.replica == nil {
		return
	}
	for id, seat := range r.replica.Seats() {
		if len(seat.Sources) > 0 && seat.Node != r.server.self {
			r.relays[n].enrol(r, id)
		}
	}
}

// arrangeAll makes everyone come from where they are.
func (r *liveRoom) arrangeAll() {
	if r.replica == nil {
		return
	}
	for id := range r.replica.Seats() {
		r.relays.arrange(r, id)
	}
	for _, relay := range r.relays {
		for id := range relay.enrolled {
			if _, seated := r.replica.Seat(id); !seated {
				relay.withdraw(id)
			}
		}
	}
}
