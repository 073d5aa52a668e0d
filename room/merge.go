package room

import "time"

// Adopt takes in a participant of another copy of this room, which went on without this one for a while (a network that
// was split), as they are there. Of someone who is here still, only the state becomes that of the other copy; a
// user who is here as another participant stays that one, and a banned one stays out: the second result is then false.
// The limit is not asked for, since nobody who is in is to be sent away.
func (r *Room) Adopt(_ time.Time, m MemberSnapshot) (Participant, bool, []Event) {
	if known, here := r.byID[m.Participant.ID]; here {
		next := known.Participant
		next.State = m.Participant.State
		known.deadline = m.Deadline
		return next, true, r.update(known, next)
	}
	if other, here := r.byUser[m.Participant.User]; here {
		return other.Participant, false, nil
	}
	if r.bans.has(m.Participant.User) {
		return Participant{}, false, nil
	}
	adopted := &member{Participant: m.Participant, granted: m.Granted, deadline: m.Deadline}
	if _, taken := r.csrcs[adopted.CSRC]; taken || adopted.CSRC == 0 {
		adopted.CSRC = r.newCSRC()
	}
	if adopted.Role == Host && r.mayHaveHeired(adopted) && r.hasHost() {
		// Each copy of a room of guests chose a host of its own; this copy's stays.
		adopted.Role = Speaker
	}
	r.add(adopted)
	return adopted.Participant, true, append([]Event{r.record(Joined, adopted.Participant, "")}, r.succeed(nil)...)
}

// mayHaveHeired tells whether a host became one by the rules for guests.
func (r *Room) mayHaveHeired(m *member) bool { return r.cfg.Guests && m.granted == "" }

// AdoptMessage appends a message of another copy of this room under the next number here. It reports false for one that is here already, also
// for one that its sender has repeated here by its nonce, not knowing what had become of it there.
func (r *Room) AdoptMessage(m MessageSnapshot) (Message, bool) {
	if r.chat.has(m.Message.ID) {
		return Message{}, false
	}
	if _, repeated := r.chat.byNonce(m.Message.User, m.Nonce); repeated {
		return Message{}, false
	}
	adopted := m.Message
	adopted.Seq = r.chat.seq + 1
	r.chat.add(adopted, m.Nonce)
	return adopted, true
}

// AdoptBan takes over a ban of another copy of this room, and takes the user out if they are here.
func (r *Room) AdoptBan(user string) []Event {
	r.bans.add(user)
	if m, here := r.byUser[user]; here {
		return append(r.remove(m, Banned), r.succeed(nil)...)
	}
	return nil
}

// Raise makes the version at least v and larger than it was, so that those who have seen this copy of the room, or another one before v,
// notice that they have missed something.
func (r *Room) Raise(v int) { r.version = max(r.version+1, v) }
