package signaling

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hubbub/cluster"
)

// awayInbox is a shared inbox that can be away.
type awayInbox struct {
	*cluster.MemoryInbox

	mu   sync.Mutex
	away bool
	// stored is called after each Store, if it is there.
	stored func(cluster.Whisper)
}

func (in *awayInbox) set(away bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.away = away
}

func (in *awayInbox) err() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.away {
		return fmt.Errorf("asking a test's inbox: %w", cluster.ErrUnavailable)
	}
	return nil
}

func (in *awayInbox) Store(ctx context.Context, w cluster.Whisper) (cluster.Deposit, error) {
	if err := in.err(); err != nil {
		return cluster.Deposit{}, err
	}
	d, err := in.MemoryInbox.Store(ctx, w)
	if in.stored != nil {
		in.stored(w)
	}
	return d, err
}

func (in *awayInbox) Recent(ctx context.Context, user string) ([]cluster.RecentWhisper, error) {
	if err := in.err(); err != nil {
		return nil, err
	}
	return in.MemoryInbox.Recent(ctx, user)
}

func (in *awayInbox) Settle(ctx context.Context, user, id string) (bool, error) {
	if err := in.err(); err != nil {
		return false, err
	}
	return in.MemoryInbox.Settle(ctx, user, id)
}

func newTestInboxes() (*inboxes, *awayInbox) {
	shared := &awayInbox{MemoryInbox: cluster.NewMemoryInbox(cluster.DefaultInboxLimits(), time.Now)}
	return newInboxes(shared, slog.New(slog.DiscardHandler)), shared
}

func testWhisper(id string, at int) cluster.Whisper {
	return cluster.Whisper{ID: id, From: "ana", To: "ben", Text: id, Time: time.UnixMilli(int64(at))}
}

func keepAll(t *testing.T, b *inboxes, whispers ...cluster.Whisper) {
	t.Helper()
	for _, w := range whispers {
		if _, err := b.keep(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
}

// wantRecent looks at what waits for ben.
func wantRecent(t *testing.T, b *inboxes, wantShared bool, want ...string) {
	t.Helper()
	recent, shared, err := b.recent(t.Context(), "ben")
	var got []string
	for _, w := range recent {
		if !w.Settled {
			got = append(got, w.ID)
		}
	}
	if err != nil || shared != wantShared || !slices.Equal(got, want) {
		t.Errorf("waiting: %v, %t, %v; want %v, %t", got, shared, err, want, wantShared)
	}
}

func TestWhatIsKeptWhileTheSharedInboxIsAwayIsMovedThereInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, shared := newTestInboxes()
		if _, isShared, err := b.store(t.Context(), testWhisper("a", 1)); !isShared || err != nil {
			t.Fatalf("stored in the shared inbox: %t, %v", isShared, err)
		}
		shared.set(true)
		if _, isShared, err := b.store(t.Context(), testWhisper("b", 2)); isShared || err != nil {
			t.Fatalf("stored in the shared inbox, which is away: %t, %v", isShared, err)
		}
		keepAll(t, b, testWhisper("c", 3), testWhisper("b", 2))
		wantRecent(t, b, false, "b", "c")
		if s, err := b.settle(t.Context(), "ben", "a"); !s.owed || s.own || err != nil {
			t.Errorf("settling what is in the shared inbox: %+v, %v", s, err)
		}
		if s, err := b.settle(t.Context(), "ben", "b"); !s.own || err != nil {
			t.Errorf("settling what is kept here: %+v, %v", s, err)
		}

		<-b.lapsed
		returned := make(chan bool)
		go func() { returned <- b.awaitReturn(t.Context()) }()
		time.Sleep(10 * mendEvery) // of the bubble's clock
		shared.set(false)
		if !<-returned {
			t.Fatal("not mended")
		}
		wantRecent(t, b, true, "c")
		if kept := b.own.All(); len(kept) > 0 {
			t.Errorf("kept still: %+v", kept)
		}
		if waiting, _ := shared.Pending(t.Context(), "ben"); len(waiting) != 1 {
			t.Errorf("in the shared inbox: %+v", waiting)
		}
	})
}

func TestWhatIsAcknowledgedWhileItIsMovedIsSettled(t *testing.T) {
	b, shared := newTestInboxes()
	keepAll(t, b, testWhisper("a", 1), testWhisper("b", 2))
	shared.stored = func(w cluster.Whisper) {
		// Another node tells of an acknowledgement: it knows of this node's copy alone.
		if _, err := b.own.Settle(t.Context(), w.To, w.ID); err != nil {
			t.Error(err)
		}
	}
	if err := b.mend(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantRecent(t, b, true)
}

func TestWhispersOfBothInboxesAreInTheOrderOfSending(t *testing.T) {
	b, _ := newTestInboxes()
	for _, w := range []cluster.Whisper{testWhisper("a", 1), testWhisper("d", 4)} {
		if _, _, err := b.store(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	keepAll(t, b, testWhisper("e", 5), testWhisper("c", 3), testWhisper("b", 2))
	wantRecent(t, b, true, "a", "b", "c", "d", "e")
}

// The shared inbox is back, and something new comes before what was kept meanwhile has been moved.
func TestWhatIsNewDoesNotOvertakeWhatWasKept(t *testing.T) {
	b, shared := newTestInboxes()
	keepAll(t, b, testWhisper("a", 1), testWhisper("b", 2), testWhisper("settled", 3))
	if _, err := b.own.Settle(t.Context(), "ben", "settled"); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	both.Go(func() {
		if err := b.mend(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if _, isShared, err := b.store(t.Context(), testWhisper("c", 4)); !isShared || err != nil {
		t.Errorf("stored in the shared inbox: %t, %v", isShared, err)
	}
	waiting, err := shared.Pending(t.Context(), "ben")
	var ids []string
	for _, w := range waiting {
		ids = append(ids, w.ID)
	}
	if err != nil || !slices.Equal(ids, []string{"a", "b", "c"}) {
		t.Errorf("in the shared inbox: %v, %v", ids, err)
	}
	both.Wait()
	wantRecent(t, b, true, "a", "b", "c")
}

func TestAwaitingTheSharedInboxEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, shared := newTestInboxes()
		shared.set(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if b.awaitReturn(ctx) {
			t.Error("an inbox that is away has returned")
		}
	})
}

func TestSettlementsThatAreOwedAreBounded(t *testing.T) {
	b, shared := newTestInboxes()
	shared.set(true)
	for i := range maxOwed {
		if s, err := b.settle(t.Context(), "ben", fmt.Sprint(i)); !s.owed || err != nil {
			t.Fatalf("settling number %d: %+v, %v", i, s, err)
		}
	}
	if s, err := b.settle(t.Context(), "ben", "one more"); err == nil {
		t.Errorf("one more than can be kept is settled: %+v", s)
	}
	shared.set(false)
	if err := b.mend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, some := b.takeOwed(); some {
		t.Error("settlements are owed still")
	}
}
