package sfu

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// Real clients on two edges hear each other by way of a node in the middle where nobody is.
func TestClientsOnDifferentNodes(t *testing.T) {
	var routers []*Router
	for range 3 {
		r := newTestSFU(t, Config{}).NewRouter()
		t.Cleanup(r.Close)
		routers = append(routers, r)
	}
	left, right := joinRouters(t, routers[0], routers[1], 3, true), joinRouters(t, routers[0], routers[2], 3, true)
	anna := newTestClient(t, "anna", clientOptions{slots: 3})
	boris := newTestClient(t, "boris", clientOptions{slots: 3})
	anna.join(routers[1].sfu, routers[1], Attachment{CSRC: 111, Publishing: true})
	boris.join(routers[2].sfu, routers[2], Attachment{CSRC: 222, Publishing: true})
	left.near.Enrol("anna", 111)
	right.far.Enrol("anna", 111)
	right.near.Enrol("boris", 222)
	left.far.Enrol("boris", 222)

	stopAnna, stopBoris := anna.talk(), boris.talk()
	eventually(t, "each hears 50 packets", func() bool { return len(anna.received()) >= 50 && len(boris.received()) >= 50 })
	stopAnna()
	stopBoris()
	for listener, csrc := range map[*testClient]uint32{anna: 222, boris: 111} {
		for _, p := range listener.received() {
			if want := map[uint32]string{111: "voice of anna", 222: "voice of boris"}[csrc]; p.payload != want || p.header.CSRC[0] != csrc {
				t.Fatalf("%s hears %q of %d", listener.id, p.payload, p.header.CSRC[0])
			}
			if level := p.header.GetExtension(listener.levelExtension()); len(level) != 1 || level[0] != 0x80|20 {
				t.Fatalf("level %v", level)
			}
		}
		requireContinuous(t, listener.received())
		eventually(t, "the slot was told", func() bool {
			listener.mu.Lock()
			defer listener.mu.Unlock()
			return slices.ContainsFunc(listener.changes, func(s Slot) bool { return s.Participant != "" && s.Participant != listener.id })
		})
	}
}

// People come, speak, move and go on three nodes, relays are closed and attached anew, all at the same time. In the end nothing is left.
func TestRelaysAmongComingAndGoing(t *testing.T) {
	var routers []*Router
	for range 3 {
		r := newFakeSFU(t, Config{}).NewRouter()
		t.Cleanup(r.Close)
		routers = append(routers, r)
	}
	// Each of these has a lock of its own over the two ends of a link.
	type link struct {
		mu   sync.Mutex
		near *Relay
		far  *Relay
	}
	links := [2]*link{{}, {}}
	attach := func(i int) {
		p := joinRouters(t, routers[0], routers[i+1], 2, true)
		links[i].near, links[i].far = p.near, p.far
	}
	attach(0)
	attach(1)
	enrol := func(at int, id string, csrc uint32) {
		for i, l := range links {
			l.mu.Lock()
			if i+1 == at {
				l.near.Enrol(id, csrc)
				l.far.Withdraw(id)
			} else {
				l.far.Enrol(id, csrc)
				l.near.Withdraw(id)
			}
			l.mu.Unlock()
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var done sync.WaitGroup
	for person := range 6 {
		done.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(person)))
			id, csrc := fmt.Sprint("p", person), uint32(person+1)
			for ctx.Err() == nil {
				at := random.IntN(3)
				c := joinFake(t, routers[at].sfu, routers[at], id, csrc, 2)
				c.transport.forget()
				enrol(at, id, csrc)
				for range random.IntN(200) {
					c.send([]byte("sound"), 20, true)
				}
				if err := c.peer.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Go(func() {
		for i := 0; ctx.Err() == nil; i = 1 - i {
			l := links[i]
			l.mu.Lock()
			near, far := l.near, l.far
			attach(i)
			near.Close()
			far.Close()
			l.mu.Unlock()
		}
	})
	done.Wait()
	for _, l := range links {
		l.near.Close()
		l.far.Close()
	}
	for i, r := range routers {
		r.mu.Lock()
		if len(r.participants)+len(r.contributors)+len(r.subscribers) > 0 {
			t.Errorf("on node %d %d participants, %d contributors, %d subscribers are left", i, len(r.participants), len(r.contributors), len(r.subscribers))
		}
		r.mu.Unlock()
		for _, l := range r.sfu.lanes {
			if got := l.counters.relays.Load(); got != 0 {
				t.Errorf("%d relays are counted", got)
			}
		}
	}
}
