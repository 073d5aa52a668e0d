package signaling

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// receiptTimeout is how long a whisper waits for the acknowledgement of a device
	// before it counts as stored.
	receiptTimeout = 2 * time.Second
	// maxReceipts bounds the whispers of which it is remembered what became of them.
	maxReceipts = 10_000
)

// receipts joins whispers with their acknowledgements, and a whisper that is sent
// again, after its answer was lost, with the first one. Safe for concurrent use.
type receipts struct {
	mu   sync.Mutex
	sent *lru.Cache[nonceKey, *receipt]
	byID map[string]*receipt // the same ones
}

// nonceKey names a whisper among all.
type nonceKey struct{ user, nonce string }

// receipt is what is known of one whisper.
type receipt struct {
	id   string
	time time.Time

	ready chan struct{} // closed when the inbox has it, or has refused it with err
	err   error

	acknowledged chan struct{} // closed when a device of the target has it
	settle       sync.Once
	waitUntil    time.Time // then it counts as stored
}

func newReceipts() *receipts {
	r := &receipts{byID: make(map[string]*receipt)}
	sent, err := lru.NewWithEvict(maxReceipts, func(_ nonceKey, old *receipt) { delete(r.byID, old.id) })
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	r.sent = sent
	return r
}

// claim answers the receipt of a whisper, and whether it is the caller who has to
// store the whisper and then call stored.
func (r *receipts) claim(key nonceKey, id string, now time.Time) (*receipt, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.sent.Get(key); ok {
		return known, false
	}
	fresh := &receipt{
		id: id, time: now, waitUntil: now.Add(receiptTimeout),
		ready: make(chan struct{}), acknowledged: make(chan struct{}),
	}
	r.sent.Add(key, fresh)
	r.byID[id] = fresh
	return fresh, true
}

// stored says whether the inbox has taken the whisper. A refusal is not
// remembered: the same nonce may be tried again.
func (r *receipts) stored(key nonceKey, of *receipt, err error) {
	of.err = err
	close(of.ready)
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sent.Remove(key)
	}
}

// acknowledge notes that a device of the target has the whisper.
func (r *receipts) acknowledge(id string) {
	r.mu.Lock()
	of := r.byID[id]
	r.mu.Unlock()
	if of != nil {
		of.settle.Do(func() { close(of.acknowledged) })
	}
}

// wait answers whether the whisper was delivered, at the latest when it counts as
// stored. patient is false when there is nobody to wait for.
func (of *receipt) wait(ctx context.Context, patient bool) (delivered bool, err error) {
	select {
	case <-of.ready:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if of.err != nil {
		return false, of.err
	}
	var remaining time.Duration
	if patient {
		remaining = time.Until(of.waitUntil)
	}
	timeout := time.NewTimer(max(0, remaining))
	defer timeout.Stop()
	select {
	case <-of.acknowledged:
		return true, nil
	case <-timeout.C:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	select {
	case <-of.acknowledged: // both were ready
		return true, nil
	default:
		return false, nil
	}
}
