package signaling

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"hubbub/cluster"
)

const (
	// mendEvery is how often the shared inbox is tried while it is away.
	mendEvery = 500 * time.Millisecond
	// maxOwed bounds the acknowledgements that are kept for the shared inbox while it is away.
	maxOwed = 10_000
)

// inboxes are where whispers wait until they are acknowledged: the inbox that all nodes share, and this node's own for
// when there is none or it is away. What waits in the own one is moved to the shared one as soon as that is back. Safe
// for concurrent use.
type inboxes struct {
	shared inbox // nil: there is none
	own    *cluster.MemoryInbox
	log    *slog.Logger

	lapsed chan struct{} // of capacity 1: something is to be mended

	mu   sync.Mutex
	owed []owedSettlement
}

// owedSettlement is an acknowledgement that the shared inbox does not know of yet.
type owedSettlement struct{ user, whisper string }

func newInboxes(shared inbox, log *slog.Logger) *inboxes {
	return &inboxes{
		shared: shared, own: cluster.NewMemoryInbox(cluster.DefaultInboxLimits(), time.Now),
		log: log, lapsed: make(chan struct{}, 1),
	}
}

// lapse notes that something is to be mended once the shared inbox can be reached.
func (b *inboxes) lapse() {
	if b.shared != nil {
		signal(b.lapsed)
	}
}

// store puts a whisper into the inbox that all nodes share, behind what waits here for the same user. With shared false there is none, or it is away.
func (b *inboxes) store(ctx context.Context, w cluster.Whisper) (d cluster.Deposit, shared bool, err error) {
	if b.shared == nil {
		return cluster.Deposit{}, false, nil
	}
	if err = b.moveOf(ctx, w.To); err == nil {
		d, err = b.shared.Store(ctx, w)
	}
	if errors.Is(err, cluster.ErrUnavailable) {
		b.lapse()
		return cluster.Deposit{}, false, nil
	}
	return d, err == nil, err
}

// keep puts a whisper into this node's own inbox.
func (b *inboxes) keep(ctx context.Context, w cluster.Whisper) (cluster.Deposit, error) {
	b.lapse()
	return b.own.Store(ctx, w)
}

// recent is what waits here for a user, or did just now, in the order of sending. With shared false that is not all: others wait on
// other nodes, or in the shared inbox, which is away.
func (b *inboxes) recent(ctx context.Context, user string) (recent []cluster.RecentWhisper, shared bool, err error) {
	// This one first: what is moved in between is in both.
	own, err := b.own.Recent(ctx, user)
	if err != nil {
		return nil, false, err
	}
	if b.shared != nil {
		recent, err = b.shared.Recent(ctx, user)
		shared = err == nil
		if errors.Is(err, cluster.ErrUnavailable) {
			b.lapse()
			err = nil
		}
	}
	if len(own) > 0 {
		// They come from several nodes, and their time is all that tells their order.
		recent = append(recent, own...)
		slices.SortStableFunc(recent, func(a, b cluster.RecentWhisper) int { return a.Time.Compare(b.Time) })
	}
	return recent, shared, err
}

// settlement tells where a whisper was when it was settled.
type settlement struct {
	own    bool // in this node's own inbox; other nodes may have it in theirs
	shared bool
	owed   bool // the shared inbox is away, and will be told when it is back
}

// settle removes a whisper wherever it is.
func (b *inboxes) settle(ctx context.Context, user, id string) (settlement, error) {
	own, err := b.own.Settle(ctx, user, id)
	if err != nil || b.shared == nil {
		return settlement{own: own}, err
	}
	shared, err := b.shared.Settle(ctx, user, id)
	if errors.Is(err, cluster.ErrUnavailable) && b.owe(owedSettlement{user, id}) {
		return settlement{own: own, owed: true}, nil
	}
	return settlement{own: own, shared: shared}, err
}

func (b *inboxes) owe(s owedSettlement) bool {
	b.lapse()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.owed) >= maxOwed {
		return false
	}
	b.owed = append(b.owed, s)
	return true
}

// awaitReturn waits until the shared inbox can be reached and has all that it missed. It reports false when ctx ends first.
func (b *inboxes) awaitReturn(ctx context.Context) bool {
	tick := time.NewTicker(mendEvery)
	defer tick.Stop()
	for {
		err := b.mend(ctx)
		if err == nil {
			return true
		}
		b.log.Debug("inbox not mended", "err", err)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// mend tells the shared inbox all that it missed.
func (b *inboxes) mend(ctx context.Context) error {
	if b.shared == nil {
		return nil
	}
	for s, some := b.takeOwed(); some; s, some = b.takeOwed() {
		if _, err := b.shared.Settle(ctx, s.user, s.whisper); err != nil {
			b.owe(s)
			return fmt.Errorf("settle what was acknowledged meanwhile: %w", err)
		}
	}
	kept := b.own.All()
	slices.SortStableFunc(kept, func(a, b cluster.Whisper) int { return a.Time.Compare(b.Time) })
	for _, w := range kept {
		if err := b.move(ctx, w); err != nil {
			return err
		}
	}
	if _, err := b.shared.Recent(ctx, ""); err != nil {
		return fmt.Errorf("look whether it is back: %w", err)
	}
	return nil
}

// moveOf moves what waits here for a user.
func (b *inboxes) moveOf(ctx context.Context, user string) error {
	recent, err := b.own.Recent(ctx, user)
	if err != nil {
		return err
	}
	slices.SortStableFunc(recent, func(a, b cluster.RecentWhisper) int { return a.Time.Compare(b.Time) })
	for _, w := range recent {
		if w.Settled {
			continue
		}
		if err := b.move(ctx, w.Whisper); err != nil {
			return err
		}
	}
	return nil
}

// move takes a whisper out of this node's own inbox into the shared one. Others may be about to move the same one.
func (b *inboxes) move(ctx context.Context, w cluster.Whisper) error {
	if _, err := b.shared.Store(ctx, w); err != nil {
		return fmt.Errorf("store what was kept meanwhile: %w", err)
	}
	if b.own.Withdraw(w.To, w.ID) {
		return nil
	}
	// Acknowledged just now, when it was not there yet, or moved by another.
	if d, _ := b.own.Find(w.To, w.ID); !d.Settled {
		return nil
	}
	if _, err := b.shared.Settle(ctx, w.To, w.ID); err != nil {
		b.owe(owedSettlement{w.To, w.ID})
		return fmt.Errorf("settle what was acknowledged meanwhile: %w", err)
	}
	return nil
}

func (b *inboxes) takeOwed() (s owedSettlement, some bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.owed) == 0 {
		return owedSettlement{}, false
	}
	s, b.owed = b.owed[0], b.owed[1:]
	return s, true
}
