package cluster

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"hubbub/signaling/client"
)

// answered is a message or whisper that the server has answered: it may not be lost any more.
type answered struct {
	id   string
	seq  int // of a message
	text string
	to   string // of a whisper
}

// every does something again and again until stop is called, which waits for what is under way. The number counts from 1.
func every(d time.Duration, do func(number int, stopped <-chan struct{})) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(d)
		defer tick.Stop()
		for number := 1; ; number++ {
			select {
			case <-done:
				return
			case <-tick.C:
				do(number, done)
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		running.Wait()
	})
}

// chatter writes to the room all the time, in every fault, and keeps what was answered.
func (p *person) chatter(pause time.Duration) (stop func()) {
	stop = every(pause, func(_ int, stopped <-chan struct{}) {
		text := unique(p.user + " says")
		var r client.ChatReceipt
		p.insist(stopped, func(s *seat) (err error) {
			ctx, cancel := within(5 * time.Second)
			defer cancel()
			r, err = s.client.Chat(ctx, text, text)
			return err
		}, func() { p.said = append(p.said, answered{id: r.ID, seq: r.Seq, text: text}) })
	})
	p.t.Cleanup(stop)
	return stop
}

// whisperTo whispers to someone all the time, and keeps what was answered.
func (p *person) whisperTo(to *person, pause time.Duration) (stop func()) {
	stop = every(pause, func(_ int, stopped <-chan struct{}) {
		text := unique(p.user + " to " + to.user)
		var r client.WhisperReceipt
		p.insist(stopped, func(s *seat) (err error) {
			ctx, cancel := within(10 * time.Second)
			defer cancel()
			r, err = s.client.Whisper(ctx, to.user, text, text)
			return err
		}, func() { p.whispered = append(p.whispered, answered{id: r.ID, text: text, to: to.user}) })
	})
	p.t.Cleanup(stop)
	return stop
}

// insist repeats a request with the same nonce until it is answered well, by whichever connection the person has then; note runs
// under the person's lock. A request that is given up because of stopped may have been taken or not.
func (p *person) insist(stopped <-chan struct{}, do func(*seat) error, note func()) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		s := p.seat()
		err := do(s)
		if err == nil {
			p.mu.Lock()
			note()
			p.mu.Unlock()
			return
		}
		e, refused := errors.AsType[*client.Error](err)
		if refused && e.Code != client.CodeUnavailable && e.Code != client.CodeConflict {
			p.complain("%v", err)
			return
		}
		select {
		case <-stopped:
			return
		case <-tick.C:
		}
	}
}

// history reads a room's whole chat by the person's connection, oldest first.
func (p *person) history(t *testing.T) []client.Message {
	t.Helper()
	var all []client.Message
	for before := 0; before != 1; before = all[0].Seq { // 0: from the newest on
		ctx, cancel := within(patience)
		page, err := p.seat().client.History(ctx, client.HistoryParams{Before: before, Limit: 200})
		cancel()
		if err != nil {
			t.Fatalf("%s asks for the history: %v", p.user, err)
		}
		if len(page) == 0 {
			break
		}
		all = append(page, all...)
	}
	return all
}

// wantOneChat checks that all these people of a room have the same chat: numbered from 1 without gaps or repeats, with everything in
// it that was answered, once, under the number that the answer had.
func wantOneChat(t *testing.T, people ...*person) {
	t.Helper()
	reference := people[0].history(t)
	texts := make(map[string]int)
	for i, m := range reference {
		if m.Seq != i+1 {
			t.Fatalf("message %d of the history has the number %d", i+1, m.Seq)
		}
		if earlier, twice := texts[m.Text]; twice {
			t.Errorf("%q is message %d and %d", m.Text, earlier, m.Seq)
		}
		texts[m.Text] = m.Seq
	}
	for _, p := range people {
		for i, m := range p.history(t) {
			if i >= len(reference) || m != reference[i] {
				t.Errorf("%s (%s) has message %+v, which others have not", p.user, p.node().name, m)
				break
			}
		}
		p.mu.Lock()
		for _, a := range p.said {
			if a.seq < 1 || a.seq > len(reference) || reference[a.seq-1].ID != a.id || reference[a.seq-1].Text != a.text {
				t.Errorf("%q was answered as message %d, which it is not", a.text, a.seq)
			}
		}
		for _, r := range p.repeats {
			t.Errorf("%s was told twice: %s", p.user, r)
		}
		for seq, m := range p.chat {
			if seq < 1 || seq > len(reference) || reference[seq-1] != m {
				t.Errorf("%s was told message %+v, which the history has not", p.user, m)
			}
		}
		p.mu.Unlock()
	}
	t.Logf("%d messages", len(reference))
	if len(reference) == 0 {
		t.Error("nobody has written anything")
	}
}

// wantAllWhispers waits until everything that was answered to the senders has been shown, and checks that it was shown once and in
// the order of sending.
func wantAllWhispers(t *testing.T, people ...*person) {
	t.Helper()
	total := 0
	for _, from := range people {
		from.mu.Lock()
		sent := append([]answered(nil), from.whispered...)
		from.mu.Unlock()
		total += len(sent)
		for _, to := range people {
			var want []string
			for _, a := range sent {
				if a.to == to.user {
					want = append(want, a.text)
				}
			}
			poll(patience, func() bool { return len(to.shownOf(from, want)) >= len(want) })
			got := to.shownOf(from, want)
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("of %d whispers of %s these were shown to %s: %q", len(want), from.user, to.user, got)
			}
		}
	}
	t.Logf("%d whispers", total)
	if total == 0 {
		t.Error("nobody has whispered")
	}
}

// shownOf lists the texts that p was shown of those that someone sent, in order. One that was sent but not answered may have
// come or not.
func (p *person) shownOf(from *person, sent []string) []string {
	known := make(map[string]bool)
	for _, text := range sent {
		known[text] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var texts []string
	for _, w := range p.shown {
		if w.From.ID == from.user && known[w.Text] {
			texts = append(texts, w.Text)
		}
	}
	return texts
}
