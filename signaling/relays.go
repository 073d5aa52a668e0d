package signaling

import (
	"hubbub/sfu"
	"hubbub/signaling/replica"
)

// relays are a room's media links to other nodes, by node: the owner has one to each node with people in
// the room, the others have one to the owner. Guarded by the room's lock.
type relays map[replica.Node]*roomRelay

// roomRelay joins the room's router here with the one of another node.
type roomRelay struct {
	media    *sfu.Relay
	route    *route              // by which its packets come
	enrolled map[string]struct{} // participants behind it who may be heard
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
	for _, other := range all {
		if other != at {
			other.withdraw(participant)
		}
	}
}

// towards is the relay behind which a participant is heard, nil for who is here, gone, or not to be heard.
func (all relays) towards(r *liveRoom, participant string) *roomRelay {
	seat, seated := r.replica.Seat(participant)
	if !seated || !seat.Publishes || seat.Node == r.server.self {
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
	p, _ := r.replica.Room().Participant(participant)
	l.enrolled[participant] = struct{}{}
	l.media.Enrol(participant, p.CSRC)
}

func (l *roomRelay) withdraw(participant string) {
	if _, enrolled := l.enrolled[participant]; enrolled {
		delete(l.enrolled, participant)
		l.media.Withdraw(participant)
	}
}

// arrangeAll makes everyone come from where they are, after a relay was added or taken away.
func (r *liveRoom) arrangeAll() {
	if r.replica == nil {
		return
	}
	for id := range r.replica.Seats() {
		r.relays.arrange(r, id)
	}
}
