package cluster

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"
)

// MemoryInbox is the Inbox of a node that is alone. It ends with the process.
type MemoryInbox struct {
	limits InboxLimits
	now    func() time.Time

	mu    sync.Mutex
	queue list.List                  // of *stored, oldest first: all expire at the same age, so in this order
	users map[string][]*list.Element // each user's part of queue, oldest first; no entry is empty
	ids   map[whisperKey]*list.Element
	bytes int
}

// whisperKey names a whisper among those of all users.
type whisperKey struct{ user, id string }

type stored struct {
	whisper Whisper
	expires time.Time
}

// NewMemoryInbox makes an empty inbox; now is its clock.
func NewMemoryInbox(limits InboxLimits, now func() time.Time) *MemoryInbox {
	return &MemoryInbox{
		limits: limits, now: now,
		users: make(map[string][]*list.Element), ids: make(map[whisperKey]*list.Element),
	}
}

// Store implements Inbox.
func (in *MemoryInbox) Store(_ context.Context, w Whisper) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	now := in.now()
	in.expire(now)
	key := whisperKey{w.To, w.ID}
	if _, ok := in.ids[key]; ok {
		return nil
	}
	own := in.users[w.To]
	replaces := len(own) >= in.limits.PerUser
	size := in.bytes + w.Size()
	if replaces {
		size -= own[0].Value.(*stored).whisper.Size()
	}
	if size > in.limits.Bytes {
		return ErrInboxFull
	}
	if replaces {
		in.remove(own[0])
	}
	element := in.queue.PushBack(&stored{whisper: w, expires: now.Add(in.limits.Age)})
	in.users[w.To] = append(in.users[w.To], element)
	in.ids[key] = element
	in.bytes += w.Size()
	return nil
}

// Pending implements Inbox.
func (in *MemoryInbox) Pending(_ context.Context, user string) ([]Whisper, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.expire(in.now())
	pending := make([]Whisper, 0, len(in.users[user]))
	for _, element := range in.users[user] {
		pending = append(pending, element.Value.(*stored).whisper)
	}
	return pending, nil
}

// Settle implements Inbox.
func (in *MemoryInbox) Settle(_ context.Context, user, id string) (bool, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.expire(in.now())
	element, ok := in.ids[whisperKey{user, id}]
	if ok {
		in.remove(element)
	}
	return ok, nil
}

// expire removes what has become too old, at the cost of only that.
func (in *MemoryInbox) expire(now time.Time) {
	for oldest := in.queue.Front(); oldest != nil; oldest = in.queue.Front() {
		if now.Before(oldest.Value.(*stored).expires) {
			return
		}
		in.remove(oldest)
	}
}

func (in *MemoryInbox) remove(element *list.Element) {
	w := in.queue.Remove(element).(*stored).whisper
	in.bytes -= w.Size()
	delete(in.ids, whisperKey{w.To, w.ID})
	own := in.users[w.To]
	i := slices.Index(own, element)
	own = slices.Delete(own, i, i+1)
	if len(own) == 0 {
		delete(in.users, w.To)
	} else {
		in.users[w.To] = own
	}
}
