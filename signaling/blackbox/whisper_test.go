package blackbox

import (
	"fmt"
	"testing"
	"time"

	"hubbub/signaling/client"
)

// attentive connects someone who acknowledges every whisper at once.
func attentive(t *testing.T, params client.ConnectParams) *person {
	t.Helper()
	var p *person
	ready := make(chan struct{})
	p = tokensOrGuests(params).visitor(t, client.Options{OnNotification: func(n client.Notification) {
		var w client.Whisper
		if n.Method == "whisper" && n.Decode(&w) == nil {
			<-ready
			_ = p.NotifyAck(w.ID) // a failure shows as a whisper that is not delivered
		}
	}})
	close(ready)
	p.mustConnect(params)
	return p
}

func tokensOrGuests(params client.ConnectParams) *server {
	if params.Token != "" {
		return tokens
	}
	return guests
}

func TestAWhisperIsDeliveredWhenADeviceHasAcknowledgedIt(t *testing.T) {
	t.Parallel()
	a := guests.guest(t, "Ada").in(unique("whisper"))
	b := attentive(t, client.ConnectParams{Name: "Bea"})
	text := "只给你 \U0001f92b"
	r, err := a.Whisper(within(t, patience), b.hello.User.ID, text, "")
	if err != nil || r.Status != "delivered" || r.ID == "" {
		t.Fatalf("whispering gives %+v, %v, want delivered", r, err)
	}
	w := await(b, "whisper", func(client.Whisper) bool { return true })
	want := client.Whisper{ID: r.ID, From: a.hello.User, To: b.hello.User.ID, Text: text, Time: r.Time, Room: w.Room}
	if w != want {
		t.Errorf("Bea was told %+v, want %+v", w, want)
	}
	guests.fence(t, a.joined.Room.Name, a)
	if own := allTold[client.Whisper](a, "whisper"); len(own) != 0 {
		t.Errorf("the sender was told of whispers: %+v", own)
	}
}

func TestAWhisperThatIsNotAcknowledgedWithin2sIsStored(t *testing.T) {
	t.Parallel()
	a := guests.guest(t, "Ada")
	b := guests.guest(t, "Bea")
	began := time.Now()
	r, err := a.Whisper(within(t, patience), b.hello.User.ID, "hello?", "")
	if err != nil || r.Status != "stored" {
		t.Fatalf("whispering gives %+v, %v, want stored", r, err)
	}
	if took := time.Since(began); took < 1900*time.Millisecond || took > 5*time.Second {
		t.Errorf("the answer took %s, want about 2 s", took)
	}
	w := await(b, "whisper", func(client.Whisper) bool { return true })
	if err := b.Ack(within(t, patience), w.ID); err != nil {
		t.Errorf("a late ack: %v", err)
	}
}

func TestRequestsAreAnsweredWhileAWhisperWaitsForItsAck(t *testing.T) {
	t.Parallel()
	a := guests.guest(t, "Ada")
	b := guests.guest(t, "Bea")
	whisper, err := a.Start("whisper", map[string]string{"to": b.hello.User.ID, "text": "slow"})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	a.wantOpen()
	if took := time.Since(began); took > 1500*time.Millisecond {
		t.Errorf("ping was answered after %s, behind the whisper", took)
	}
	var r client.WhisperReceipt
	if err := whisper.Wait(within(t, patience), &r); err != nil || r.Status != "stored" {
		t.Errorf("the whisper: %+v, %v", r, err)
	}
}

func TestAWhisperToWhoIsNotConnectedIsStoredAtOnceAndComesAtTheNextConnectInOrder(t *testing.T) {
	t.Parallel()
	a := member(t, unique("ada"), speaker(nil))
	sub := unique("absent")
	var sent []string
	began := time.Now()
	for i := range 5 {
		r, err := a.Whisper(within(t, patience), sub, fmt.Sprintf("w%d", i), "")
		if err != nil || r.Status != "stored" {
			t.Fatalf("whispering gives %+v, %v", r, err)
		}
		sent = append(sent, r.ID)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("five whispers to nobody took %s", took)
	}
	wantWhispers := func(p *person, ids []string) {
		t.Helper()
		if len(ids) > 0 {
			await(p, "whisper", func(w client.Whisper) bool { return w.ID == ids[len(ids)-1] })
		}
		p.wantOpen()
		got := allTold[client.Whisper](p, "whisper")
		if len(got) != len(ids) {
			t.Fatalf("%d whispers came, want %d: %+v", len(got), len(ids), got)
		}
		for i, w := range got {
			if w.ID != ids[i] {
				t.Errorf("whisper %d is %s, want %s", i, w.ID, ids[i])
			}
		}
	}
	b := member(t, sub, speaker(nil))
	wantWhispers(b, sent)
	// Settle two of them; the others come again.
	for _, id := range []string{sent[1], sent[3]} {
		if err := b.Ack(within(t, patience), id); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Leave(); err != nil {
		t.Fatal(err)
	}
	b = member(t, sub, speaker(nil))
	left := []string{sent[0], sent[2], sent[4]}
	wantWhispers(b, left)
	for _, id := range left {
		if err := b.NotifyAck(id); err != nil {
			t.Fatal(err)
		}
	}
	b.wantOpen()
	b = member(t, sub, speaker(nil))
	wantWhispers(b, nil)
}

func TestAWhisperGoesToEveryDeviceAndOneAckSettlesItForAll(t *testing.T) {
	t.Parallel()
	a := member(t, unique("ada"), speaker(nil))
	sub := unique("devices")
	one, two := member(t, sub, speaker(nil)), member(t, sub, speaker(nil))
	whisper, err := a.Start("whisper", map[string]string{"to": sub, "text": "both of you"})
	if err != nil {
		t.Fatal(err)
	}
	w := await(one, "whisper", func(client.Whisper) bool { return true })
	await(two, "whisper", func(o client.Whisper) bool { return o == w })
	if err := two.Ack(within(t, patience), w.ID); err != nil {
		t.Fatal(err)
	}
	var r client.WhisperReceipt
	if err := whisper.Wait(within(t, patience), &r); err != nil || r.Status != "delivered" || r.ID != w.ID {
		t.Errorf("the whisper: %+v, %v", r, err)
	}
	if err := one.Ack(within(t, patience), w.ID); err != nil {
		t.Errorf("the ack of the other device: %v", err)
	}
	three := member(t, sub, speaker(nil))
	three.wantOpen()
	if again := allTold[client.Whisper](three, "whisper"); len(again) != 0 {
		t.Errorf("a settled whisper came again: %+v", again)
	}
}

func TestAWhisperOfTheSameNonceIsSentOnce(t *testing.T) {
	t.Parallel()
	a := member(t, unique("ada"), speaker(nil))
	sub := unique("nonce")
	first, err := a.Whisper(within(t, patience), sub, "once", "n1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := a.Whisper(within(t, patience), sub, "once", "n1")
	if err != nil || again.ID != first.ID || again.Time != first.Time {
		t.Errorf("the same nonce gives %+v, %v, want %+v", again, err, first)
	}
	b := member(t, sub, speaker(nil))
	await(b, "whisper", func(w client.Whisper) bool { return w.ID == first.ID })
	b.wantOpen()
	if got := allTold[client.Whisper](b, "whisper"); len(got) != 1 {
		t.Errorf("%d whispers came: %+v", len(got), got)
	}
}

func TestWhispersOfOneSenderComeInTheOrderOfSending(t *testing.T) {
	t.Parallel()
	a := guests.guest(t, "Ada")
	b := attentive(t, client.ConnectParams{Name: "Bea"})
	var pending []*client.Pending
	for i := range 20 {
		w, err := a.Start("whisper", map[string]string{"to": b.hello.User.ID, "text": fmt.Sprint(i)})
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, w)
	}
	for _, w := range pending {
		var r client.WhisperReceipt
		if err := w.Wait(within(t, patience), &r); err != nil || r.Status != "delivered" {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	for i, w := range allTold[client.Whisper](b, "whisper") {
		if w.Text != fmt.Sprint(i) {
			t.Errorf("whisper %d is %q", i, w.Text)
		}
	}
}

func TestAtMost1000WhispersWaitAndTheOldestGoFirst(t *testing.T) {
	t.Parallel()
	const total = 1_010
	s := start(t, "--api-key", keyOne.flag(), "--limits", "off")
	a := s.connect(t, client.ConnectParams{Token: mint(t, "ada", speaker(nil))})
	var last string
	for i := range total {
		r, err := a.Whisper(within(t, patience), "absent", fmt.Sprint(i), "")
		if err != nil || r.Status != "stored" {
			t.Fatalf("whisper %d: %+v, %v", i, r, err)
		}
		last = r.ID
	}
	b := s.connect(t, client.ConnectParams{Token: mint(t, "absent", speaker(nil))})
	await(b, "whisper", func(w client.Whisper) bool { return w.ID == last })
	got := allTold[client.Whisper](b, "whisper")
	if len(got) != 1_000 || got[0].Text != fmt.Sprint(total-1_000) {
		t.Errorf("%d whispers came, the first is %q, want 1000 from %d", len(got), got[0].Text, total-1_000)
	}
}

func TestWhispersToImpossibleUsersAre400AndAcksOfNothing404OrNothing(t *testing.T) {
	t.Parallel()
	a := guests.guest(t, "Ada")
	for _, to := range []string{"", "two words", "a/b"} {
		_, err := a.Whisper(within(t, patience), to, "x", "")
		wantError(t, err, 400)
	}
	if err := a.Ack(within(t, patience), "never-was"); err != nil {
		wantError(t, err, 404)
	}
}
