package signaling

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"hubbub/cluster"
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
	sent *lru.Cache[string, *receipt] // by the whisper's id
}

// receipt is what is known of one whisper.
type receipt struct {
	id string

	ready chan struct{} // closed when the whisper waits for its target, or has been refused with err
	err   error
	// The next two are known when it is ready.
	time     time.Time
	repeated bool // another node had it before

	acknowledged chan struct{} // closed when a device of the target has it
	settle       sync.Once
	nobody       chan struct{} // closed when the target turns out to have no device
	nobodyOnce   sync.Once
}

func newReceipts() *receipts {
	sent, err := lru.New[string, *receipt](maxReceipts)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &receipts{sent: sent}
}

// claim answers the receipt of a whisper, and whether it is the caller who has to
// store the whisper and then call stored or refused.
func (r *receipts) claim(id string, now time.Time) (*receipt, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.sent.Get(id); ok {
		return known, false
	}
	fresh := &receipt{
		id: id, time: now, ready: make(chan struct{}), acknowledged: make(chan struct{}), nobody: make(chan struct{}),
	}
	r.sent.Add(id, fresh)
	return fresh, true
}

// stored notes that the whisper waits for its target now.
func (r *receipts) stored(of *receipt, d cluster.Deposit) {
	of.time, of.repeated = d.Time, d.Repeated
	if d.Settled {
		of.acknowledge()
	}
	close(of.ready)
}

// refused notes that it does not. That is not remembered: the same nonce may be tried again.
func (r *receipts) refused(of *receipt, err error) {
	of.err = err
	close(of.ready)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent.Remove(of.id)
}

// acknowledge notes that a device of the target has the whisper.
func (r *receipts) acknowledge(id string) {
	r.mu.Lock()
	of, known := r.sent.Peek(id)
	r.mu.Unlock()
	if known {
		of.acknowledge()
	}
}

func (of *receipt) acknowledge() { of.settle.Do(func() { close(of.acknowledged) }) }

// expectNobody notes that there is no device to wait for.
func (of *receipt) expectNobody() { of.nobodyOnce.Do(func() { close(of.nobody) }) }

// wait answers whether the whisper was delivered, at the latest when it counts as
// stored.
func (of *receipt) wait(ctx context.Context) (delivered bool, err error) {
	select {
	case <-of.ready:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if of.err != nil {
		return false, of.err
	}
	timeout := time.NewTimer(max(0, time.Until(of.time.Add(receiptTimeout))))
	defer timeout.Stop()
	select {
	case <-of.acknowledged:
		return true, nil
	case <-of.nobody:
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
