package cluster

import (
	"slices"
	"testing"
	"time"

	"hubbub/signaling/client"
)

func TestWhispersWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	c := begin(t, layout{nodes: 3, redis: true})
	a := c.members[0].device(t, unique("ada"), true)
	b, other := c.members[1].device(t, unique("bea"), true), c.members[1].device(t, unique("cem"), false)
	user := b.hello.User.ID
	absent := unique("absent")
	a.wantWhisper(absent, "before", "stored")
	other.whisper(user, "one that waits", "")
	if err := c.redis.kill(); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	a.wantWhisper(user, "to another node", "delivered")
	b.wantShown("one that waits", "to another node")
	ctx, cancel := within(patience)
	defer cancel()
	if _, err := a.Whisper(ctx, unique("nobody"), "to nobody", ""); client.Code(err) != client.CodeUnavailable {
		t.Errorf("whispering to someone whom no node knows: %v, want 503", err)
	}
	if took := time.Since(began); took > atMost(3*time.Second) {
		t.Errorf("two whispers took %s", took)
	}
	if seen := a.online(); !slices.Contains(seen, user) {
		t.Errorf("these are online: %v, without %s", seen, user)
	}
	// Someone who has lost the connection is expected back, wherever that will be.
	gone := other.hello.User.ID
	other.Abort()
	a.wantWhisper(gone, "are you coming back?", "stored")
	back := c.members[2].connect(t, client.ConnectParams{Resume: other.hello.Resume}, false)
	back.wantShown("are you coming back?")

	if err := c.redis.start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "whispers wait in Redis again", func() bool {
		ctx, cancel := within(patience)
		defer cancel()
		r, err := a.Whisper(ctx, absent, "after", "after")
		return err == nil && r.Status == "stored"
	})
	c.members[2].device(t, absent, true).wantShown("after") // this Redis forgets when it is killed
	// What was kept by the other two nodes is in Redis soon, and so on this one.
	eventually(t, "what nodes have kept is in Redis", func() bool {
		late := c.members[0].device(t, gone, false)
		defer late.Abort()
		return poll(time.Second, func() bool { return slices.Equal(late.texts(), []string{"are you coming back?"}) })
	})
	back.acknowledge(0)
	for _, n := range c.members {
		n.device(t, gone, false).wantShown()
	}
	a.wantWhisper(user, "all is well", "delivered")
}
