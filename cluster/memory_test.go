package cluster_test

import (
	"fmt"
	"testing"
	"time"

	"hubbub/cluster"
	"hubbub/cluster/clustertest"
)

func newMemoryInbox(_ *testing.T, limits cluster.InboxLimits, now func() time.Time) cluster.Inbox {
	return cluster.NewMemoryInbox(limits, now)
}

func TestMemoryInbox(t *testing.T) { clustertest.TestInbox(t, newMemoryInbox) }

func TestMemoryInboxSpace(t *testing.T) { clustertest.TestInboxSpace(t, newMemoryInbox) }

func TestMemoryPresence(t *testing.T) {
	clustertest.TestPresence(t, func(*testing.T) cluster.Presence { return cluster.NewMemoryPresence() })
}

func sendToBen(t *testing.T, in cluster.Inbox, id string, now time.Time) cluster.Deposit {
	t.Helper()
	d, err := in.Store(t.Context(), cluster.Whisper{ID: id, To: "ben", Time: now})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestMemoryInboxRemembersTheSettledForAWhile(t *testing.T) {
	var now time.Time
	in := cluster.NewMemoryInbox(cluster.DefaultInboxLimits(), func() time.Time { return now })
	send := func(id string) cluster.Deposit {
		t.Helper()
		return sendToBen(t, in, id, now)
	}
	if d := send("a"); d.Repeated {
		t.Errorf("the first time: %+v", d)
	}
	_, _ = in.Settle(t.Context(), "ben", "a") // never fails
	now = now.Add(cluster.SettledMemory - 1)
	if d := send("a"); !d.Settled {
		t.Errorf("soon after it was settled: %+v", d)
	}
	now = now.Add(1)
	if d := send("a"); d.Repeated {
		t.Errorf("long after it was settled: %+v", d)
	}
	if !in.Withdraw("ben", "a") || in.Withdraw("ben", "a") {
		t.Error("not withdrawn once")
	}
	if d, known := in.Find("ben", "a"); known {
		t.Errorf("withdrawn, and known: %+v", d)
	}
	send("b")
	send("a")
	if all := in.All(); len(all) != 2 || all[0].ID != "b" {
		t.Errorf("there are %+v", all)
	}
}

// News of an acknowledgement comes from one node before the whisper itself comes from another.
func TestMemoryInboxSettlesAhead(t *testing.T) {
	now := time.Now()
	in := cluster.NewMemoryInbox(cluster.DefaultInboxLimits(), func() time.Time { return now })
	send := func(id string) cluster.Deposit {
		t.Helper()
		return sendToBen(t, in, id, now)
	}
	send("here")
	for range 2 {
		in.SettleAhead("ben", "here")
		in.SettleAhead("ben", "coming")
	}
	send("coming")
	for _, id := range []string{"coming", "here"} {
		if d := send(id); !d.Settled || !d.Time.Equal(now) {
			t.Errorf("again %s: %+v", id, d)
		}
	}
	// The user's other devices are shown it all the same.
	if recent, err := in.Recent(t.Context(), "ben"); err != nil || len(recent) != 2 || !recent[1].Settled || recent[1].ID != "coming" {
		t.Errorf("recent are %+v, %v", recent, err)
	}
	if all := in.All(); len(all) > 0 {
		t.Errorf("there are %+v", all)
	}
	now = now.Add(cluster.SettledMemory)
	if d := send("coming"); d.Repeated {
		t.Errorf("long after: %+v", d)
	}
	for i := range 30_000 {
		in.SettleAhead("ben", fmt.Sprint("never comes ", i))
	}
	if d := send("never comes 0"); d.Repeated {
		t.Error("what was settled first of very many is still known")
	}
}

// BenchmarkMemoryInbox stores and settles for a user whose inbox stays full, among many others.
func BenchmarkMemoryInbox(b *testing.B) {
	in := cluster.NewMemoryInbox(cluster.DefaultInboxLimits(), time.Now)
	add := func(to string, id int) {
		w := cluster.Whisper{ID: fmt.Sprint(id), From: "ana", FromName: "Ana", To: to, Text: "psst"}
		if _, err := in.Store(b.Context(), w); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 100_000 {
		add(fmt.Sprint("user", i), i)
	}
	for i := range 1000 {
		add("ben", i)
	}
	id := 1000
	for b.Loop() {
		add("ben", id)
		if was, _ := in.Settle(b.Context(), "ben", fmt.Sprint(id)); !was {
			b.Fatal("not settled")
		}
		id++
	}
}
