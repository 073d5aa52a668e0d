package replica

import (
	"slices"

	"hubbub/room"
)

// Remnant is what a node saves of its copy of a room when that turns out not to be the one that goes on: its own people, and
// what was said and decided on its side.
type Remnant struct {
	Members  []Remaining            `json:"members"`
	Messages []room.MessageSnapshot `json:"messages"`
	Bans     []string               `json:"bans"`
	Version  int                    `json:"version"`
}

// Remaining is a participant with their seat.
type Remaining struct {
	Member room.MemberSnapshot `json:"member"`
	Seat   Seat                `json:"seat"`
}

// Empty tells whether there is nothing to save; the version alone is worth it when it is ahead of the other's.
func (m *Remnant) Empty(version int) bool {
	return len(m.Members) == 0 && len(m.Messages) == 0 && len(m.Bans) == 0 && m.Version <= version
}

// Remnant is what the other replica, which is to go on, lacks of this one, as far as it is the business of node. Those
// connected to the node whose state there differs are in it too.
func (r *Replica) Remnant(node Node, other *Replica) Remnant {
	mine, theirs := r.model.Export(), other.model.Export()
	rem := Remnant{Version: mine.Version}
	for _, m := range mine.Members {
		seat := r.seats[m.Participant.ID]
		if seat.Node != node {
			continue
		}
		known, here := other.model.Participant(m.Participant.ID)
		if !here || !other.seats[m.Participant.ID].equal(seat) || known.State != m.Participant.State {
			rem.Members = append(rem.Members, Remaining{Member: m, Seat: seat})
		}
	}
	said := make(map[string]struct{}, len(theirs.Messages))
	for _, m := range theirs.Messages {
		said[m.Message.ID] = struct{}{}
	}
	for _, m := range mine.Messages {
		// What is older than all that the other still has was forgotten there, not missed.
		old := len(theirs.Messages) > 0 && m.Message.Seq < theirs.Messages[0].Message.Seq
		if _, known := said[m.Message.ID]; !known && !old {
			rem.Messages = append(rem.Messages, m)
		}
	}
	for _, user := range mine.Bans {
		if !slices.Contains(theirs.Bans, user) {
			rem.Bans = append(rem.Bans, user)
		}
	}
	return rem
}

// adopt brings a remnant in. Someone who is here as another participant, from a newer connection, keeps that seat; the remnant's is
// then among the vacated, under the participant id that it had there.
func (r *Replica) adopt(e *Entry) Outcome {
	var o Outcome
	rem := e.Command.Remnant
	if rem == nil {
		return o
	}
	// Two above what the other side has seen, so that there is a gap: two copies may have come to the same version by different events.
	r.model.Raise(rem.Version + 2)
	for _, user := range rem.Bans {
		o.Events = append(o.Events, r.model.AdoptBan(user)...)
	}
	r.unseat(&o)
	for _, m := range rem.Members {
		if sits, ok := r.sessions[m.Seat.Session]; ok && sits != m.Member.Participant.ID {
			continue
		}
		if r.isNewer(m.Member.Participant.ID, m.Seat) {
			o.vacate(m.Member.Participant.ID, m.Seat)
			continue
		}
		p, taken, events := r.model.Adopt(e.now(), m.Member)
		if !taken {
			o.vacate(m.Member.Participant.ID, m.Seat)
			continue
		}
		o.Events = append(o.Events, events...)
		r.sit(p.ID, m.Seat)
	}
	for _, m := range rem.Messages {
		if message, added := r.model.AdoptMessage(m); added {
			o.Messages = append(o.Messages, message)
		}
	}
	return o
}

// isNewer tells whether a participant has been resumed elsewhere while its former node was cut off. Then it is active, on
// another session than the one that is offered.
func (r *Replica) isNewer(participant string, offered Seat) bool {
	seat, seated := r.seats[participant]
	p, _ := r.model.Participant(participant)
	return seated && seat.Session != offered.Session && p.State == room.Active
}
