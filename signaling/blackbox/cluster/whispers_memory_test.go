package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hubbub/signaling/client"
)

func TestAWhisperOfTheSameNonceIsSentOnceFromWhicheverNode(t *testing.T) {
	t.Parallel()
	wantSentOnce(t, theCluster(t))
}

func TestWhatOneDeviceAcknowledgesIsSettledOnAllNodes(t *testing.T) {
	t.Parallel()
	wantSettledEverywhere(t, theCluster(t))
}

// Without Redis nodes keep whispers in memory, and pass them to each other.
func TestWhispersBetweenNodesWithoutRedis(t *testing.T) {
	t.Parallel()
	c := begin(t, layout{nodes: 3})
	t.Run("reach every device", func(t *testing.T) {
		a := c.members[0].device(t, unique("ada"), true)
		user := unique("bea")
		var devices []*device
		for _, n := range c.members {
			devices = append(devices, n.device(t, user, true))
		}
		var texts []string
		for i := range 10 {
			texts = append(texts, fmt.Sprint("line ", i))
			a.wantWhisper(user, texts[i], "delivered")
		}
		for _, d := range devices {
			d.wantShown(texts...)
		}
		c.members[2].device(t, user, true).wantShown()
	})
	t.Run("wait for who is offline, and come once, in order", func(t *testing.T) {
		user := unique("absent")
		var texts []string
		for i, n := range c.members {
			from := n.device(t, unique("ada"), true)
			for j := range 5 {
				texts = append(texts, fmt.Sprint("while you were away ", i, j))
				from.wantWhisper(user, texts[len(texts)-1], "stored")
			}
		}
		first := c.members[1].device(t, user, false)
		first.wantShown(texts...)
		second := c.members[2].device(t, user, false)
		second.wantShown(texts...)
		for i := range texts[:14] {
			second.acknowledge(i)
		}
		eventually(t, "what is acknowledged is settled on all nodes", func() bool {
			again := c.members[0].device(t, user, false)
			defer again.Abort()
			return poll(time.Second, func() bool { return slices.Equal(again.texts(), texts[14:]) })
		})
	})
	t.Run("same nonce", func(t *testing.T) { wantSentOnce(t, c) })
	t.Run("settled everywhere", func(t *testing.T) { wantSettledEverywhere(t, c) })
	t.Run("everybody is online for everybody", func(t *testing.T) {
		var all []*device
		for _, n := range c.members {
			all = append(all, n.device(t, unique("someone"), true))
		}
		for _, d := range all {
			seen := d.online()
			for _, other := range all {
				if !slices.Contains(seen, other.hello.User.ID) {
					t.Errorf("on %s these are online: %v, without %s", d.hello.Node, seen, other.hello.User.ID)
				}
			}
		}
	})
	t.Run("wait for who is moving", func(t *testing.T) {
		a := c.members[0].device(t, unique("ada"), true)
		b := c.members[1].device(t, unique("bea"), false)
		b.Abort()
		a.wantWhisper(b.hello.User.ID, "are you there?", "stored")
		again := c.members[2].connect(t, client.ConnectParams{Resume: b.hello.Resume}, true)
		again.wantShown("are you there?")
		if !again.hello.Resumed {
			t.Error("not resumed")
		}
	})
	t.Run("outlive a node that drains", func(t *testing.T) {
		n := c.members[2]
		user := unique("absent")
		from := n.device(t, unique("cem"), true)
		from.wantWhisper(user, "before I go", "stored")
		from.Abort()
		if err := n.terminate(); err != nil {
			t.Fatal(err)
		}
		if err := n.Wait(patience); err != nil {
			t.Fatal(err)
		}
		c.members[0].device(t, user, true).wantShown("before I go")
	})
}

// wantSentOnce has someone whisper the same again and again on another node each time, as who has lost the answer does.
func wantSentOnce(t *testing.T, c *cluster) {
	t.Helper()
	from, to := unique("ada"), unique("bea")
	var senders []*device
	for _, n := range c.members {
		senders = append(senders, n.device(t, from, true))
	}
	want := func(first, got client.WhisperReceipt, status string) {
		t.Helper()
		if got.ID != first.ID || got.Time != first.Time || got.Status != status {
			t.Errorf("the same nonce again gives %+v, want %+v with status %s", got, first, status)
		}
	}
	first := senders[0].whisper(to, "once", "n1")
	want(first, first, "stored")
	want(first, senders[1].whisper(to, "once", "n1"), "stored")
	b := c.members[2].device(t, to, false)
	b.wantShown("once")
	want(first, senders[2].whisper(to, "once", "n1"), "stored")
	b.wantShown("once")
	b.acknowledge(0)
	// Those who were told "stored" may be so again, those who ask after it is settled are told.
	eventually(t, "a repetition is known to be delivered", func() bool {
		return senders[0].whisper(to, "once", "n1").Status == "delivered"
	})
	want(first, senders[0].whisper(to, "once", "n1"), "delivered")
	b.wantShown("once")
	b.Abort()
	c.members[0].device(t, to, false).wantShown()
	if other := senders[1].whisper(to, "twice", "n2"); other.ID == first.ID {
		t.Error("another nonce gives the same id")
	}
}

func wantSettledEverywhere(t *testing.T, c *cluster) {
	t.Helper()
	to := unique("bea")
	a := c.members[0].device(t, unique("ada"), true)
	one, two := c.members[1].device(t, to, false), c.members[2].device(t, to, false)
	waiting, err := a.Start("whisper", map[string]string{"to": to, "text": "both of you"})
	if err != nil {
		t.Fatal(err)
	}
	one.wantShown("both of you")
	two.wantShown("both of you")
	two.acknowledge(0)
	var r client.WhisperReceipt
	ctx, cancel := within(patience)
	defer cancel()
	if err := waiting.Wait(ctx, &r); err != nil || r.Status == "" {
		t.Errorf("the whisper: %+v, %v", r, err)
	}
	one.acknowledge(0) // again, and late
	a.wantWhisper(to, "next", "stored")
	for _, d := range []*device{one, two} {
		d.wantShown("both of you", "next")
	}
	eventually(t, "what is settled comes on no node again", func() bool {
		late := c.members[0].device(t, to, false)
		defer late.Abort()
		return poll(time.Second, func() bool { return slices.Equal(late.texts(), []string{"next"}) })
	})
}
