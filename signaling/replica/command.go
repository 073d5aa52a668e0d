package replica

import (
	"slices"
	"time"

	"hubbub/room"
)

// Node is one process of one node: after a restart the boot differs.
type Node struct {
	Name string `json:"name"`
	Boot string `json:"boot"`
}

// Kind says what a Command asks for.
type Kind string

// The commands. Those of a session fail with ErrNotSeated when the session has not the participant's seat any more.
const (
	Join       Kind = "join"       // a session comes in, or takes the seat that its user has: Entrance
	Leave      Kind = "leave"      // a session's participant goes for good
	Disconnect Kind = "disconnect" // a session's connection broke
	Return     Kind = "return"     // a session that was thought to be away is connected still
	Update     Kind = "update"     // a participant's own change: Change
	Publish    Kind = "publish"    // a session's media changed: Sources
	Chat       Kind = "chat"       // Text, Nonce
	Moderate   Kind = "moderate"   // Order
	Expire     Kind = "expire"     // of the owner: takes out whose grace time is over
	Lose       Kind = "lose"       // of the owner: a node is gone, with its connections: Lost
	Adopt      Kind = "adopt"      // of a node that comes from another copy of the room: Remnant
)

// Command is a wish of a node that has people in the room. Which fields are used is the Kind's; all others are zero.
type Command struct {
	Kind    Kind   `json:"kind"`
	Request uint64 `json:"request,omitempty"` // by which the node that sent it knows it again
	From    Node   `json:"from"`

	Session     string `json:"session,omitempty"`
	Participant string `json:"participant,omitempty"`

	Entrance *Entrance    `json:"entrance,omitempty"`
	Change   *room.Change `json:"change,omitempty"`
	Sources  []string     `json:"sources,omitempty"`
	Text     string       `json:"text,omitempty"`
	Nonce    string       `json:"nonce,omitempty"`
	Order    *room.Order  `json:"order,omitempty"`
	Lost     *Node        `json:"lost,omitempty"`
	Remnant  *Remnant     `json:"remnant,omitempty"`
}

// Entrance is how a session comes in.
type Entrance struct {
	Request room.JoinRequest `json:"request"`
	// Muted is what the client said of it, nil if nothing: then a resumed participant stays as it was.
	Muted *bool `json:"muted,omitempty"`
	// Resumes are the sessions that this one may continue. If one of them has the seat, the participant goes on.
	Resumes []string `json:"resumes,omitempty"`
	// Broken says that the continued session's node is gone; the others are shown that, if they were not yet.
	Broken bool `json:"broken,omitempty"`
	// KeepsMedia says that the participant's media, which this node has, go on as they were; Media that it comes with new ones.
	// One who resumes with neither, and has media on another node, is refused.
	KeepsMedia bool     `json:"keepsMedia,omitempty"`
	Media      bool     `json:"media,omitempty"`
	Sources    []string `json:"sources,omitempty"` // of the new media, as in Seat
}

// Position is how much of a room's log a replica has applied. The zero Position is that of a room that has not begun.
type Position struct {
	Epoch uint64 `json:"epoch"` // of the ownership under which the last entry was written
	Index uint64 `json:"index"` // of the last entry, counted from 1 over all epochs
}

// After tells whether p is the better one to go on from: that of the later owner, and of the longer log of the same.
func (p Position) After(q Position) bool {
	return p.Epoch > q.Epoch || p.Epoch == q.Epoch && p.Index > q.Index
}

// Entry is a command in its place, with what makes it have the same effect everywhere.
type Entry struct {
	Position
	Time    int64   `json:"time"`           // ms since 1970
	Seed    []byte  `json:"seed,omitempty"` // 32 bytes of randomness, where ids are made
	Command Command `json:"command"`
}

func (e *Entry) now() time.Time { return time.UnixMilli(e.Time) }

// Seat is where a participant is connected.
type Seat struct {
	Node
	Session string `json:"session"`
	Media   bool   `json:"media"` // media flow between it and the node
	// Sources are what others may hear and see of it ("microphone", "camera" and so on), in the order of its m-lines. The slice is
	// shared with snapshots and never changed.
	Sources []string `json:"sources,omitempty"`
}

func (s Seat) equal(other Seat) bool {
	return s.Node == other.Node && s.Session == other.Session && s.Media == other.Media && slices.Equal(s.Sources, other.Sources)
}

// Outcome is what a command has come to.
type Outcome struct {
	Entry       Entry
	Participant room.Participant // of Join, Update, Return and Publish
	Events      []room.Event
	// Resumed says that a Join continued the session that had the seat.
	Resumed bool
	// Vacated are the seats that were taken from their sessions, by participant: Join puts another session there, leaving nobody.
	Vacated map[string]Seat
	// Messages are the new ones of Chat and Adopt. Of a Chat whose nonce is known already, Repeated is that message.
	Messages []room.Message
	Repeated *room.Message
}
