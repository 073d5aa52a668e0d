package cluster

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

// beginning is what was before the faults of a step, and what they have done since.
type beginning struct {
	plan      plan
	at        time.Time
	seats     map[*person]*seat
	irregular map[*person]int  // events that did not follow the one before
	was       map[*person]bool // here already
	touched   map[*person]bool // cut off, or asked to go
	shaken    map[*person]bool // on a node that stood still
	stalls    []func()         // wait for the end of each
	epochs    map[string]int   // of the rooms
	struck    map[*node]faultKind
}

func (c *chaos) look(p plan) *beginning {
	b := &beginning{
		plan: p, at: time.Now(), seats: make(map[*person]*seat), irregular: make(map[*person]int),
		was: make(map[*person]bool), touched: make(map[*person]bool), shaken: make(map[*person]bool), struck: make(map[*node]faultKind),
		epochs: make(map[string]int),
	}
	for _, p := range c.everyone() {
		b.seats[p], b.was[p] = p.seat(), true
		b.irregular[p] = len(p.seat().record.irregular())
	}
	for _, g := range c.rooms {
		b.epochs[g.room] = c.epoch(g.room)
	}
	return b
}

// epoch is the highest of a room that a node knows.
func (c *chaos) epoch(room string) (epoch int) {
	for _, n := range c.up() {
		if v, err := n.view(); err == nil {
			epoch = max(epoch, v.Rooms[room].Epoch)
		}
	}
	return epoch
}

// oneOwner tells whether no two nodes can have owned a room at once. In `make test` only a room that kept its owner is sure: where others have
// the processor for seconds, nodes take each other for dead.
func (c *chaos) oneOwner(b *beginning, room string) bool {
	return !b.plan.has(stalled) && full(true, c.epoch(room) == b.epochs[room])
}

// wantWhole checks all that is promised, when everybody is back.
func (c *chaos) wantWhole(t *testing.T, b *beginning) {
	t.Helper()
	for _, g := range c.rooms {
		wantAllHeard(t, g.people)
		c.owner(t, g.room)
	}
	c.hush()
	for _, g := range c.rooms {
		wantOneRoster(t, g.people)
		wantOneChat(t, g.people...)
		one := c.oneOwner(b, g.room)
		wantOneCourse(t, b, g.people, one)
		anchors := b.anchors(g)
		for _, p := range g.people {
			if !b.touched[p] {
				wantKept(t, b, p)
			}
		}
		if one && !b.plan.has(killed) {
			wantNothingMissed(t, b, anchors)
		}
		stayed := slices.DeleteFunc(anchors, func(p *person) bool { return !b.was[p] })
		t.Logf("%s, those whom nothing happened to: %s", g.room, longestSilence(stayed, stayed, b.at, time.Now()))
	}
	wantAllWhispers(t, c.everyone()...)
	for _, p := range c.everyone() {
		for _, problem := range p.troubles() {
			t.Errorf("%s: %s", p.user, problem)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// wantKept checks that someone whom nothing happened to has kept their connection and media.
func wantKept(t *testing.T, b *beginning, p *person) {
	t.Helper()
	s := p.seat()
	if s != b.seats[p] || !s.isOpen() {
		t.Errorf("%s has lost their connection to %s, where nothing happened: %+v", p.user, b.seats[p].node.name, p.moved())
	}
	ctx, cancel := within(time.Second)
	defer cancel()
	if err := s.media.Connected(ctx); err != nil {
		t.Errorf("%s: %v", p.user, err)
	}
}

// wantOneCourse checks that nobody saw a version twice or late, and, if there was one owner all the time, everybody the same event under the
// same version.
func wantOneCourse(t *testing.T, b *beginning, people []*person, one bool) {
	t.Helper()
	type sight struct {
		by   *person
		what string
	}
	course := make(map[int]sight)
	for _, p := range people {
		version := 0
		for _, e := range p.seat().record.course() {
			if e.version <= version {
				t.Errorf("%s (%s) was told of version %d (%s) after %d", p.user, p.node().name, e.version, e.method, version)
			}
			version = e.version
			if e.method == "room_updated" || e.at.Before(b.at) || !one {
				continue // also says that something was missed, to those alone who have missed it
			}
			what := fmt.Sprintf("%s %+v %+v", e.method, e.participant, e.left)
			if before, seen := course[e.version]; seen && before.what != what {
				t.Errorf("version %d is for %s (%s): %s\nand for %s (%s): %s", e.version, p.user, p.node().name, what,
					before.by.user, before.by.node().name, before.what)
			}
			course[e.version] = sight{p, what}
		}
	}
}

// wantNothingMissed checks that people were told of every version and of every message that others wrote.
func wantNothingMissed(t *testing.T, b *beginning, people []*person) {
	t.Helper()
	for _, p := range people {
		if irregular := p.seat().record.irregular(); len(irregular) > b.irregular[p] {
			t.Errorf("%s (%s): %q", p.user, p.node().name, irregular[b.irregular[p]:])
		}
		p.mu.Lock()
		told := maps.Clone(p.chat)
		p.mu.Unlock()
		for _, m := range p.history(t) {
			if _, ok := told[m.Seq]; !ok && m.User.ID != p.user && m.Time > b.at.UnixMilli() && m.Time > p.seat().joined.Participant.JoinedAt {
				t.Errorf("%s (%s) was not told message %d: %q", p.user, p.node().name, m.Seq, m.Text)
			}
		}
	}
}
