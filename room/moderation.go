package room

import (
	"fmt"
	"time"
)

// Action is what a moderator does to a participant.
type Action string

// The actions, spelled as the protocol does.
const (
	Mute    Action = "mute"   // they may unmute themselves
	Remove  Action = "remove" // they may join again
	Ban     Action = "ban"    // they may not join again while the room lives
	SetRole Action = "role"
)

// Order is one act of moderation.
type Order struct {
	By     string // participant id of who gives it; "" for an admin who is not in the room
	Admin  bool   // a token or an operator allows it whatever role By has
	Target string // participant id
	Action Action
	Role   Role // for SetRole
}

// Moderate carries out an order. Hosts and admins may give any, to other hosts too and, except for removing and banning, to
// themselves. An order that changes nothing succeeds without an event.
//
// The errors are ErrForbidden (neither host nor admin, or a room of guests would lose the only host that it can have),
// ErrNotFound (the target) and ErrInvalid (an unknown action or role, removing oneself).
func (r *Room) Moderate(_ time.Time, o Order) ([]Event, error) {
	by := r.byID[o.By]
	if !o.Admin && (by == nil || by.Role != Host) {
		return nil, fmt.Errorf("%w: only hosts moderate", ErrForbidden)
	}
	target, ok := r.byID[o.Target]
	if !ok {
		return nil, fmt.Errorf("moderating %q: %w", o.Target, ErrNotFound)
	}
	switch o.Action {
	case Mute:
		next := target.Participant
		next.Muted = true
		return r.update(target, next), nil
	case SetRole:
		return r.setRole(target, o.Role)
	case Remove, Ban:
		if by == target {
			return nil, fmt.Errorf("%w: nobody can %s themself", ErrInvalid, o.Action)
		}
		return r.expel(target, o.Action), nil
	}
	return nil, fmt.Errorf("%w action %q", ErrInvalid, o.Action)
}

func (r *Room) expel(target *member, a Action) []Event {
	reason := Removed
	if a == Ban {
		reason = Banned
		r.bans.add(target.User)
	}
	return append(r.remove(target, reason), r.succeed(nil)...)
}

func (r *Room) setRole(target *member, role Role) ([]Event, error) {
	if !role.Valid() {
		return nil, fmt.Errorf("%w role %q", ErrInvalid, role)
	}
	// The one speaker there is would inherit the room from themself.
	if target.Role == Host && role == Speaker && r.cfg.Guests && target.granted == "" && !r.hasHeir(target) {
		return nil, fmt.Errorf("%w: a room needs a host, and there is no other speaker", ErrForbidden)
	}
	next := target.Participant
	next.Role = role
	return append(r.update(target, next), r.succeed(target)...), nil
}

// succeed gives a room of guests that has no host a new one: the speaker who has been there longest, one who is
// connected before one who is reconnecting. last, when not nil, stepped down just now and comes after all others.
//
// Every command that can take a room its last host, or bring a speaker into a room without one, ends with it. So a room
// of guests is without a host only while it has no speaker who may be one, and the next to come becomes host.
func (r *Room) succeed(last *member) []Event {
	if !r.cfg.Guests || r.hasHost() {
		return nil
	}
	var heir *member
	for _, m := range r.members {
		if r.mayInherit(m) && (heir == nil || heirRank(m, last) < heirRank(heir, last)) {
			heir = m
		}
	}
	if heir == nil {
		return nil
	}
	next := heir.Participant
	next.Role = Host
	return r.update(heir, next)
}

// heirRank orders those who may inherit a room; of the same rank, whoever has been there longest comes first.
func heirRank(m, last *member) int {
	switch {
	case m == last:
		return 2
	case m.State != Active:
		return 1
	default:
		return 0
	}
}

// mayInherit tells whether the rules for guests may make m host.
func (r *Room) mayInherit(m *member) bool {
	return r.cfg.Guests && m.Role == Speaker && m.granted == ""
}

func (r *Room) hasHost() bool {
	for _, m := range r.members {
		if m.Role == Host {
			return true
		}
	}
	return false
}

// hasHeir tells whether, without m as host, the room would still have or find one.
func (r *Room) hasHeir(without *member) bool {
	for _, m := range r.members {
		if m != without && (m.Role == Host || r.mayInherit(m)) {
			return true
		}
	}
	return false
}

// maxBans bounds what hosts can make a room remember. Past it the oldest ban lapses.
const maxBans = 10_000

// banList is the set of banned users, with their order for the bound and for snapshots. Its zero value is empty.
type banList struct {
	users map[string]struct{}
	order []string
}

func (b *banList) has(user string) bool {
	_, ok := b.users[user]
	return ok
}

func (b *banList) add(user string) {
	if b.has(user) {
		return
	}
	if len(b.order) >= maxBans {
		delete(b.users, b.order[0])
		b.order = b.order[1:]
	}
	if b.users == nil {
		b.users = make(map[string]struct{})
	}
	b.users[user] = struct{}{}
	b.order = append(b.order, user)
}
