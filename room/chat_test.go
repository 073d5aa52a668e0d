package room_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"hubbub/room"
)

// say sends n messages as user: "1", "2", ….
func (s *script) say(user string, n int) {
	s.Helper()
	for range n {
		if _, _, err := s.room.Chat(s.now, s.id(user), "hi", ""); err != nil {
			s.Fatal(err)
		}
	}
}

func seqs(messages []room.Message) []int {
	var all []int
	for _, m := range messages {
		all = append(all, m.Seq)
	}
	return all
}

func TestChat(t *testing.T) {
	s := newScript(t, testConfig())
	ana := s.joinAs(room.JoinRequest{User: "u-ana", Name: "Ana", Role: room.Speaker})
	m, repeated, err := s.room.Chat(s.now, ana.ID, "hello", "")
	want := room.Message{ID: "p2", Seq: 1, Participant: ana.ID, User: "u-ana", Name: "Ana", Text: "hello", Time: s.now}
	if err != nil || repeated || m != want {
		t.Errorf("said %+v, %v, %v; want %+v", m, repeated, err, want)
	}
	s.join("ben")
	s.leave("u-ana")
	if got := s.room.History(0, 0, 0); !slices.Equal(got, []room.Message{want}) {
		t.Errorf("after the sender left: %+v", got)
	}
}

func TestNonce(t *testing.T) {
	s := newScript(t, testConfig()) // keeps 4 messages
	s.join("ana")
	s.join("ben")
	chat := func(user, text, nonce string) (room.Message, bool) {
		t.Helper()
		m, repeated, err := s.room.Chat(s.now, s.id(user), text, nonce)
		if err != nil {
			t.Fatal(err)
		}
		return m, repeated
	}
	first, _ := chat("ana", "one", "n")
	if again, repeated := chat("ana", "changed", "n"); !repeated || again != first {
		t.Errorf("the same nonce gave %+v, %v; want the first message", again, repeated)
	}
	if m, repeated := chat("ben", "two", "n"); repeated || m.Seq != 2 {
		t.Errorf("another user's nonce of the same spelling gave %+v, %v", m, repeated)
	}

	s.leave("ana")
	s.join("ana") // another participant, the same user
	if again, repeated := chat("ana", "one", "n"); !repeated || again != first {
		t.Errorf("after leaving and joining, the nonce gave %+v, %v", again, repeated)
	}

	s.say("ben", 3) // the first message is not kept any more
	if m, repeated := chat("ana", "one", "n"); repeated || m.Seq != 6 {
		t.Errorf("a forgotten nonce gave %+v, %v", m, repeated)
	}
	if _, repeated := chat("ben", "x", ""); repeated {
		t.Error("no nonce was taken for a repetition")
	}
}

func TestHistory(t *testing.T) {
	for _, c := range []struct {
		said                 int
		before, after, limit int
		want                 []int
	}{
		{0, 0, 0, 0, nil},
		{3, 0, 0, 0, []int{1, 2, 3}},
		{4, 0, 0, 0, []int{1, 2, 3, 4}},
		{9, 0, 0, 0, []int{6, 7, 8, 9}}, // 4 are kept
		{9, 0, 0, 2, []int{8, 9}},
		{9, 8, 0, 0, []int{6, 7}},
		{9, 8, 0, 1, []int{7}},
		{9, 6, 0, 0, nil},
		{9, 100, 0, 1, []int{9}},
		{9, 0, 7, 0, []int{8, 9}},
		{9, 0, 6, 1, []int{7}},
		{9, 0, 2, 2, []int{6, 7}}, // what came before is gone
		{9, 0, 9, 0, nil},
		{9, 9, 6, 0, []int{7, 8}},
		{9, 9, 6, 1, []int{7}},
		{9, 7, 8, 0, nil},
		{9, 0, -1, 2, []int{6, 7}},
		{9, math.MinInt, 0, 1, []int{9}},
		{9, 0, math.MaxInt, 0, nil},
		{9, math.MaxInt, math.MinInt, math.MaxInt, []int{6, 7, 8, 9}},
	} {
		t.Run(fmt.Sprint(c.said, c.before, c.after, c.limit), func(t *testing.T) {
			s := newScript(t, testConfig())
			s.join("ana")
			s.say("ana", c.said)
			if got := seqs(s.room.History(c.before, c.after, c.limit)); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestNoHistory(t *testing.T) {
	s := newScript(t, with(func(cfg *room.Config) { cfg.History = 0 }))
	s.join("ana")
	for want := 1; want <= 3; want++ {
		m, repeated, err := s.room.Chat(s.now, s.id("ana"), "hi", "n")
		if err != nil || repeated || m.Seq != want {
			t.Errorf("%+v, %v, %v; want seq %d", m, repeated, err, want)
		}
	}
	if got := s.room.History(0, 0, 0); len(got) != 0 {
		t.Errorf("history %v", got)
	}
}

// What was written to one copy of a room, and by the same nonce again to another one, is one message when they come together.
func TestNonceInTwoCopies(t *testing.T) {
	s := newScript(t, testConfig())
	ana := s.join("ana")
	here, _, err := s.room.Chat(s.now, ana.ID, "hello", "n")
	if err != nil {
		t.Fatal(err)
	}
	there := room.MessageSnapshot{Message: here, Nonce: "n"}
	there.Message.ID = "another"
	if m, added := s.room.AdoptMessage(there); added {
		t.Errorf("the repetition became message %d", m.Seq)
	}
	for _, other := range []room.MessageSnapshot{
		{Message: room.Message{ID: "without", User: here.User}},
		{Message: room.Message{ID: "later", User: here.User}, Nonce: "n2"},
		{Message: room.Message{ID: "ben's", User: "ben"}, Nonce: "n"},
	} {
		if _, added := s.room.AdoptMessage(other); !added {
			t.Errorf("%q was not adopted", other.Message.ID)
		}
	}
}
