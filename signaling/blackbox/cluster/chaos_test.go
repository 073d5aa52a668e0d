package cluster

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var chaosSeed = flag.Uint64("seed", 0, "repeat the chaos of this seed alone; 0 is a fixed one, with -faults a new one for each run")

const (
	chaosNodes = 4
	// shortSeed is of `make test`: a drain; a drain, the death of the node that has just got the room, and another drain; Redis away.
	shortSeed = 3
	// talkers are those of a room who write and whisper. They never leave it.
	talkers = 2
)

// chaos is a cluster in which several rooms of people talk, write and whisper while it is broken in ways that a seed draws.
type chaos struct {
	*cluster
	rand  *rand.Rand
	rooms []*gathering
	// quiet ends what is written and whispered.
	quiet []func()
}

// gathering is a room with those who are in it now.
type gathering struct {
	room   string
	people []*person
}

// TestChaos breaks a cluster again and again, in one way or in several at once, and looks each time whether what docs/cluster.md and the
// protocol promise still holds once everything is up again.
func TestChaos(t *testing.T) {
	t.Parallel()
	repeat(t, func(t *testing.T, _ *figures) {
		seed := *chaosSeed
		if seed == 0 {
			seed = full(rand.Uint64(), shortSeed)
		}
		t.Logf("-seed=%d", seed)
		c := beginChaos(t, seed)
		for number := range full(10, 3) {
			c.step(t, number+1)
		}
		c.disperse(t)
	})
}

func beginChaos(t *testing.T, seed uint64) *chaos {
	t.Helper()
	c := &chaos{
		cluster: begin(t, layout{nodes: chaosNodes, redis: true}),
		rand:    rand.New(rand.NewPCG(seed, seed)),
	}
	for i := range full(3, 2) {
		nodes := slices.Concat(c.members[i:], c.members[:i])
		room, people := c.meet(t, full(6, 4), nodes...)
		c.rooms = append(c.rooms, &gathering{room: room, people: people})
	}
	return c
}

func (c *chaos) everyone() []*person {
	var everyone []*person
	for _, g := range c.rooms {
		everyone = append(everyone, g.people...)
	}
	return everyone
}

// step lets up to three faults happen, mends what is broken, and looks at what has become of everybody.
func (c *chaos) step(t *testing.T, number int) {
	t.Helper()
	plan := c.draw()
	t.Logf("step %d: %s", number, plan)
	b := c.look(plan)
	if !plan.losesChat() {
		c.write()
	}
	if !plan.has(redisLost) {
		c.whisper()
	}
	pass(300 * time.Millisecond)
	for _, fault := range plan {
		pass(fault.after)
		c.commit(t, b, fault)
	}
	if plan.has(redisLost) && len(plan) == 1 {
		c.whisper() // nobody is cut off: whispers need no inbox then
		pass(300 * time.Millisecond)
	}
	c.mend(t, b)
	c.complete(t, b)
	c.wantWhole(t, b)
	c.restore(t)
}

// complete begins to write and whisper where that was left until all is well again.
func (c *chaos) complete(t *testing.T, b *beginning) {
	t.Helper()
	if b.plan.losesChat() {
		for _, g := range c.rooms {
			c.owner(t, g.room)
			wantOneRoster(t, g.people)
		}
		c.write()
	}
	if b.plan.has(redisLost) && len(b.plan) > 1 {
		c.whisper()
	}
	pass(300 * time.Millisecond)
}

// write lets the talkers of each room write to it, until hush.
func (c *chaos) write() {
	for _, g := range c.rooms {
		for _, p := range g.people[:talkers] {
			c.quiet = append(c.quiet, p.chatter(300*time.Millisecond))
		}
	}
}

// whisper lets the talkers of each room whisper: to each other, and to those of the next one, who are not in their room.
func (c *chaos) whisper() {
	for i, g := range c.rooms {
		other := c.rooms[(i+1)%len(c.rooms)]
		c.quiet = append(c.quiet,
			g.people[0].whisperTo(g.people[1], 200*time.Millisecond),
			g.people[1].whisperTo(other.people[0], 200*time.Millisecond))
	}
}

func (c *chaos) hush() {
	for _, quiet := range c.quiet {
		quiet()
	}
	c.quiet = nil
}

// disperse has everybody leave: then no node may think that there still is a room.
func (c *chaos) disperse(t *testing.T) {
	t.Helper()
	for _, p := range c.everyone() {
		p.leave()
	}
	var seen string
	if !poll(patience, func() bool { seen = c.remains(); return seen == "" }) {
		t.Errorf("everybody has left, but there still is%s", seen)
	}
}

// remains are the rooms that nodes still list.
func (c *chaos) remains() string {
	var seen strings.Builder
	for _, n := range c.up() {
		v, err := n.view()
		if err != nil {
			return " " + err.Error()
		}
		for room, said := range v.Rooms {
			seen.WriteString(" " + room + " of " + said.Owner + " on " + n.name)
		}
	}
	return seen.String()
}
