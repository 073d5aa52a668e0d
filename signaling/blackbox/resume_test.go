package blackbox

import (
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"hubbub/signaling/client"
)

func (p *person) isState(id, state string) {
	p.t.Helper()
	await(p, "participant_updated", func(e client.ParticipantEvent) bool {
		return e.Participant.ID == id && e.Participant.State == state
	})
}

func TestABrokenConnectionIsResumedAsTheSameParticipant(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*person){
		"no close frame": func(p *person) { p.Abort() },
		"close frame 1001": func(p *person) {
			_ = p.Close(websocket.CloseGoingAway, "the page is unloaded") // the test goes on from the other side
		},
		"close frame without a code": func(p *person) { _ = p.Close(websocket.CloseNoStatusReceived, "") },
		"close frame 4242":           func(p *person) { _ = p.Close(4242, "an application's own") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			room := unique("resume")
			watcher := guests.guest(t, "Watcher").in(room)
			a := guests.guest(t, "Ada").in(room)
			a.mustUpdate(client.Change{Hand: new(true), Attributes: &map[string]string{"k": "v"}})
			end(a)
			watcher.isState(a.id(), "reconnecting")

			b := guests.connect(t, client.ConnectParams{Resume: a.hello.Resume})
			if !b.hello.Resumed || b.hello.User != a.hello.User || b.hello.Resume == "" || b.hello.Resume == a.hello.Resume {
				t.Errorf("resuming gives %+v, was %+v", b.hello, a.hello)
			}
			b.in(room)
			watcher.isState(a.id(), "active")
			got := b.joined.Participant
			if got.ID != a.id() || got.CSRC != a.joined.Participant.CSRC || got.Role != a.joined.Participant.Role ||
				got.JoinedAt != a.joined.Participant.JoinedAt || !got.Hand || got.Attributes["k"] != "v" || got.State != "active" {
				t.Errorf("after resuming the participant is %+v, was %+v", got, a.joined.Participant)
			}
			guests.fence(t, room, watcher)
			for _, e := range allTold[client.LeftEvent](watcher, "participant_left") {
				if e.ID == a.id() {
					t.Error("others saw a leaving")
				}
			}
			joins := 0
			for _, e := range allTold[client.ParticipantEvent](watcher, "participant_joined") {
				if e.Participant.ID == a.id() {
					joins++
				}
			}
			if joins != 1 {
				t.Errorf("others saw %d joinings", joins)
			}
		})
	}
}

func TestAfterTheGraceTimeTheParticipantHasLeftWithTimeout(t *testing.T) {
	t.Parallel()
	room := unique("too-late")
	watcher := guests.guest(t, "Watcher").in(room)
	a := guests.guest(t, "Ada").in(room)
	began := time.Now()
	a.Abort()
	watcher.isState(a.id(), "reconnecting")
	e := await(watcher, "participant_left", func(e client.LeftEvent) bool { return e.ID == a.id() })
	if took := time.Since(began); took < grace-100*time.Millisecond || took > grace+5*time.Second {
		t.Errorf("Ada left after %s, the grace time is %s", took, grace)
	}
	if e.Reason != "timeout" {
		t.Errorf("the reason is %s", e.Reason)
	}
	p := guests.visitor(t, client.Options{})
	_, err := p.Connect(within(t, patience), client.ConnectParams{Resume: a.hello.Resume})
	wantError(t, err, 401)
	hello, err := guests.visitor(t, client.Options{}).Connect(within(t, patience),
		client.ConnectParams{Resume: a.hello.Resume, Name: "Ada"})
	if err != nil || hello.Resumed {
		t.Errorf("too late, with a name: resumed %t, %v", hello.Resumed, err)
	}
}

func TestAResumeMayBeUsedWhileTheOldConnectionIsStillOpen(t *testing.T) {
	t.Parallel()
	room := unique("overlap")
	watcher := guests.guest(t, "Watcher").in(room)
	a := guests.guest(t, "Ada").in(room)
	b := guests.connect(t, client.ConnectParams{Resume: a.hello.Resume})
	if !b.hello.Resumed {
		t.Error("not resumed")
	}
	a.wantOpen() // until the new session has joined
	b.in(room)
	a.wantClosed(client.CloseReplaced)
	if b.id() != a.id() || b.joined.Participant.CSRC != a.joined.Participant.CSRC {
		t.Errorf("the participant is %+v, was %+v", b.joined.Participant, a.joined.Participant)
	}
	guests.fence(t, room, watcher)
	for _, e := range allTold[client.LeftEvent](watcher, "participant_left") {
		if e.ID == a.id() {
			t.Error("others saw a leaving")
		}
	}
	for _, e := range allTold[client.ParticipantEvent](watcher, "participant_updated") {
		if e.Participant.State == "reconnecting" {
			t.Errorf("others saw %+v", e.Participant)
		}
	}
	b.mustChat("I am the one")
}

func TestAResumeIsVoidOnceTheNewSessionHasJoined(t *testing.T) {
	t.Parallel()
	room := unique("void")
	a := guests.guest(t, "Ada").in(room)
	a.Abort()
	b := guests.connect(t, client.ConnectParams{Resume: a.hello.Resume})
	// Not void before that: the connection may break between connect and join.
	b.Abort()
	c := guests.connect(t, client.ConnectParams{Resume: a.hello.Resume})
	if !c.hello.Resumed {
		t.Error("the old resume does not work a second time, although nobody has joined with the new one")
	}
	c.in(room)
	if c.id() != a.id() {
		t.Errorf("the participant is %s, was %s", c.id(), a.id())
	}
	d := guests.visitor(t, client.Options{})
	_, err := d.Connect(within(t, patience), client.ConnectParams{Resume: a.hello.Resume})
	wantError(t, err, 401)
	c.wantOpen()
	c.Abort()
	e := guests.connect(t, client.ConnectParams{Resume: c.hello.Resume}).in(room)
	if e.id() != a.id() {
		t.Errorf("after a second resume the participant is %s, was %s", e.id(), a.id())
	}
}

func TestABrokenOrForeignResumeIs401(t *testing.T) {
	t.Parallel()
	a := guests.guest(t, "Ada")
	tampered := []byte(a.hello.Resume)
	tampered[len(tampered)/2] ^= 1
	for name, resume := range map[string]string{
		"garbage":           "garbage",
		"tampered":          string(tampered),
		"cut":               a.hello.Resume[:len(a.hello.Resume)-1],
		"of another server": unlimited.guest(t, "Bea").hello.Resume,
	} {
		t.Run(name, func(t *testing.T) {
			p := guests.visitor(t, client.Options{})
			_, err := p.Connect(within(t, patience), client.ConnectParams{Resume: resume})
			wantError(t, err, 401)
		})
	}
}

func TestWithoutARoomAResumeKeepsTheUser(t *testing.T) {
	t.Parallel()
	a := guests.guest(t, "Ada")
	a.Abort()
	b := guests.connect(t, client.ConnectParams{Resume: a.hello.Resume})
	if !b.hello.Resumed || b.hello.User != a.hello.User {
		t.Errorf("resuming gives %+v, was %+v", b.hello, a.hello)
	}
	b.in(unique("first-room"))
}

func TestAResumeWithoutAJoinDoesNotStopTheGraceTime(t *testing.T) {
	t.Parallel()
	room := unique("no-join")
	watcher := guests.guest(t, "Watcher").in(room)
	a := guests.guest(t, "Ada").in(room)
	a.Abort()
	watcher.isState(a.id(), "reconnecting")
	b := guests.connect(t, client.ConnectParams{Resume: a.hello.Resume})
	await(watcher, "participant_left", func(e client.LeftEvent) bool { return e.ID == a.id() && e.Reason == "timeout" })
	b.in(room)
	if b.id() == a.id() || b.joined.Participant.User != a.hello.User.ID {
		t.Errorf("after the grace time the participant is %+v", b.joined.Participant)
	}
}

func TestAHostWhoTimesOutIsSucceeded(t *testing.T) {
	t.Parallel()
	room := unique("host-timeout")
	host := guests.guest(t, "Host").in(room)
	a := guests.guest(t, "Ada").in(room)
	host.Abort()
	a.isState(host.id(), "reconnecting")
	await(a, "participant_updated", func(e client.ParticipantEvent) bool {
		return e.Participant.ID == a.id() && e.Participant.Role == "host"
	})
	if len(allTold[client.LeftEvent](a, "participant_left")) != 1 {
		t.Error("Ada became host before the host had left")
	}
}
