package room

import (
	"fmt"
	"maps"
	"time"
)

// Role is what a participant may do.
type Role string

// The roles, by falling rights. Everyone may chat.
const (
	Host     Role = "host"     // speaks and moderates
	Speaker  Role = "speaker"  // speaks
	Listener Role = "listener" // hears
)

// Valid tells whether r is one of the roles.
func (r Role) Valid() bool { return r == Host || r == Speaker || r == Listener }

// State is whether a participant's connection is there.
type State string

// The states. Media may still flow while reconnecting.
const (
	Active       State = "active"
	Reconnecting State = "reconnecting"
)

// LeaveReason is why a participant is gone.
type LeaveReason string

// The reasons of a Left event, spelled as the protocol does.
const (
	Departed LeaveReason = "left"    // of their own will
	TimedOut LeaveReason = "timeout" // did not come back within the grace time
	Removed  LeaveReason = "removed" // by a moderator; may join again
	Banned   LeaveReason = "banned"  // by a moderator; may not join again while the room lives
)

// Participant is one user in one room, as everyone in the room sees it.
type Participant struct {
	ID   string // unique in the room, kept across reconnects
	User string // who they are everywhere
	Name string // for people
	// CSRC names this participant in the packets that others are sent (RFC 3550, section 5.1): not 0, unique in the room.
	CSRC  uint32
	Role  Role
	Muted bool
	Hand  bool // raised
	// Camera and Screen only inform others; they open and close nothing.
	Camera, Screen bool
	State          State
	JoinedAt       time.Time
	// Attributes are set by the client. Never modify the map: participants handed out earlier share it.
	Attributes map[string]string
}

// MayPublish tells whether what the participant sends is to be forwarded: a speaker or host who is not muted.
func (p Participant) MayPublish() bool { return !p.Muted && p.Role != Listener }

// MayShow tells whether the pictures that the participant sends are to be forwarded: muting is about sound.
func (p Participant) MayShow() bool { return p.Role != Listener }

// equal compares all that others can see.
func (p Participant) equal(q Participant) bool {
	return p.ID == q.ID && p.User == q.User && p.Name == q.Name && p.CSRC == q.CSRC &&
		p.Role == q.Role && p.Muted == q.Muted && p.Hand == q.Hand &&
		p.Camera == q.Camera && p.Screen == q.Screen &&
		p.State == q.State && p.JoinedAt.Equal(q.JoinedAt) &&
		maps.Equal(p.Attributes, q.Attributes)
}

// Change is what a participant changes of itself; nil leaves a member as it is. Lengths are the caller's to check.
type Change struct {
	Name                        *string
	Muted, Hand, Camera, Screen *bool
	Attributes                  *map[string]string // replaces all of them; the map is copied
}

// Update applies a participant's own change. A listener may set Muted to false, and is still not heard: see MayPublish.
// It gives an event only when something visible changed. The error is ErrNotFound.
func (r *Room) Update(_ time.Time, id string, c Change) (Participant, []Event, error) {
	m, ok := r.byID[id]
	if !ok {
		return Participant{}, nil, fmt.Errorf("updating %q: %w", id, ErrNotFound)
	}
	next := m.Participant
	assign(&next.Name, c.Name)
	assign(&next.Muted, c.Muted)
	assign(&next.Hand, c.Hand)
	assign(&next.Camera, c.Camera)
	assign(&next.Screen, c.Screen)
	if c.Attributes != nil {
		next.Attributes = maps.Clone(*c.Attributes)
	}
	events := r.update(m, next)
	return m.Participant, events, nil
}

// update makes next the participant of m, with an event if others can see a difference.
func (r *Room) update(m *member, next Participant) []Event {
	if m.equal(next) {
		return nil
	}
	m.Participant = next
	return []Event{r.record(Updated, next, "")}
}

func assign[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}
