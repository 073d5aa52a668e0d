package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hubbub/cluster/ownership"
)

func TestLimitOfClaims(t *testing.T) {
	m, err := NewMembers(MembersConfig{Name: "a", Listen: "127.0.0.1:0", Keys: [][]byte{testKey}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close(t.Context()) }()
	d := NewDirectory(DirectoryConfig{Members: m, MaxClaims: 10})
	defer d.Close()
	for i := range 10 {
		if _, err := d.Locate(t.Context(), fmt.Sprint("room", i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Locate(t.Context(), "more"); !errors.Is(err, ErrDirectoryFull) {
		t.Errorf("an eleventh room: %v", err)
	}
	d.Learn(Claim{Room: "more", Owner: "b", Boot: "b", Epoch: 1})
	if d.table.Len() != 10 || d.counts.refused.Load() != 2 {
		t.Errorf("%d rooms are known, %d were refused", d.table.Len(), d.counts.refused.Load())
	}
}

func TestGarbledGossip(t *testing.T) {
	nodes := newTestNet().cluster(t, 1)
	d := nodes[0].dir
	gossipDelegate{nodes[0].members}.NotifyMsg([]byte{1, 2, 3})
	waitUntil(t, "garbled gossip is counted", func() bool { return d.counts.malformed.Load() == 1 })
	gossipDelegate{nodes[0].members}.MergeRemoteState([]byte("nonsense"), true)
	if n := d.counts.malformed.Load(); n != 2 {
		t.Errorf("%d messages are counted as malformed", n)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(d)
	if families, err := registry.Gather(); err != nil || len(families) < 8 {
		t.Errorf("%d families of metrics, %v", len(families), err)
	}
	for _, body := range []string{"", "{}", `{"kind":"locate"}`, `{"kind":"what","room":"a"}`, `{"kind":"succeed","room":"a"}`, `{"kind":"take","room":"a"}`} {
		if _, err := d.ServeAsk(t.Context(), nodes[0].members.Self(), []byte(body)); !errors.Is(err, errQuestion) {
			t.Errorf("%q: %v", body, err)
		}
	}
	for _, reply := range []string{"", "{}", `{"claim":{"Room":"b","Owner":"o","Boot":"b","Epoch":1}}`, `{"reason":"x"}`} {
		if _, err := parseAnswer([]byte(reply), "a"); err == nil {
			t.Errorf("%q was taken for an answer", reply)
		}
	}
}

func (t *testNode) knows() int {
	t.dir.mu.Lock()
	defer t.dir.mu.Unlock()
	return t.dir.table.Len()
}

// TestNewcomerLearnsAll joins a node to one that knows 100,000 rooms.
func TestNewcomerLearnsAll(t *testing.T) {
	const rooms = 100_000
	cluster := newTestNet()
	first := cluster.add(t, "first", nil, nil)
	self := first.members.Self()
	var f ownership.Frame
	for i := range rooms {
		f.Add(Claim{Room: fmt.Sprintf("team-meeting-%06d", i), Owner: self.Name, Boot: self.Boot, Epoch: 1}, 0)
	}
	first.dir.mu.Lock()
	for i := range rooms { // as if it asked for each, or it would refute what it does not know to own
		first.dir.asking[fmt.Sprintf("team-meeting-%06d", i)]++
	}
	first.dir.mu.Unlock()
	first.dir.merge(f.Bytes())
	began := time.Now()
	second := cluster.add(t, "second", []*testNode{first}, nil)
	waitUntil(t, "a newcomer knows all rooms", func() bool { return second.knows() == rooms })
	if n := len(second.dir.Claims()); n != rooms {
		t.Errorf("%d claims hold", n)
	}
	t.Logf("%d rooms, %d bytes, in %v", rooms, len(first.dir.state()), time.Since(began))
	if n := second.dir.queue.NumQueued(); n > 0 {
		t.Errorf("a newcomer tells everybody %d rooms that it has just been told", n)
	}
}

// TestBroadcastsFit says that what goes into a packet is no more than memberlist finds room for, and all of it is said in the end.
func TestBroadcastsFit(t *testing.T) {
	nodes := newTestNet().cluster(t, 1)
	d := nodes[0].dir
	const rooms = 500
	d.mu.Lock()
	for i := range rooms {
		owner := fmt.Sprintf("%s%d", strings.Repeat("o", i%100), i%50)
		d.learn(Claim{Room: fmt.Sprintf("%s%d", strings.Repeat("r", i%200), i), Owner: owner, Boot: "b", Epoch: 1}, 0)
	}
	d.mu.Unlock()
	said := make(map[string]bool)
	for {
		messages := gossipDelegate{nodes[0].members}.GetBroadcasts(3, 1373)
		if len(messages) == 0 {
			break
		}
		if len(messages) != 1 || len(messages[0]) > maxBroadcast {
			t.Fatalf("%d messages, the first of %d bytes", len(messages), len(messages[0]))
		}
		if err := ownership.ReadFrame(messages[0], func(c Claim, _ time.Duration) { said[c.Room] = true }); err != nil {
			t.Fatal(err)
		}
	}
	if len(said) != rooms {
		t.Errorf("%d rooms of %d were said", len(said), rooms)
	}
}

// FuzzQuestion looks for questions and answers that crash, or come through although they are not whole.
func FuzzQuestion(f *testing.F) {
	c := Claim{Room: "a", Owner: "o", Boot: "b", Epoch: 1}
	for _, q := range []question{{Kind: askLocate, Room: "a"}, {Kind: askSucceed, Room: "a", Lost: c}, {Kind: askTake, Room: "a", Offer: c}} {
		body, err := json.Marshal(q)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if q, err := parseQuestion(body); err == nil && (q.Room == "" || q.Kind == askSucceed && !q.Lost.Valid()) {
			t.Errorf("%+v", q)
		}
		if c, err := parseAnswer(body, "a"); err == nil && !c.Valid() {
			t.Errorf("%+v", c)
		}
	})
}
