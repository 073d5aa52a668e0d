package cluster

import (
	"context"
	"errors"
	"time"
)

// CallState is how far a call has come.
type CallState string

// The states of a call. It begins with CallRinging, goes on with CallAccepted or not, and ends with one of the others.
const (
	CallRinging   CallState = "ringing"
	CallAccepted  CallState = "accepted"
	CallDeclined  CallState = "declined"  // by the callee
	CallCancelled CallState = "cancelled" // by the caller, while it rang
	CallMissed    CallState = "missed"    // it rang for as long as it may
	CallEnded     CallState = "ended"     // it was accepted before
)

// Finished tells whether the state is a last one.
func (s CallState) Finished() bool { return s != CallRinging && s != CallAccepted }

// Call is one user's wish to talk with another one.
type Call struct {
	ID       string // unique, and known to nobody but the two
	From     string // user id
	FromName string
	To       string // user id
	ToName   string
	Media    string // "audio" or "video"
	Room     string
	State    CallState
	Expires  time.Time // when it is missed, to the millisecond
}

// Involves tells whether a user is one of the two.
func (c Call) Involves(user string) bool { return user != "" && (user == c.From || user == c.To) }

// Calls are the calls of all users, each with one state that all who ask agree on. They are bounded, for each user and altogether.
// A store that cannot be reached is ErrUnavailable, from every method: then what was asked for may have been done or not.
type Calls interface {
	// Create adds a call that rings. It returns ErrBusy when the callee is in an accepted call, or has as many that ring as a user may,
	// ErrInCall when the caller is in an accepted call, ErrCallThere when the two have a call that is not finished,
	// ErrTooManyCalls when the caller has begun as many as a user may, and ErrCallsFull when there is no space left for anyone's. It
	// has changed nothing then.
	Create(ctx context.Context, c Call) error
	// Transition moves a call from the state that c has to another one, if it has that state still (compare and set), and returns the call as
	// it is then, and whether this changed it. Of several transitions from the same state, on whichever nodes, exactly one
	// changes it. Into CallAccepted, it returns ErrBusy, having changed nothing, when one of the two is in another accepted call.
	// A call that is not there is ErrNoCall.
	Transition(ctx context.Context, c Call, to CallState) (now Call, changed bool, err error)
	// Keep says that one of the two of an accepted call is there: it is kept for another CallLimits.Lease. A call that the store has
	// lost is put back. It returns the call as it is: it may be finished.
	Keep(ctx context.Context, c Call) (Call, error)
	// Get returns a call that is not finished, or was finished less than FinishedMemory ago, else ErrNoCall.
	Get(ctx context.Context, id string) (Call, error)
	// OfUser returns the calls of a user that are not finished, in no particular order.
	OfUser(ctx context.Context, user string) ([]Call, error)
}

// FinishedMemory is how long Calls know a call after it has finished: so that who is late is told so, and that a user's calls of the last
// minute can be counted.
const FinishedMemory = time.Minute

// ringingMemory is how long a call that rings is kept after it should have been missed, for the nodes to notice.
const ringingMemory = 15 * time.Second

// What Calls refuse.
var (
	ErrNoCall       = errors.New("no such call")
	ErrBusy         = errors.New("the user is in another call")
	ErrInCall       = errors.New("the caller is in a call")
	ErrCallThere    = errors.New("there is a call between the two")
	ErrTooManyCalls = errors.New("the user has begun too many calls")
	ErrCallsFull    = errors.New("no space left for calls")
)

// CallLimits bounds Calls. All must be positive.
type CallLimits struct {
	Begun   int           // calls that one user began: those that are not finished, and those that have been for less than FinishedMemory
	Waiting int           // calls that ring for one user
	Total   int           // calls of all users
	Lease   time.Duration // how long an accepted call is kept after Keep, or after it was accepted
}

// DefaultCallLimits are for people, not for machines that call people. The lease is a bit more than the grace time, in which one may come back.
func DefaultCallLimits(grace time.Duration) CallLimits {
	return CallLimits{Begun: 30, Waiting: 8, Total: 20_000, Lease: grace + KeepCallsEvery(grace)}
}

// KeepCallsEvery is how often to say that someone of an accepted call is there.
func KeepCallsEvery(grace time.Duration) time.Duration {
	return min(max(grace/4, 100*time.Millisecond), 5*time.Second)
}
