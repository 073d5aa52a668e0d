// Package room is the model of one voice room: who is there, in which role, what was said in its chat,
// and who may not come back.
//
// A Room takes commands (Join, Update, Moderate, Chat, …) and answers with events. It is a pure state machine: the time is passed in
// with every command, ids are made by the functions of Config, and nothing here waits, locks, or
// knows of JSON, RTP or nodes. The same commands at the same times therefore always give the same events.
//
// A newcomer reads on in this order: participant.go (who is in a room), presence.go (coming and going), moderation.go
// (who may do what to whom, and who inherits a room), chat.go, snapshot.go (handing a room to another owner).
//
// # Events and versions
//
// Each event raises the room's version by exactly one and carries the version that it led to. A
// snapshot of the participants at version v, with the events v+1, v+2, … applied to it, is the
// roster: clients rely on this to notice what they have missed. A command that changes nothing that others can see gives no event.
//
// # Concurrency
//
// A Room is not safe for concurrent use; its owner serialises the commands. What it hands out (participants,
// events, messages, snapshots) is never modified afterwards and may be read from anywhere.
package room

import (
	"errors"
	"time"
)

// The errors of a Room's commands. Compare with errors.Is: most come wrapped in the detail.
var (
	// ErrFull says that the room has as many participants as its limit allows.
	ErrFull = errors.New("the room is full")
	// ErrBanned says that the user was banned from this room, for as long as it lives.
	ErrBanned = errors.New("banned from this room")
	// ErrForbidden says that the one who acts may not do this.
	ErrForbidden = errors.New("not allowed")
	// ErrNotFound says that no such participant is in the room.
	ErrNotFound = errors.New("no such participant")
	// ErrInvalid says that a command makes no sense whoever gives it: an unknown action or role, or removing oneself.
	ErrInvalid = errors.New("invalid")
)

// Config is what a room does not decide itself. It is the same for all rooms of a server, and so is no part of a Snapshot.
type Config struct {
	// Limit is how many participants may be in the room at once; 0 means any number.
	Limit int
	// Grace is the time between Disconnect and leaving with TimedOut.
	Grace time.Duration
	// History is how many messages are kept for History; the oldest go first. 0 keeps none.
	History int
	// Guests makes it a room whose roles come from who is there, not from tokens: its first
	// speaker becomes host, and when the last host is gone the speaker who has been there longest inherits it.
	Guests bool
	// NewID makes the ids of participants and messages. It must not repeat itself.
	NewID func() string
	// NewCSRC proposes the CSRC of a new participant. It is asked again while the answer is 0 or in use in this room.
	NewCSRC func() uint32
}

// Room is one room. Make it with New or Restore. It has ended when Len is 0 after someone had joined; the caller then
// drops it, and with it go its chat, its version and its bans.
type Room struct {
	cfg       Config
	name      string
	createdAt time.Time
	version   int

	members []*member // in order of joining
	byID    map[string]*member
	byUser  map[string]*member
	csrcs   map[uint32]struct{}

	chat log
	bans banList
}

// member is a participant with what others do not see of it.
type member struct {
	Participant
	// granted is the role that a token gave at the last Join, "" without one. Succession passes over those who have
	// one, and joining again with the same token does not undo what a host decided since.
	granted Role
	// deadline is when the grace time ends; meaningful while State is Reconnecting.
	deadline time.Time
}

// New makes an empty room.
func New(name string, now time.Time, cfg Config) *Room {
	return &Room{
		cfg:       cfg,
		name:      name,
		createdAt: now,
		byID:      make(map[string]*member),
		byUser:    make(map[string]*member),
		csrcs:     make(map[uint32]struct{}),
		chat:      newLog(cfg.History),
	}
}

// Info is what a room says of itself, without its participants.
type Info struct {
	Name      string
	Version   int // of the last event; 0 before the first
	CreatedAt time.Time
	Limit     int // 0: none
}

// Info returns the room's name, version, birth and limit.
func (r *Room) Info() Info {
	return Info{Name: r.name, Version: r.version, CreatedAt: r.createdAt, Limit: r.cfg.Limit}
}

// Len is the number of participants, those who are reconnecting included.
func (r *Room) Len() int { return len(r.members) }

// Participants returns everyone in the room in order of joining.
func (r *Room) Participants() []Participant {
	all := make([]Participant, len(r.members))
	for i, m := range r.members {
		all[i] = m.Participant
	}
	return all
}

// Participant returns the participant with this id.
func (r *Room) Participant(id string) (Participant, bool) {
	if m, ok := r.byID[id]; ok {
		return m.Participant, true
	}
	return Participant{}, false
}

// ByUser returns the one participant that a user is in this room, however many devices they have.
func (r *Room) ByUser(user string) (Participant, bool) {
	if m, ok := r.byUser[user]; ok {
		return m.Participant, true
	}
	return Participant{}, false
}

// EventKind says what an Event tells of.
type EventKind string

// What can happen to a participant. The room itself has nothing that changes after New, so there is no event for that.
const (
	Joined  EventKind = "joined"
	Updated EventKind = "updated"
	Left    EventKind = "left"
)

// Event is one step of the roster, to be told to everyone in the room in order of Version.
type Event struct {
	Kind        EventKind
	Version     int         // of the room, this event included
	Participant Participant // as it is after the event; for Left, as it was last
	Reason      LeaveReason // for Left only
}

// record raises the version for an event that has just happened.
func (r *Room) record(kind EventKind, p Participant, reason LeaveReason) Event {
	r.version++
	return Event{Kind: kind, Version: r.version, Participant: p, Reason: reason}
}
