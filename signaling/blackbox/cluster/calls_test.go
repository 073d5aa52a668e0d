package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"hubbub/signaling/client"
)

// phone is a device that calls and is called. Whoever is in the room of a call is another device of the same user.
type phone struct {
	*client.Client
	t     *testing.T
	user  string
	hello client.ConnectResult

	mu     sync.Mutex
	states map[string][]string // of each call, as they were told
}

// phone connects a device of a user.
func (c *cluster) phone(t *testing.T, n *node, user string) *phone {
	t.Helper()
	p := &phone{t: t, user: user, states: make(map[string][]string)}
	ctx, cancel := within(patience)
	defer cancel()
	var err error
	if p.Client, err = client.Dial(ctx, n.signal(), client.Options{OnNotification: p.told}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Abort)
	if p.hello, err = p.Connect(ctx, client.ConnectParams{Token: mint(t, user, "speaker")}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *phone) told(n client.Notification) {
	var e client.CallEvent
	if n.Method != "call" || n.Decode(&e) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.states[e.Call.ID] = append(p.states[e.Call.ID], e.Call.State)
}

// wantStates waits until the phone has been told of these states, and no others.
func (p *phone) wantStates(id string, want ...string) {
	p.t.Helper()
	var got []string
	if !poll(patience, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		got = slices.Clone(p.states[id])
		return len(got) >= len(want)
	}) || !slices.Equal(got, want) {
		p.t.Errorf("a phone of %s was told the states %v, want %v", p.user, got, want)
	}
}

func (p *phone) rings(user string) client.Call {
	p.t.Helper()
	ctx, cancel := within(patience)
	defer cancel()
	c, err := p.Ring(ctx, user, "audio")
	if err != nil {
		p.t.Fatalf("%s calls %s: %v", p.user, user, err)
	}
	return c
}

// does is answer or hangup, which must be possible.
func (p *phone) does(what func(ctx context.Context) (client.Call, error)) client.Call {
	p.t.Helper()
	ctx, cancel := within(patience)
	defer cancel()
	c, err := what(ctx)
	if err != nil {
		p.t.Fatalf("%s: %v", p.user, err)
	}
	return c
}

// accepts answers a call, once it rings.
func (p *phone) accepts(id string) client.Call {
	p.t.Helper()
	p.wantStates(id, "ringing")
	return p.does(func(ctx context.Context) (client.Call, error) { return p.Answer(ctx, id, true) })
}

func (p *phone) hangsUp(id string) client.Call {
	p.t.Helper()
	return p.does(func(ctx context.Context) (client.Call, error) { return p.HangUp(ctx, id) })
}

func wantCode(t *testing.T, err error, code int) {
	t.Helper()
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != code {
		t.Errorf("the answer is %v, want error %d", err, code)
	}
}

// talkIn has a user come into the room of a call with sound.
func (c *cluster) talkIn(t *testing.T, n *node, room, user string) *person {
	t.Helper()
	p := c.someone(t, user)
	p.user, p.voice = user, newVoice()
	p.arrive(n, room, "speaker")
	return p
}

func TestACallRingsOnEveryNodeAndExactlyOneDeviceHasIt(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	for range full(50, 5) {
		a := c.phone(t, c.members[0], unique("ada"))
		user := unique("bea")
		devices := []*phone{c.phone(t, c.members[0], user), c.phone(t, c.members[1], user), c.phone(t, c.members[2], user)}
		call := a.rings(user)
		for _, d := range devices {
			d.wantStates(call.ID, "ringing")
		}
		errs := make([]error, len(devices))
		var answering sync.WaitGroup
		for i, d := range devices {
			answering.Go(func() {
				ctx, cancel := within(patience)
				defer cancel()
				_, errs[i] = d.Answer(ctx, call.ID, true)
			})
		}
		answering.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else {
				wantCode(t, err, 409)
			}
		}
		if won != 1 {
			t.Errorf("%d devices have the call", won)
		}
		late := c.phone(t, c.members[1], a.user)
		if len(late.hello.Calls) != 1 || late.hello.Calls[0].State != "accepted" {
			t.Errorf("another device of the caller connects to the calls %+v", late.hello.Calls)
		}
		ctx, cancel := within(patience)
		_, err := c.phone(t, c.members[2], unique("cem")).Ring(ctx, user, "audio")
		cancel()
		wantCode(t, err, 486)
		late.hangsUp(call.ID)
		for _, d := range append(devices, a) {
			d.wantStates(call.ID, "ringing", "accepted", "ended")
		}
	}
}

func TestACallOfTwoNodesHasARoomThatDisappearsWithIt(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	a, b := c.phone(t, c.members[0], unique("ada")), c.phone(t, c.members[1], unique("bea"))
	call := a.rings(b.user)
	b.accepts(call.ID)
	people := []*person{c.talkIn(t, c.members[0], call.Room, a.user), c.talkIn(t, c.members[2], call.Room, b.user)}
	wantAllHeard(t, people)
	stranger := c.phone(t, c.members[2], unique("eve"))
	ctx, cancel := within(patience)
	defer cancel()
	_, err := stranger.Join(ctx, client.JoinParams{Room: call.Room})
	wantCode(t, err, 404)
	b.hangsUp(call.ID)
	eventually(t, "the room has disappeared", func() bool {
		for _, n := range c.up() {
			if v, err := n.view(); err != nil || v.Rooms[call.Room].Owner != "" {
				return false
			}
		}
		return true
	})
	_, err = a.Join(ctx, client.JoinParams{Room: call.Room})
	wantCode(t, err, 404)
}

func TestACallSurvivesTheOwnerOfItsRoom(t *testing.T) {
	t.Parallel()
	c := begin(t, layout{nodes: 3, redis: true})
	a, b := c.phone(t, c.members[0], unique("ada")), c.phone(t, c.members[1], unique("bea"))
	call := a.rings(b.user)
	b.accepts(call.ID)
	people := []*person{c.talkIn(t, c.members[0], call.Room, a.user), c.talkIn(t, c.members[1], call.Room, b.user)}
	wantAllHeard(t, people)
	owner := c.owner(t, call.Room)
	lost, rest := on(owner, people), awayFrom(owner, people)
	if err := owner.Kill(); err != nil {
		t.Fatal(err)
	}
	wantBack(t, lost)
	wantAllHeard(t, people)
	wantOneRoster(t, people)
	for _, p := range rest {
		p.wantUntouched(t)
	}
	late := c.phone(t, c.up()[0], a.user)
	if len(late.hello.Calls) != 1 || late.hello.Calls[0].State != "accepted" {
		t.Errorf("another device of the caller connects to the calls %+v", late.hello.Calls)
	}
	late.hangsUp(call.ID)
	for _, p := range []*phone{a, b} {
		if p.Err() == nil { // not connected to the node that is gone
			p.wantStates(call.ID, "ringing", "accepted", "ended")
		}
	}
}

func TestACallIsCancelledWhenItsCallersNodeIsGoneForTheGraceTime(t *testing.T) {
	t.Parallel()
	c := begin(t, layout{nodes: 2, redis: true, args: []string{"--grace", "4s"}})
	a, b := c.phone(t, c.members[0], unique("ada")), c.phone(t, c.members[1], unique("bea"))
	call := a.rings(b.user)
	b.wantStates(call.ID, "ringing")
	began := time.Now()
	if err := c.members[0].Kill(); err != nil {
		t.Fatal(err)
	}
	b.wantStates(call.ID, "ringing", "cancelled")
	if early := 4*time.Second - time.Since(began); early > 0 {
		t.Errorf("cancelled %s before the grace time was over", early)
	}
}

func TestACallEndsWhenOneOfTheTwoIsGoneWithTheirNodeForTheGraceTime(t *testing.T) {
	t.Parallel()
	c := begin(t, layout{nodes: 2, redis: true, args: []string{"--grace", "4s"}})
	a, b := c.phone(t, c.members[0], unique("ada")), c.phone(t, c.members[1], unique("bea"))
	call := a.rings(b.user)
	b.accepts(call.ID)
	ctx, cancel := within(patience)
	defer cancel()
	for _, p := range []*phone{a, b} {
		if _, err := p.Join(ctx, client.JoinParams{Room: call.Room}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.members[0].Kill(); err != nil {
		t.Fatal(err)
	}
	b.wantStates(call.ID, "ringing", "accepted", "ended")
}

// TestACallIsMissedAlthoughTheCallersNodeIsGone takes as long as a call rings.
func TestACallIsMissedAlthoughTheCallersNodeIsGone(t *testing.T) {
	t.Parallel()
	c := begin(t, layout{nodes: 2, redis: true, args: []string{"--grace", "2m"}})
	a, b := c.phone(t, c.members[0], unique("ada")), c.phone(t, c.members[1], unique("bea"))
	call := a.rings(b.user)
	b.wantStates(call.ID, "ringing")
	if err := c.members[0].Kill(); err != nil {
		t.Fatal(err)
	}
	pass(time.Until(time.UnixMilli(call.ExpiresAt)))
	b.wantStates(call.ID, "ringing", "missed")
}

func TestCallsWithoutRedis(t *testing.T) {
	t.Parallel()
	c := begin(t, layout{nodes: 2, redis: true})
	a, b := c.phone(t, c.members[0], unique("ada")), c.phone(t, c.members[1], unique("bea"))
	cem, dora := c.phone(t, c.members[0], unique("cem")), c.phone(t, c.members[0], unique("dora"))
	call := a.rings(b.user)
	b.accepts(call.ID)
	if err := c.redis.kill(); err != nil {
		t.Fatal(err)
	}
	// An accepted call goes on, and can be ended.
	people := []*person{c.talkIn(t, c.members[0], call.Room, a.user), c.talkIn(t, c.members[1], call.Room, b.user)}
	wantAllHeard(t, people)
	ctx, cancel := within(patience)
	defer cancel()
	_, err := cem.Ring(ctx, b.user, "audio")
	wantCode(t, err, 503)
	_, err = dora.Ring(ctx, unique("nobody"), "audio")
	wantCode(t, err, 480)
	_, err = cem.Ring(ctx, a.user, "audio") // of the same node
	wantCode(t, err, 486)
	a.hangsUp(call.ID)
	b.wantStates(call.ID, "ringing", "accepted", "ended")

	// People of one node call each other.
	local := cem.rings(dora.user)
	dora.accepts(local.ID)
	if err := c.redis.start(); err != nil {
		t.Fatal(err)
	}
	// Redis came back empty; calls between nodes are possible again, and the local one ends as others do.
	var again client.Call
	eventually(t, "calls are possible", func() bool {
		ctx, cancel := within(patience)
		defer cancel()
		again, err = a.Ring(ctx, b.user, "audio")
		return err == nil
	})
	eventually(t, "the other node has found Redis too", func() bool {
		ctx, cancel := within(patience)
		defer cancel()
		_, err := b.Answer(ctx, again.ID, true)
		return err == nil
	})
	cem.hangsUp(local.ID)
	dora.wantStates(local.ID, "ringing", "accepted", "ended")
}
