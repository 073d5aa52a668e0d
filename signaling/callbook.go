package signaling

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"hubbub/cluster"
)

const (
	// maxKnownCalls bounds the calls that a node has to do with, finished ones that it remembers included.
	maxKnownCalls = 20_000
	// owedEvery is how often the end of a call is told to the store again that could not be told.
	owedEvery = time.Second
	// watchEvery is how often a node looks whether the caller of a call that rings there is still to be found.
	watchEvery = time.Second
)

// callBook is what a node knows of the calls of its people: the state that they were told last, which never goes back, whatever comes late
// from other nodes. Safe for concurrent use; its lock comes before all others.
type callBook struct {
	shared cluster.Calls // nil: there is none
	// own has the calls between people of this node alone: all, where nothing is shared, and those that began while that was away.
	own     *cluster.MemoryCalls
	keep    time.Duration // how often an accepted call is kept
	changed chan struct{} // of capacity 1

	mu    sync.Mutex
	calls map[string]*knownCall
}

// knownCall is a call as the people of this node have been told of it.
type knownCall struct {
	call cluster.Call
	due  time.Time // when something is to be done about it
	owed bool      // it is finished, and the store does not know yet

	ringsUntil time.Time // when it is missed, by the clock of this node
	absent     time.Time // since when its caller is not to be found, while it rings; zero if they are
}

func newCallBook(shared cluster.Calls, grace time.Duration) *callBook {
	return &callBook{
		shared: shared, own: cluster.NewMemoryCalls(cluster.DefaultCallLimits(grace), time.Now),
		keep: cluster.KeepCallsEvery(grace), changed: make(chan struct{}, 1), calls: make(map[string]*knownCall),
	}
}

// store answers where a call is.
func (b *callBook) store(id string) cluster.Calls {
	if b.shared == nil || b.isOwn(id) {
		return b.own
	}
	return b.shared
}

// isOwn tells whether a call is between people of this node alone.
func (b *callBook) isOwn(id string) bool {
	_, err := b.own.Get(context.Background(), id) // does not wait
	return err == nil
}

// progress orders the states: a call never goes to a lower one.
func progress(s cluster.CallState) int {
	switch s {
	case cluster.CallRinging:
		return 0
	case cluster.CallAccepted:
		return 1
	default:
		return 2
	}
}

// note takes down a call, and answers the states that are news, in their order. The lock is held.
func (b *callBook) note(c cluster.Call, now time.Time) (news []cluster.Call) {
	known := b.calls[c.ID]
	if known == nil && len(b.calls) >= maxKnownCalls || known != nil && progress(c.State) <= progress(known.call.State) {
		return nil
	}
	if known != nil && known.call.State == cluster.CallRinging && c.State == cluster.CallEnded {
		// Only what was accepted is ended. What another node said of that is on its way still, or lost.
		between := c
		between.State = cluster.CallAccepted
		news = append(news, between)
	}
	noted := &knownCall{call: c, due: now.Add(b.keep)}
	switch {
	case c.State.Finished():
		noted.due = now.Add(cluster.FinishedMemory)
	case c.State == cluster.CallRinging:
		noted.ringsUntil = now.Add(min(c.Expires.Sub(now), ringFor)) // whatever the clock of its node says
		noted.due = earlier(now.Add(watchEvery), noted.ringsUntil)
	}
	b.calls[c.ID] = noted
	signal(b.changed)
	return append(news, c)
}

// find answers what is known of a call.
func (b *callBook) find(id string) (cluster.Call, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.calls[id]
	if known == nil {
		return cluster.Call{}, false
	}
	return known.call, true
}

// ofUser are the calls of a user that go on, the first that began first. The lock is held.
func (b *callBook) ofUser(user string, now time.Time) []cluster.Call {
	var calls []cluster.Call
	for _, known := range b.calls {
		c := known.call
		if c.Involves(user) && (c.State == cluster.CallAccepted || c.State == cluster.CallRinging && now.Before(c.Expires)) {
			calls = append(calls, c)
		}
	}
	slices.SortFunc(calls, func(a, b cluster.Call) int { return a.Expires.Compare(b.Expires) })
	return calls
}

// ringingFrom are the calls of a user that nobody has answered.
func (b *callBook) ringingFrom(user string) []cluster.Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(b.ofUser(user, time.Now()), func(c cluster.Call) bool {
		return c.From != user || c.State != cluster.CallRinging
	})
}

// isBusy tells whether a user is in an accepted call, as far as this node knows.
func (b *callBook) isBusy(user string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.ofUser(user, time.Now()), func(c cluster.Call) bool { return c.State == cluster.CallAccepted })
}

// owe notes that the store has to be told of the end of a call.
func (b *callBook) owe(id string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.calls[id]; known != nil {
		known.owed, known.due = true, now.Add(owedEvery)
		signal(b.changed)
	}
}

// settle notes that the store knows of it.
func (b *callBook) settle(id string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.calls[id]; known != nil {
		known.owed, known.due = false, now.Add(cluster.FinishedMemory)
	}
}

// noteCaller notes whether the caller of a call that rings is to be found, and answers for how long they have not been.
func (b *callBook) noteCaller(id string, there bool, now time.Time) (absent time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.calls[id]
	switch {
	case known == nil:
		return 0
	case there:
		known.absent = time.Time{}
		return 0
	case known.absent.IsZero():
		known.absent = now
	}
	return now.Sub(known.absent)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (b *callBook) drop(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.calls, id)
}

// takeDue answers the calls that something is to be done about, as they are, which are due again later, and when the next one is.
func (b *callBook) takeDue(now time.Time) (due []knownCall, next time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next = now.Add(time.Hour)
	for _, known := range b.calls {
		if !now.Before(known.due) {
			due = append(due, *known)
			known.due = now.Add(b.keep)
			switch {
			case known.owed, known.call.State == cluster.CallRinging && !now.Before(known.ringsUntil):
				known.due = now.Add(owedEvery)
			case known.call.State == cluster.CallRinging:
				known.due = earlier(now.Add(watchEvery), known.ringsUntil)
			}
		}
		if known.due.Before(next) {
			next = known.due
		}
	}
	slices.SortFunc(due, func(a, b knownCall) int { return cmp.Compare(a.call.ID, b.call.ID) })
	return due, next
}

// read answers the calls of a user that go on, in the stores. Without the shared one, those that are not in it.
func (b *callBook) read(ctx context.Context, user string) ([]cluster.Call, error) {
	calls, err := b.own.OfUser(ctx, user)
	if err != nil || b.shared == nil {
		return calls, err
	}
	shared, err := b.shared.OfUser(ctx, user)
	if errors.Is(err, cluster.ErrUnavailable) {
		return calls, nil
	}
	return append(calls, shared...), err
}

// keepIn keeps an accepted call where it is. One that began while the shared store was away is moved there as soon as that is back: then
// the two can go to other nodes.
func (b *callBook) keepIn(ctx context.Context, c cluster.Call) (cluster.Call, error) {
	if b.shared == nil {
		return b.own.Keep(ctx, c)
	}
	now, err := b.shared.Keep(ctx, c)
	if err != nil {
		if b.isOwn(c.ID) {
			return b.own.Keep(ctx, c)
		}
		return now, err
	}
	if own, moved := b.own.Withdraw(c.ID); moved && own.State.Finished() {
		// It was hung up just now.
		now, _, err = b.shared.Transition(ctx, now, own.State)
	}
	return now, err
}
