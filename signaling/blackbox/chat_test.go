package blackbox

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hubbub/signaling/client"
)

func TestChatGoesToEveryoneButTheConnectionThatSentIt(t *testing.T) {
	t.Parallel()
	room := unique("chat")
	a := guests.guest(t, "Ada").in(room)
	b := guests.guest(t, "Bea").in(room)
	c := guests.guest(t, "Cem").in(room)
	text := "早上好 <b>&amp;</b> \U0001f600\r\n\ttabs  and  spaces "
	r := a.mustChat(text)
	want := client.Message{ID: r.ID, Seq: 1, Participant: a.id(), User: a.hello.User, Text: text, Time: r.Time}
	if r.ID == "" || r.Seq != 1 || time.Since(time.UnixMilli(r.Time)).Abs() > 5*time.Second {
		t.Errorf("the answer is %+v", r)
	}
	for _, p := range []*person{b, c} {
		if m := await(p, "chat", func(client.Message) bool { return true }); m != want {
			t.Errorf("%s was told %+v, want %+v", p.hello.User.Name, m, want)
		}
	}
	guests.fence(t, room, a)
	for _, m := range allTold[client.Message](a, "chat") {
		if m.Participant == a.id() {
			t.Errorf("Ada was sent her own message %+v", m)
		}
	}
}

func TestSeqCountsARoomsMessagesFrom1WithoutGaps(t *testing.T) {
	t.Parallel()
	const each = 30
	room := unique("seq")
	var people []*person
	for range 4 {
		people = append(people, guests.guest(t, "P").in(room))
	}
	type sent struct {
		seqs []int
		err  error
	}
	done := make(chan sent)
	for i, p := range people {
		go func() {
			var s sent
			for n := range each {
				r, err := p.Chat(within(t, patience), fmt.Sprintf("%d-%d", i, n), "")
				if err != nil {
					s.err = err
					break
				}
				s.seqs = append(s.seqs, r.Seq)
			}
			done <- s
		}()
	}
	all := make(map[int]bool)
	for range people {
		s := <-done
		if s.err != nil {
			t.Fatal(s.err)
		}
		for i, seq := range s.seqs {
			if all[seq] || (i > 0 && seq <= s.seqs[i-1]) {
				t.Errorf("seq %d came twice or out of order", seq)
			}
			all[seq] = true
		}
	}
	for seq := 1; seq <= len(people)*each; seq++ {
		if !all[seq] {
			t.Errorf("no message has seq %d", seq)
		}
	}
	guests.fence(t, room, people...)
	for _, p := range people {
		last := 0
		for _, m := range allTold[client.Message](p, "chat") {
			if m.Seq <= last {
				t.Errorf("%d was told after %d", m.Seq, last)
			}
			last = m.Seq
		}
		if n := len(allTold[client.Message](p, "chat")); n != (len(people)-1)*each+1 { // and the fence's
			t.Errorf("someone was told %d messages", n)
		}
	}
}

func TestTheSameNonceGivesTheSameAnswerAndSendsNothing(t *testing.T) {
	t.Parallel()
	room := unique("nonce")
	a := guests.guest(t, "Ada").in(room)
	b := guests.guest(t, "Bea").in(room)
	first, err := a.Chat(within(t, patience), "once", "n1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := a.Chat(within(t, patience), "once", "n1")
	if err != nil || again != first {
		t.Errorf("the same nonce gives %+v, %v, want %+v", again, err, first)
	}
	other, err := b.Chat(within(t, patience), "another's nonce", "n1")
	if err != nil || other.Seq != 2 {
		t.Errorf("the nonce of another sender gives %+v, %v, want a new message", other, err)
	}
	messages, err := a.History(within(t, patience), client.HistoryParams{})
	if err != nil || len(messages) != 2 {
		t.Errorf("the history is %+v, %v, want two messages", messages, err)
	}
}

func TestANonceSurvivesAReconnect(t *testing.T) {
	t.Parallel()
	a := guests.guest(t, "Ada").in(unique("nonce-resume"))
	first, err := a.Chat(within(t, patience), "once", "n1")
	if err != nil {
		t.Fatal(err)
	}
	a.Abort()
	b := guests.connect(t, client.ConnectParams{Resume: a.hello.Resume}).in(a.joined.Room.Name)
	if again, err := b.Chat(within(t, patience), "once", "n1"); err != nil || again != first {
		t.Errorf("after resuming the same nonce gives %+v, %v, want %+v", again, err, first)
	}
}

func TestTextsHave1ToLimitsTextCodePoints(t *testing.T) {
	t.Parallel()
	a := guests.guest(t, "Ada").in(unique("texts"))
	limit := a.hello.Limits.Text
	for name, c := range map[string]struct {
		text string
		code int
	}{
		"at the limit":          {strings.Repeat("x", limit), 0},
		"at the limit, Chinese": {strings.Repeat("汉", limit), 0},
		"one more":              {strings.Repeat("x", limit+1), 413},
		"one more, Chinese":     {strings.Repeat("汉", limit+1), 413},
		"empty":                 {"", 400},
	} {
		_, err := a.Chat(within(t, patience), c.text, "")
		_, whispered := a.Whisper(within(t, patience), "someone-"+a.hello.User.ID, c.text, "")
		for _, err := range []error{err, whispered} {
			if c.code != 0 {
				wantError(t, err, c.code)
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestHistoryIsOldestFirstWithExclusiveBounds(t *testing.T) {
	t.Parallel()
	a := guests.guest(t, "Ada").in(unique("history"))
	for i := 1; i <= 12; i++ {
		a.mustChat(fmt.Sprintf("m%d", i))
	}
	b := guests.guest(t, "Bea").in(a.joined.Room.Name) // who came later may read it too
	for _, c := range []struct {
		params      client.HistoryParams
		first, last int // 0: none
	}{
		{client.HistoryParams{}, 1, 12},
		{client.HistoryParams{Limit: 5}, 8, 12},
		{client.HistoryParams{Before: 8}, 1, 7},
		{client.HistoryParams{Before: 8, Limit: 3}, 5, 7},
		{client.HistoryParams{After: 8}, 9, 12},
		{client.HistoryParams{After: 3, Limit: 2}, 4, 5},
		{client.HistoryParams{After: 3, Before: 7}, 4, 6},
		{client.HistoryParams{After: 3, Before: 9, Limit: 2}, 4, 5},
		{client.HistoryParams{After: 12}, 0, 0},
		{client.HistoryParams{Before: 1}, 0, 0},
		{client.HistoryParams{After: 6, Before: 7}, 0, 0},
		{client.HistoryParams{Limit: 200}, 1, 12},
	} {
		messages, err := b.History(within(t, patience), c.params)
		if err != nil {
			t.Errorf("%+v: %v", c.params, err)
			continue
		}
		want := c.last - c.first + 1
		if c.first == 0 {
			want = 0
		}
		if len(messages) != want {
			t.Errorf("%+v gives %d messages, want %d", c.params, len(messages), want)
			continue
		}
		for i, m := range messages {
			if m.Seq != c.first+i || m.Text != fmt.Sprintf("m%d", m.Seq) || m.User != a.hello.User || m.Participant != a.id() {
				t.Errorf("%+v gives %+v at %d", c.params, m, i)
			}
		}
	}
	for _, limit := range []int{201, -1} {
		_, err := b.History(within(t, patience), client.HistoryParams{Limit: limit})
		wantError(t, err, 400)
	}
}

func TestAtLeastTheLast1000MessagesAreKept(t *testing.T) {
	t.Parallel()
	const total = 1_100
	a := unlimited.guest(t, "Ada").in(unique("thousand"))
	for n := 1; n <= total; n++ {
		if r := a.mustChat(fmt.Sprintf("m%d", n)); r.Seq != n {
			t.Fatalf("message %d has seq %d", n, r.Seq)
		}
	}
	var all []client.Message // backwards, page by page
	before := 0
	for {
		page, err := a.History(within(t, patience), client.HistoryParams{Before: before, Limit: 200})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		all = append(page, all...)
		before = page[0].Seq
	}
	if len(all) < 1_000 {
		t.Fatalf("%d messages are kept", len(all))
	}
	for i, m := range all {
		if want := total - len(all) + 1 + i; m.Seq != want || m.Text != fmt.Sprintf("m%d", want) {
			t.Fatalf("at %d is %+v, want seq %d", i, m, want)
		}
	}
}
