package cluster

import (
	"errors"
	"testing"
	"time"

	"hubbub/signaling/client"
)

func TestTheOwnerDrains(t *testing.T) {
	t.Parallel()
	repeat(t, func(t *testing.T, f *figures) {
		c := beginCrisis(t)
		owner := c.owner(t, c.room)
		movers, rest := on(owner, c.people), awayFrom(owner, c.people)
		from := time.Now()
		if err := owner.terminate(); err != nil {
			t.Fatal(err)
		}
		if err := owner.Wait(patience); err != nil {
			t.Error(err)
		}
		f.add(t, "drain: from SIGTERM to the exit of the owner", time.Since(from), 0)
		wantBack(t, movers)
		c.wantWhole(t)
		to := time.Now()
		f.silence(t, "drain: silence for those who stay", longestSilence(rest, c.people, from, to), 100*time.Millisecond)
		f.silence(t, "drain: silence for those who move", longestSilence(movers, c.people, from, to), 100*time.Millisecond)
		for _, p := range rest {
			p.wantUntouched(t)
		}
		wantRegular(t, rest)
		for _, p := range movers {
			for _, m := range p.moved() {
				if !m.asked {
					t.Errorf("%s was cut off instead of asked: %+v", p.user, m)
				}
			}
			for _, w := range rest {
				if e, ok := w.seat().record.saw(func(e event) bool {
					return e.left.ID == p.id() || e.participant.ID == p.id() && e.participant.State != "active"
				}); ok {
					t.Errorf("%s saw that %s moved: %+v", w.user, p.user, e)
				}
			}
		}
		if now := c.owner(t, c.room); now == owner {
			t.Errorf("the owner is still %s", now.name)
		}
	})
}

func TestDrainingIsBounded(t *testing.T) {
	t.Parallel()
	const bound = 4 * time.Second
	c := begin(t, layout{nodes: 2, redis: true, args: []string{"--drain-timeout", bound.String()}})
	room := unique("room")
	n := c.members[0]
	stubborn := c.someone(t, "stubborn")
	stubborn.voice, stubborn.stubborn = newVoice(), true
	stubborn.arrive(n, room, "speaker")
	other := c.enter(t, c.members[1], room, "other")
	wantAllHeard(t, []*person{stubborn, other})

	began := time.Now()
	if err := n.terminate(); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-stubborn.seat().reconnect:
		if e.Reason == "" || e.After <= 0 || e.After > float64(bound.Milliseconds()) {
			t.Errorf("reconnect says %+v, want a reason and up to %s", e, bound)
		}
	case <-time.After(patience):
		t.Fatal("nobody asked the people of a draining node to reconnect")
	}
	if n.ready() {
		t.Error("a draining node says that it is ready")
	}
	err := c.tryJoin(t, n, unique("late"), room)
	handshake, refused := errors.AsType[*client.HandshakeError](err)
	if client.Code(err) != client.CodeUnavailable && (!refused || handshake.Status != 503) {
		t.Errorf("connecting to a draining node: %v, want 503", err)
	}
	wantAllHeard(t, []*person{stubborn, other}) // who does not go is served to the end
	wantClosed(t, stubborn, 1012)
	if err := n.Wait(patience); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < bound-time.Second || took > bound+atMost(5*time.Second) {
		t.Errorf("draining took %s, want about %s", took, bound)
	}
}

func TestANodeWithNobodyOnItEndsAtOnce(t *testing.T) {
	t.Parallel()
	c := begin(t, layout{nodes: 2})
	began := time.Now()
	if err := c.members[1].terminate(); err != nil {
		t.Fatal(err)
	}
	if err := c.members[1].Wait(patience); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > atMost(5*time.Second) {
		t.Errorf("it took %s", took)
	}
	if err := c.settle(); err != nil { // the other one knows
		t.Error(err)
	}
}

func TestARollingRestartLosesNobody(t *testing.T) {
	t.Parallel()
	c := begin(t, layout{nodes: 3, redis: true})
	const inRoom = 6
	var everyone []*person
	var rooms [][]*person
	var stops []func()
	for range full(5, 1) {
		_, people := c.meet(t, inRoom, c.members...)
		rooms, everyone = append(rooms, people), append(everyone, people...)
		for i, p := range people {
			stops = append(stops, p.whisperTo(people[(i+1)%inRoom], 500*time.Millisecond))
		}
		stops = append(stops, people[0].chatter(200*time.Millisecond))
	}
	began := time.Now()
	for _, n := range c.members {
		if err := n.terminate(); err != nil {
			t.Fatal(err)
		}
		if err := n.Wait(patience + 60*time.Second); err != nil {
			t.Error(err)
		}
		if err := c.restart(n); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d people on three nodes, each restarted in turn: %s", len(everyone), time.Since(began).Round(time.Second))
	for _, people := range rooms {
		wantAllHeard(t, people)
		wantOneRoster(t, people)
	}
	t.Logf("the longest silence: %s", worstSilence(rooms, began))
	for _, stop := range stops {
		stop()
	}
	for _, people := range rooms {
		wantOneChat(t, people...)
		wantAllWhispers(t, people...)
	}
	moves := 0
	for _, p := range everyone {
		for _, m := range p.moved() {
			moves++
			if !m.asked {
				t.Errorf("%s was cut off instead of asked: %+v", p.user, m)
			}
		}
	}
	t.Logf("%d moves", moves)
	if moves < len(everyone)*2/3 {
		t.Errorf("only %d moves of %d people", moves, len(everyone))
	}
}

func worstSilence(rooms [][]*person, from time.Time) (worst silence) {
	to := time.Now()
	for _, people := range rooms {
		if s := longestSilence(people, people, from, to); s.Duration > worst.Duration {
			worst = s
		}
	}
	return worst
}
