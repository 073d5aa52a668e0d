package cluster

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"
)

// maxSettled bounds the settled whispers that a MemoryInbox knows, of all users.
const maxSettled = 10_000

// MemoryInbox is the Inbox of one node. It ends with the process.
type MemoryInbox struct {
	limits InboxLimits
	now    func() time.Time

	mu    sync.Mutex
	queue list.List // of *stored, oldest first: all expire at the same age, so in this order
	users map[string]*mailbox
	ids   map[whisperKey]*list.Element // of those that wait
	bytes int

	staying list.List // of elements of queue that are settled, those that were settled first first
	settled settledWhispers
}

// mailbox is a user's part of the queue. None is empty.
type mailbox struct {
	elements []*list.Element // oldest first
	waiting  int             // of elements
}

// whisperKey names a whisper among those of all users.
type whisperKey struct{ user, id string }

type stored struct {
	whisper Whisper
	expires time.Time

	settled bool
	until   time.Time // it stays, once it is settled
	removed bool
}

// NewMemoryInbox makes an empty inbox; now is its clock.
func NewMemoryInbox(limits InboxLimits, now func() time.Time) *MemoryInbox {
	return &MemoryInbox{
		limits: limits, now: now,
		users: make(map[string]*mailbox), ids: make(map[whisperKey]*list.Element),
		settled: settledWhispers{known: make(map[whisperKey]settlement)},
	}
}

// Store implements Inbox.
func (in *MemoryInbox) Store(_ context.Context, w Whisper) (Deposit, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	now := in.now()
	in.expire(now)
	key := whisperKey{w.To, w.ID}
	ahead := in.settled.known[key].ahead
	if before, known := in.find(key); known && !ahead {
		return before, nil
	}
	replaced := in.surplus(w.To)
	size := in.bytes + w.Size()
	if replaced != nil {
		size -= replaced.Value.(*stored).whisper.Size()
	}
	for size > in.limits.Bytes && in.staying.Len() > 0 {
		size -= in.removeStaying()
	}
	if size > in.limits.Bytes {
		return Deposit{}, ErrInboxFull
	}
	if replaced != nil {
		in.remove(replaced)
	}
	own := in.users[w.To]
	if own == nil {
		own = new(mailbox)
		in.users[w.To] = own
	}
	element := in.queue.PushBack(&stored{whisper: w, expires: now.Add(in.limits.Age)})
	own.elements = append(own.elements, element)
	own.waiting++
	in.ids[key] = element
	in.bytes += w.Size()
	if ahead {
		in.settle(key)
	}
	return Deposit{Time: w.Time}, nil
}

// surplus is what has to go when a user gets one more: the oldest that waits, if there are as many as may; else nil.
func (in *MemoryInbox) surplus(user string) *list.Element {
	own := in.users[user]
	if own == nil || own.waiting < in.limits.PerUser {
		return nil
	}
	oldest := slices.IndexFunc(own.elements, func(e *list.Element) bool { return !e.Value.(*stored).settled })
	return own.elements[oldest]
}

// Find returns what Store would of a whisper that it knows, and false of another one.
func (in *MemoryInbox) Find(user, id string) (Deposit, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.expire(in.now())
	return in.find(whisperKey{user, id})
}

func (in *MemoryInbox) find(key whisperKey) (Deposit, bool) {
	if element, waits := in.ids[key]; waits {
		return Deposit{Time: element.Value.(*stored).whisper.Time, Repeated: true}, true
	}
	before, settled := in.settled.known[key]
	return Deposit{Time: before.sent, Repeated: settled, Settled: settled}, settled
}

// Pending implements Inbox.
func (in *MemoryInbox) Pending(ctx context.Context, user string) ([]Whisper, error) {
	recent, err := in.Recent(ctx, user)
	return waitingOf(recent), err
}

// Recent implements Inbox.
func (in *MemoryInbox) Recent(_ context.Context, user string) ([]RecentWhisper, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.expire(in.now())
	own := in.users[user]
	if own == nil {
		return nil, nil
	}
	recent := make([]RecentWhisper, 0, len(own.elements))
	for _, element := range own.elements {
		s := element.Value.(*stored)
		recent = append(recent, RecentWhisper{Whisper: s.whisper, Settled: s.settled})
	}
	return recent, nil
}

// All returns what waits, of all users, in the order of storing.
func (in *MemoryInbox) All() []Whisper {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.expire(in.now())
	var all []Whisper
	for element := in.queue.Front(); element != nil; element = element.Next() {
		if s := element.Value.(*stored); !s.settled {
			all = append(all, s.whisper)
		}
	}
	return all
}

// Settle implements Inbox.
func (in *MemoryInbox) Settle(_ context.Context, user, id string) (bool, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.settle(whisperKey{user, id}), nil
}

func (in *MemoryInbox) settle(key whisperKey) bool {
	now := in.now()
	in.expire(now)
	element, ok := in.ids[key]
	if !ok {
		return false
	}
	s := element.Value.(*stored)
	in.settled.add(key, settlement{sent: s.whisper.Time}, now)
	delete(in.ids, key)
	s.settled, s.until = true, now.Add(settledStay)
	in.staying.PushBack(element)
	own := in.users[key.user]
	own.waiting--
	if len(own.elements)-own.waiting > in.limits.PerUser {
		in.remove(own.elements[slices.IndexFunc(own.elements, func(e *list.Element) bool { return e.Value.(*stored).settled })])
	}
	return true
}

// SettleAhead settles a whisper that may still be on its way here from another node: if it is not here, it is settled when it comes within
// SettledMemory, and so among Recent for devices that have not been shown it, but does not wait.
func (in *MemoryInbox) SettleAhead(user, id string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	key := whisperKey{user, id}
	if in.settle(key) {
		return
	}
	if _, known := in.find(key); !known {
		in.settled.add(key, settlement{ahead: true}, in.now())
	}
}

// Withdraw removes a whisper that waits elsewhere now, and tells whether it was there. It does not count as settled.
func (in *MemoryInbox) Withdraw(user, id string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	element, ok := in.ids[whisperKey{user, id}]
	if ok {
		in.remove(element)
	}
	return ok
}

// expire removes what has become too old, at the cost of only that.
func (in *MemoryInbox) expire(now time.Time) {
	in.settled.expire(now)
	for first := in.staying.Front(); first != nil; first = in.staying.Front() {
		if now.Before(first.Value.(*list.Element).Value.(*stored).until) {
			break
		}
		in.removeStaying()
	}
	for oldest := in.queue.Front(); oldest != nil; oldest = in.queue.Front() {
		if now.Before(oldest.Value.(*stored).expires) {
			return
		}
		in.remove(oldest)
	}
}

// removeStaying removes the whisper that was settled first, and returns how much space that gave.
func (in *MemoryInbox) removeStaying() int {
	element := in.staying.Remove(in.staying.Front()).(*list.Element)
	if element.Value.(*stored).removed {
		return 0
	}
	in.remove(element)
	return element.Value.(*stored).whisper.Size()
}

func (in *MemoryInbox) remove(element *list.Element) {
	s := in.queue.Remove(element).(*stored)
	s.removed = true
	w := s.whisper
	in.bytes -= w.Size()
	own := in.users[w.To]
	if !s.settled {
		delete(in.ids, whisperKey{w.To, w.ID})
		own.waiting--
	}
	i := slices.Index(own.elements, element)
	own.elements = slices.Delete(own.elements, i, i+1)
	if len(own.elements) == 0 {
		delete(in.users, w.To)
	}
}

// settledWhispers remembers whispers for a while after they were settled, the latest maxSettled of them.
type settledWhispers struct {
	known map[whisperKey]settlement
	queue list.List // of rememberedWhisper, those that were settled first first
}

// settlement is what is known of a whisper that was settled.
type settlement struct {
	sent  time.Time // Whisper.Time
	ahead bool      // the whisper has not come yet
}

type rememberedWhisper struct {
	whisperKey
	until time.Time
}

func (s *settledWhispers) add(key whisperKey, as settlement, now time.Time) {
	if s.queue.Len() >= maxSettled {
		s.forgetFirst()
	}
	s.known[key] = as
	s.queue.PushBack(rememberedWhisper{key, now.Add(SettledMemory)})
}

func (s *settledWhispers) expire(now time.Time) {
	for s.queue.Len() > 0 && !now.Before(s.queue.Front().Value.(rememberedWhisper).until) {
		s.forgetFirst()
	}
}

func (s *settledWhispers) forgetFirst() {
	delete(s.known, s.queue.Remove(s.queue.Front()).(rememberedWhisper).whisperKey)
}
