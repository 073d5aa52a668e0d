package room

import (
	"fmt"
	"slices"
	"time"
)

// JoinRequest is who asks to come in, as their token or the rules for guests say.
type JoinRequest struct {
	User, Name string
	Role       Role
	// RoleFixed says that a token named the role. It is then neither raised by being the first in a room of guests nor
	// by inheriting one; hosts may still change it.
	RoleFixed bool
	Muted     bool
}

// Admissible tells whether a user could join now, so that costly work for them can be spared: nil, ErrBanned or ErrFull. A user
// who is here already needs no further place.
func (r *Room) Admissible(user string) error {
	if r.bans.has(user) {
		return ErrBanned
	}
	if _, here := r.byUser[user]; here {
		return nil
	}
	if r.cfg.Limit > 0 && len(r.members) >= r.cfg.Limit {
		return ErrFull
	}
	return nil
}

// Join lets a user in, from a new connection with media of its own or none. For a connection that
// goes on after a break there is Reconnect; a client that only wants a fresh snapshot changes nothing here.
//
// A user who is in the room already stays the same participant: id, CSRC, place in the order of joining, raised hand and
// attributes are kept, and so is the role, unless the token names another than it did before (what a host decided is not undone
// by joining again). State, Name and Muted become the new connection's, and Camera and Screen are off, since the old connection's media end.
//
// The errors are ErrBanned, ErrFull and, for a role that is none, ErrInvalid.
func (r *Room) Join(now time.Time, j JoinRequest) (Participant, []Event, error) {
	if !j.Role.Valid() {
		return Participant{}, nil, fmt.Errorf("joining %q: %w role %q", r.name, ErrInvalid, j.Role)
	}
	if err := r.Admissible(j.User); err != nil {
		return Participant{}, nil, fmt.Errorf("joining %q: %w", r.name, err)
	}
	var granted Role
	if j.RoleFixed {
		granted = j.Role
	}
	if m, here := r.byUser[j.User]; here {
		events := r.takeOver(m, j, granted)
		return m.Participant, events, nil
	}

	m := &member{granted: granted, Participant: Participant{
		ID: r.newID(), User: j.User, Name: j.Name, CSRC: r.newCSRC(), Role: j.Role, Muted: j.Muted,
		State: Active, JoinedAt: now,
	}}
	if r.mayInherit(m) && !r.hasHost() {
		m.Role = Host
	}
	r.add(m)
	return m.Participant, []Event{r.record(Joined, m.Participant, "")}, nil
}

func (r *Room) takeOver(m *member, j JoinRequest, granted Role) []Event {
	next := m.Participant
	next.State, next.Name, next.Muted = Active, j.Name, j.Muted
	next.Camera, next.Screen = false, false
	if granted != "" && granted != m.granted {
		next.Role, m.granted = granted, granted
	}
	return append(r.update(m, next), r.succeed(nil)...)
}

// Leave takes a participant out at their own wish. The error is ErrNotFound.
func (r *Room) Leave(_ time.Time, id string) ([]Event, error) {
	m, ok := r.byID[id]
	if !ok {
		return nil, fmt.Errorf("leaving: %q: %w", id, ErrNotFound)
	}
	return append(r.remove(m, Departed), r.succeed(nil)...), nil
}

// Disconnect notes that a participant's connection broke; the grace time runs from now. Of someone
// reconnecting already nothing changes, the grace time neither. The error is ErrNotFound.
func (r *Room) Disconnect(now time.Time, id string) ([]Event, error) {
	m, ok := r.byID[id]
	if !ok {
		return nil, fmt.Errorf("disconnecting %q: %w", id, ErrNotFound)
	}
	if m.State == Reconnecting {
		return nil, nil
	}
	m.deadline = now.Add(r.cfg.Grace)
	next := m.Participant
	next.State = Reconnecting
	return r.update(m, next), nil
}

// Reconnect notes that a participant's session goes on, on the same connection or a new one; all that the participant had set
// is kept. Whoever comes back before Expire has taken them out is in time. The error is ErrNotFound.
func (r *Room) Reconnect(_ time.Time, id string) (Participant, []Event, error) {
	m, ok := r.byID[id]
	if !ok {
		return Participant{}, nil, fmt.Errorf("reconnecting %q: %w", id, ErrNotFound)
	}
	next := m.Participant
	next.State = Active
	events := r.update(m, next)
	return m.Participant, events, nil
}

// Expire takes out everyone whose grace time has ended by now, in order of joining.
func (r *Room) Expire(now time.Time) []Event {
	var events []Event
	// Over a copy, because remove takes members out of the original. The room is inherited once all are gone, lest it
	// pass through someone who is leaving in the same moment.
	for _, m := range slices.Clone(r.members) {
		if m.State == Reconnecting && !now.Before(m.deadline) {
			events = append(events, r.remove(m, TimedOut)...)
		}
	}
	return append(events, r.succeed(nil)...)
}

// NextExpiry is when Expire will next have something to do; false while nobody is reconnecting.
func (r *Room) NextExpiry() (time.Time, bool) {
	var next time.Time
	var found bool
	for _, m := range r.members {
		if m.State == Reconnecting && (!found || m.deadline.Before(next)) {
			next, found = m.deadline, true
		}
	}
	return next, found
}

func (r *Room) add(m *member) {
	r.members = append(r.members, m)
	r.byID[m.ID] = m
	r.byUser[m.User] = m
	r.csrcs[m.CSRC] = struct{}{}
}

func (r *Room) remove(m *member, reason LeaveReason) []Event {
	i := slices.Index(r.members, m)
	r.members = slices.Delete(r.members, i, i+1)
	delete(r.byID, m.ID)
	delete(r.byUser, m.User)
	delete(r.csrcs, m.CSRC)
	return []Event{r.record(Left, m.Participant, reason)}
}

func (r *Room) newID() string {
	for {
		id := r.cfg.NewID()
		if _, taken := r.byID[id]; !taken {
			return id
		}
	}
}

func (r *Room) newCSRC() uint32 {
	for {
		csrc := r.cfg.NewCSRC()
		if _, taken := r.csrcs[csrc]; !taken && csrc != 0 {
			return csrc
		}
	}
}
