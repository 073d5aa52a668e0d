package cluster

import (
	"context"
	"sync"
	"time"
)

// memorySweepEvery is how often a MemoryCalls looks for what it can forget of users who do not call any more.
const memorySweepEvery = time.Second

// MemoryCalls are the Calls of one node. They end with the process.
type MemoryCalls struct {
	limits CallLimits
	now    func() time.Time

	mu     sync.Mutex
	calls  map[string]*keptCall
	ofUser map[string]map[string]*keptCall // no entry is empty
	swept  time.Time
}

type keptCall struct {
	Call
	forgetAfter time.Time
}

// NewMemoryCalls makes a store without calls; now is its clock.
func NewMemoryCalls(limits CallLimits, now func() time.Time) *MemoryCalls {
	return &MemoryCalls{
		limits: limits, now: now,
		calls: make(map[string]*keptCall), ofUser: make(map[string]map[string]*keptCall),
	}
}

// Create implements Calls.
func (m *MemoryCalls) Create(_ context.Context, c Call) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.sweep(now)
	var busy, engaged, there bool
	begun, waiting := 0, 0
	for _, other := range m.ofUser[c.To] {
		busy = busy || other.State == CallAccepted
		if other.State == CallRinging && other.To == c.To {
			waiting++
		}
	}
	for _, other := range m.ofUser[c.From] {
		switch {
		case other.State == CallAccepted:
			engaged = true
		case other.State == CallRinging && other.Involves(c.To):
			there = true
		case other.From == c.From:
			begun++
		}
	}
	switch {
	case busy:
		return ErrBusy
	case engaged:
		return ErrInCall
	case there:
		return ErrCallThere
	case begun >= m.limits.Begun:
		return ErrTooManyCalls
	case waiting >= m.limits.Waiting:
		return ErrBusy
	case len(m.calls) >= m.limits.Total:
		return ErrCallsFull
	}
	c.State = CallRinging
	m.put(c, now)
	return nil
}

// Transition implements Calls.
func (m *MemoryCalls) Transition(_ context.Context, c Call, to CallState) (Call, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.sweep(now)
	known := m.calls[c.ID]
	switch {
	case known == nil:
		return Call{}, false, ErrNoCall
	case known.State != c.State:
		return known.Call, false, nil
	case to == CallAccepted && (m.isInCall(c.From) || m.isInCall(c.To)):
		return known.Call, false, ErrBusy
	}
	known.State = to
	known.forgetAfter = m.forgetAt(known.Call, now)
	return known.Call, true, nil
}

// Keep implements Calls.
func (m *MemoryCalls) Keep(_ context.Context, c Call) (Call, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	known := m.calls[c.ID]
	switch {
	case known == nil:
		m.put(c, now)
		return c, nil
	case known.State == CallAccepted:
		known.forgetAfter = m.forgetAt(known.Call, now)
	}
	return known.Call, nil
}

// Get implements Calls.
func (m *MemoryCalls) Get(_ context.Context, id string) (Call, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(m.now())
	known := m.calls[id]
	if known == nil {
		return Call{}, ErrNoCall
	}
	return known.Call, nil
}

// OfUser implements Calls.
func (m *MemoryCalls) OfUser(_ context.Context, user string) ([]Call, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(m.now())
	var calls []Call
	for _, c := range m.ofUser[user] {
		if !c.State.Finished() {
			calls = append(calls, c.Call)
		}
	}
	return calls, nil
}

// Withdraw forgets a call that is in another store now, and returns it as it was at last, false if it was not there.
func (m *MemoryCalls) Withdraw(id string) (Call, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.calls[id]
	if known == nil {
		return Call{}, false
	}
	m.forget(known)
	return known.Call, true
}

func (m *MemoryCalls) isInCall(user string) bool {
	for _, c := range m.ofUser[user] {
		if c.State == CallAccepted {
			return true
		}
	}
	return false
}

func (m *MemoryCalls) forgetAt(c Call, now time.Time) time.Time {
	return now.Add(keptFor(c, m.limits, now))
}

// keptFor is how long a call is known that has come into its state just now.
func keptFor(c Call, limits CallLimits, now time.Time) time.Duration {
	switch {
	case c.State.Finished():
		return FinishedMemory
	case c.State == CallAccepted:
		return limits.Lease
	default:
		return max(0, c.Expires.Sub(now)) + ringingMemory
	}
}

func (m *MemoryCalls) put(c Call, now time.Time) {
	kept := &keptCall{Call: c, forgetAfter: m.forgetAt(c, now)}
	m.calls[c.ID] = kept
	for _, user := range []string{c.From, c.To} {
		if m.ofUser[user] == nil {
			m.ofUser[user] = make(map[string]*keptCall)
		}
		m.ofUser[user][c.ID] = kept
	}
}

// sweep forgets what is over. There are at most CallLimits.Total to look at.
func (m *MemoryCalls) sweep(now time.Time) {
	if now.Sub(m.swept).Abs() < memorySweepEvery {
		return
	}
	m.swept = now
	for _, c := range m.calls {
		if !now.Before(c.forgetAfter) {
			m.forget(c)
		}
	}
}

func (m *MemoryCalls) forget(c *keptCall) {
	delete(m.calls, c.ID)
	for _, user := range []string{c.From, c.To} {
		delete(m.ofUser[user], c.ID)
		if len(m.ofUser[user]) == 0 {
			delete(m.ofUser, user)
		}
	}
}
