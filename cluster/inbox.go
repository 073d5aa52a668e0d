package cluster

import (
	"context"
	"errors"
	"time"
)

// Whisper is a private text from one user to another.
type Whisper struct {
	ID       string // unique; how its receivers deduplicate
	From     string // user id
	FromName string
	To       string // user id
	Text     string
	Room     string // in which both were when it was sent; "" for none
	Origin   string // the node that waits for its acknowledgement; "" for none
	Time     time.Time
}

// Inbox keeps whispers from their sending until one of the target's devices has acknowledged them. It is bounded, for each user and
// altogether: whoever knows a user's id can write to it.
type Inbox interface {
	// Store adds a whisper as the newest of its target; one that waits for that user already stays where it is, and one
	// that was settled less than SettledMemory ago does not come back, so that Store may be repeated. Where the user has
	// too many, the oldest go. It returns ErrInboxFull, having stored nothing, when there is no space left for anyone, and
	// ErrUnavailable when the store cannot be reached: then it may have been stored or not.
	Store(ctx context.Context, w Whisper) (Deposit, error)
	// Pending returns what waits for a user, in the order of storing, or ErrUnavailable.
	Pending(ctx context.Context, user string) ([]Whisper, error)
	// Recent returns also, in their places, those that were settled in the last ten seconds: what one device has acknowledged goes to
	// the others that were there too, even if they are slower. At most as many of these are kept as may wait.
	Recent(ctx context.Context, user string) ([]RecentWhisper, error)
	// Settle removes a whisper and tells whether it was there. Of several calls for the same one, on whichever nodes,
	// exactly one is told true; none may be when the store fails in between. It may return ErrUnavailable.
	Settle(ctx context.Context, user, id string) (bool, error)
}

// RecentWhisper is a whisper that waits, or did a moment ago.
type RecentWhisper struct {
	Whisper

	Settled bool
}

// settledStay is how long Recent returns what is settled.
const settledStay = 10 * time.Second

// waitingOf are those that wait.
func waitingOf(recent []RecentWhisper) []Whisper {
	var waiting []Whisper
	for _, w := range recent {
		if !w.Settled {
			waiting = append(waiting, w.Whisper)
		}
	}
	return waiting
}

// Deposit is what an Inbox has of a whisper after Store.
type Deposit struct {
	Time     time.Time // the whisper's, as it was stored first
	Repeated bool      // it had been stored before, and this Store has changed nothing
	Settled  bool      // it has been settled since it was stored first
}

// SettledMemory is how long an Inbox knows a whisper after it was settled: longer than a client whose connection broke needs to
// come back and to ask again for what was not answered.
const SettledMemory = 2 * time.Minute

// ErrInboxFull says that an Inbox has no space left until whispers are settled or expire.
var ErrInboxFull = errors.New("no space left for whispers")

// InboxLimits bounds an Inbox. All must be positive.
type InboxLimits struct {
	PerUser int           // whispers that wait for one user; the oldest go first
	Age     time.Duration // from storing to expiry
	Bytes   int           // of all users' whispers together in a node's memory, reckoned by Whisper.Size
}

// DefaultInboxLimits are the protocol's bounds for a user, and memory that the smallest machine has to spare.
func DefaultInboxLimits() InboxLimits {
	return InboxLimits{PerUser: 1000, Age: 7 * 24 * time.Hour, Bytes: 64 << 20}
}

// whisperOverhead is about what a stored whisper costs beside its strings: the struct itself, its places in
// two queues, its entry among the ids and a share of the target's map entry.
const whisperOverhead = 400

// Size is about how many bytes of memory a stored whisper takes.
func (w Whisper) Size() int {
	return whisperOverhead + len(w.ID) + len(w.From) + len(w.FromName) + len(w.To) + len(w.Text) + len(w.Room) + len(w.Origin)
}
