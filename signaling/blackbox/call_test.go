package blackbox

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hubbub/signaling/client"
)

// rings calls someone, which must be possible.
func (p *person) rings(to *person, media string) client.Call {
	p.t.Helper()
	c, err := p.Ring(within(p.t, patience), to.hello.User.ID, media)
	if err != nil {
		p.t.Fatalf("%s calls %s: %v", p.hello.User.Name, to.hello.User.Name, err)
	}
	return c
}

func (p *person) mustAnswer(id string, accept bool) client.Call {
	p.t.Helper()
	c, err := p.Answer(within(p.t, patience), id, accept)
	if err != nil {
		p.t.Fatalf("%s answers: %v", p.hello.User.Name, err)
	}
	return c
}

func (p *person) mustHangUp(id string) client.Call {
	p.t.Helper()
	c, err := p.HangUp(within(p.t, patience), id)
	if err != nil {
		p.t.Fatalf("%s hangs up: %v", p.hello.User.Name, err)
	}
	return c
}

// isTold waits until this connection has been told that a call is as given.
func (p *person) isTold(want client.Call) {
	p.t.Helper()
	await(p, "call", func(e client.CallEvent) bool { return e.Call == want })
}

// wantStates checks which states of a call this connection was told, in order, once it has been told the last of them.
func (p *person) wantStates(id string, want ...string) {
	p.t.Helper()
	await(p, "call", func(e client.CallEvent) bool { return e.Call.ID == id && e.Call.State == want[len(want)-1] })
	p.wantOpen()
	var got []string
	for _, e := range allTold[client.CallEvent](p, "call") {
		if e.Call.ID == id {
			got = append(got, e.Call.State)
		}
	}
	if !slices.Equal(got, want) {
		p.t.Errorf("%s was told the states %v, want %v", p.hello.User.Name, got, want)
	}
}

// wantCalls connects another device of the same user, and checks which calls it is told to go on.
func wantCalls(t *testing.T, user string, want ...client.Call) {
	t.Helper()
	p := member(t, user, speaker(nil))
	if !slices.Equal(p.hello.Calls, want) {
		t.Errorf("%s connects to the calls %+v, want %+v", user, p.hello.Calls, want)
	}
	if err := p.Leave(); err != nil {
		t.Error(err)
	}
}

// caller and callee are two people of this test's own.
func pair(t *testing.T) (a, b *person) {
	t.Helper()
	return member(t, unique("ada"), speaker(nil)), member(t, unique("bea"), speaker(nil))
}

// inCall has two people in an accepted call.
func inCall(t *testing.T, a, b *person, media string) client.Call {
	t.Helper()
	return b.mustAnswer(a.rings(b, media).ID, true)
}

func TestACallRingsOnEveryDeviceAndTheFirstToAcceptWins(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	second := member(t, b.hello.User.ID, speaker(nil))
	desk := member(t, a.hello.User.ID, speaker(nil))
	before := time.Now()
	c := a.rings(b, "video")
	expires := time.UnixMilli(c.ExpiresAt)
	if c.ID == "" || c.From != a.hello.User || c.To != b.hello.User || c.Media != "video" || c.Room == "" || c.State != "ringing" ||
		expires.Before(before.Add(29*time.Second)) || expires.After(time.Now().Add(31*time.Second)) {
		t.Errorf("the call is %+v", c)
	}
	for _, p := range []*person{a, b, desk, second} {
		p.isTold(c)
	}
	accepted := second.mustAnswer(c.ID, true)
	want := c
	want.State = "accepted"
	if accepted != want {
		t.Errorf("accepted it is %+v, want %+v", accepted, want)
	}
	_, err := b.Answer(within(t, patience), c.ID, true)
	wantError(t, err, 409)
	_, err = b.Answer(within(t, patience), c.ID, false)
	wantError(t, err, 409)
	ended := desk.mustHangUp(c.ID)
	if ended.State != "ended" {
		t.Errorf("hung up it is %s", ended.State)
	}
	for _, p := range []*person{a, b, desk, second} {
		p.wantStates(c.ID, "ringing", "accepted", "ended")
	}
	for _, p := range []*person{a, b} {
		_, err = p.HangUp(within(t, patience), c.ID)
		wantError(t, err, 409)
	}
}

func TestDevicesThatAcceptAtTheSameTimeAreOneWinner(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	devices := []*person{b, member(t, b.hello.User.ID, speaker(nil)), member(t, b.hello.User.ID, speaker(nil))}
	c := a.rings(b, "audio")
	errs := make([]error, len(devices))
	var answering sync.WaitGroup
	for i, d := range devices {
		d.isTold(c)
		answering.Go(func() { _, errs[i] = d.Answer(within(t, patience), c.ID, true) })
	}
	answering.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			wantError(t, err, 409)
		}
	}
	if won != 1 {
		t.Errorf("%d devices have the call", won)
	}
}

func TestOneDeclineEndsACallForAll(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	second := member(t, b.hello.User.ID, speaker(nil))
	c := a.rings(b, "audio")
	second.isTold(c)
	if declined := second.mustAnswer(c.ID, false); declined.State != "declined" {
		t.Errorf("declined it is %s", declined.State)
	}
	for _, p := range []*person{a, b, second} {
		p.wantStates(c.ID, "ringing", "declined")
	}
	_, err := b.Answer(within(t, patience), c.ID, true)
	wantError(t, err, 409)
	wantCalls(t, b.hello.User.ID)
	// A callee who hangs up declines.
	c = a.rings(b, "audio")
	if declined := b.mustHangUp(c.ID); declined.State != "declined" {
		t.Errorf("hung up by the callee it is %s", declined.State)
	}
}

func TestACallerCancelsACall(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	c := a.rings(b, "audio")
	if cancelled := a.mustHangUp(c.ID); cancelled.State != "cancelled" {
		t.Errorf("hung up it is %s", cancelled.State)
	}
	b.wantStates(c.ID, "ringing", "cancelled")
	_, err := b.Answer(within(t, patience), c.ID, true)
	wantError(t, err, 409)
}

func TestACallIsMissedAfter30s(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	c := a.rings(b, "audio")
	timeout := time.After(45 * time.Second)
	missed := func() bool {
		return slices.ContainsFunc(allTold[client.CallEvent](b, "call"), func(e client.CallEvent) bool { return e.Call.State == "missed" })
	}
	for !missed() {
		all, changed := b.told.from(0)
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("told: %+v", all)
		}
	}
	if early := time.Until(time.UnixMilli(c.ExpiresAt)); early > 100*time.Millisecond {
		t.Errorf("missed %s before expiresAt", early)
	}
	for _, p := range []*person{a, b} {
		p.wantStates(c.ID, "ringing", "missed")
	}
	_, err := b.Answer(within(t, patience), c.ID, true)
	wantError(t, err, 409)
}

func TestWhoIsInAnAcceptedCallIsBusyAndWhoIsNotConnectedOffline(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	other, third := pair(t)
	waiting := third.rings(b, "audio") // rings beside the one that is accepted
	c := inCall(t, a, b, "audio")
	for _, callee := range []*person{a, b} {
		_, err := other.Ring(within(t, patience), callee.hello.User.ID, "audio")
		wantError(t, err, 486)
	}
	_, err := a.Ring(within(t, patience), other.hello.User.ID, "audio")
	wantError(t, err, 409) // one call at a time
	_, err = b.Answer(within(t, patience), waiting.ID, true)
	wantError(t, err, 486)
	a.mustHangUp(c.ID)
	b.wantStates(c.ID, "ringing", "accepted", "ended")
	b.mustAnswer(waiting.ID, true)

	_, err = other.Ring(within(t, patience), unique("nobody"), "audio")
	wantError(t, err, 480)
	gone := member(t, unique("gone"), speaker(nil))
	if err := gone.Leave(); err != nil {
		t.Fatal(err)
	}
	_, err = other.Ring(within(t, patience), gone.hello.User.ID, "audio")
	wantError(t, err, 480)
}

func TestTwoWhoCallEachOtherHaveOneCall(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	c := a.rings(b, "audio")
	for _, p := range []*person{a, b} {
		other := a
		if p == a {
			other = b
		}
		_, err := p.Ring(within(t, patience), other.hello.User.ID, "audio")
		wantError(t, err, 409)
	}
	b.mustAnswer(c.ID, true)
}

func TestImpossibleCallsAreRefused(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	_, err := a.Ring(within(t, patience), a.hello.User.ID, "audio")
	wantError(t, err, 400)
	_, err = a.Ring(within(t, patience), b.hello.User.ID, "smoke")
	wantError(t, err, 400)
	_, err = a.Ring(within(t, patience), "two words", "audio")
	wantError(t, err, 400)
	mute := member(t, unique("mute"), speaker(grants{"call": false}))
	_, err = mute.Ring(within(t, patience), b.hello.User.ID, "audio")
	wantError(t, err, 403)
	c := a.rings(mute, "audio") // who may not call may be called
	_, err = a.Answer(within(t, patience), c.ID, true)
	wantError(t, err, 403)
	mute.mustAnswer(c.ID, true)
	_, err = a.Answer(within(t, patience), "never-was", true)
	wantError(t, err, 404)
	_, err = a.HangUp(within(t, patience), "never-was")
	wantError(t, err, 404)
	for method, params := range map[string]map[string]any{
		"call":   {"to": b.hello.User.ID},
		"answer": {"call": c.ID},
		"hangup": {},
	} {
		if err := a.Call(within(t, patience), method, params, nil); err == nil || !strings.Contains(err.Error(), "-32602") {
			t.Errorf("%s with %v: %v, want -32602", method, params, err)
		}
	}
}

func TestNobodyButTheTwoComesNearACall(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	stranger := member(t, unique("eve"), speaker(grants{"role": "host", "admin": true, "list": true}))
	c := inCall(t, a, b, "audio")
	_, err := stranger.Answer(within(t, patience), c.ID, true)
	wantError(t, err, 404)
	_, err = stranger.HangUp(within(t, patience), c.ID)
	wantError(t, err, 404)
	a.in(c.Room)
	b.in(c.Room)
	_, err = stranger.Join(within(t, patience), client.JoinParams{Room: c.Room})
	wantError(t, err, 404)
	_, err = stranger.Users(within(t, patience), c.Room)
	wantError(t, err, 404)
	rooms, err := stranger.Rooms(within(t, patience))
	if err != nil || slices.ContainsFunc(rooms, func(r client.RoomSummary) bool { return r.Name == c.Room }) {
		t.Errorf("the rooms that anyone may list are %+v, %v", rooms, err)
	}
	users, err := stranger.Users(within(t, patience), "")
	if err != nil || slices.ContainsFunc(users, func(u client.OnlineUser) bool { return u.Room == c.Room }) {
		t.Errorf("the users that anyone may list are %+v, %v", users, err)
	}
	if told := allTold[client.CallEvent](stranger, "call"); len(told) > 0 {
		t.Errorf("a stranger was told %+v", told)
	}
	// A room that is no call's, but has such a name, is nobody's.
	_, err = stranger.Join(within(t, patience), client.JoinParams{Room: c.Room + "x"})
	wantError(t, err, 404)
}

func TestACallsRoomIsOpenToTheTwoWhateverTheirTokensSayAndDisappearsAfter(t *testing.T) {
	t.Parallel()
	a := member(t, unique("ada"), speaker(grants{"room": "elsewhere"}))
	b := member(t, unique("bea"), speaker(grants{"room": "", "role": "listener", "call": false}))
	c := inCall(t, a, b, "audio")
	a.inWith(c.Room, client.EngineConfig{}, client.MediaConfig{Slots: 1})
	b.inWith(c.Room, client.EngineConfig{}, client.MediaConfig{Slots: 1})
	if role := b.joined.Participant.Role; role != "speaker" {
		t.Errorf("a listener is %s in their own call", role)
	}
	a.wantHears(b)
	b.wantHears(a)
	b.mustHangUp(c.ID)
	for _, p := range []*person{a, b} {
		p.wantStates(c.ID, "ringing", "accepted", "ended")
		await(p, "participant_left", func(e client.LeftEvent) bool { return e.ID == p.id() })
		_, err := p.Join(within(t, patience), client.JoinParams{Room: c.Room})
		wantError(t, err, 404)
	}
	a.mustJoin(client.JoinParams{Room: "elsewhere"})
}

func TestConnectListsCallsAndAReloadReturnsToThem(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	ringing := a.rings(b, "audio")
	wantCalls(t, a.hello.User.ID, ringing)
	wantCalls(t, b.hello.User.ID, ringing)
	c := b.mustAnswer(ringing.ID, true)
	a.in(c.Room)
	b.in(c.Room)

	b.Abort() // the page is reloaded
	a.isState(b.id(), "reconnecting")
	again := tokens.connect(t, client.ConnectParams{Resume: b.hello.Resume})
	if !again.hello.Resumed || !slices.Equal(again.hello.Calls, []client.Call{c}) {
		t.Fatalf("after a reload: resumed %t, calls %+v, want %+v", again.hello.Resumed, again.hello.Calls, c)
	}
	again.in(c.Room)
	if again.id() != b.id() {
		t.Errorf("the participant %s became %s", b.id(), again.id())
	}
	a.isState(b.id(), "active")
	ended := again.mustHangUp(c.ID)
	a.isTold(ended)
	wantCalls(t, a.hello.User.ID)
}

func TestARingingCallOfWhoVanishesIsCancelledAfterTheGraceTime(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	c := a.rings(b, "audio")
	a.Abort()
	b.wantStates(c.ID, "ringing", "cancelled")

	other := member(t, unique("cem"), speaker(nil))
	c = other.rings(b, "audio")
	if err := other.Leave(); err != nil { // at once
		t.Fatal(err)
	}
	b.wantStates(c.ID, "ringing", "cancelled")
}

func TestAnAcceptedCallGoesOnUntilBothHaveBeenGoneForTheGraceTime(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	c := inCall(t, a, b, "audio")
	room := unique("witness")
	witness := member(t, unique("cem"), speaker(nil)).in(room)
	gone := member(t, unique("dora"), speaker(nil)).in(room)

	// One of them is away for longer than the grace time of someone who broke at the same moment.
	a.Abort()
	gone.Abort()
	await(witness, "participant_left", func(e client.LeftEvent) bool { return e.ID == gone.id() })
	_, err := witness.Ring(within(t, patience), b.hello.User.ID, "audio")
	wantError(t, err, 486)
	a = member(t, a.hello.User.ID, speaker(nil))
	if !slices.Equal(a.hello.Calls, []client.Call{c}) {
		t.Errorf("back to the calls %+v, want %+v", a.hello.Calls, c)
	}

	// Both are.
	a.Abort()
	b.Abort()
	eventually(t, patience, "the call is over", func() bool {
		p := member(t, unique("probe"), speaker(nil))
		defer p.Abort()
		_, err := p.Ring(within(t, patience), b.hello.User.ID, "audio")
		e, ok := errors.AsType[*client.Error](err)
		return ok && e.Code == 480
	})
	late := time.Now().Add(2 * grace)
	eventually(t, patience, "more than the grace time is over", func() bool { return time.Now().After(late) })
	wantCalls(t, a.hello.User.ID)
	wantCalls(t, b.hello.User.ID)
}

func TestACallEndsWhenWhoWasInItsRoomHasBeenGoneForTheGraceTime(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	c := inCall(t, a, b, "video")
	a.in(c.Room)
	b.in(c.Room)
	a.Abort() // the tab is closed
	b.isState(a.id(), "reconnecting")
	began := time.Now()
	ended := c
	ended.State = "ended"
	b.isTold(ended)
	if early := grace - time.Second - time.Since(began); early > 0 {
		t.Errorf("ended %s too early", early)
	}
	await(b, "participant_left", func(e client.LeftEvent) bool { return e.ID == b.id() })
	again := member(t, a.hello.User.ID, speaker(nil))
	b.mustAnswer(again.rings(b, "audio").ID, true)
}

func TestACallEndsAtOnceWhenWhoIsInItsRoomLeavesForGood(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	other := member(t, a.hello.User.ID, speaker(nil))
	c := inCall(t, a, b, "audio")
	a.in(c.Room)
	b.in(c.Room)
	if err := a.Call(within(t, patience), "leave", struct{}{}, nil); err != nil { // of the room alone
		t.Fatal(err)
	}
	a.in(c.Room)
	if err := a.Leave(); err != nil { // the other device is still there
		t.Fatal(err)
	}
	await(b, "participant_left", func(e client.LeftEvent) bool { return e.ID == a.id() })
	other.in(c.Room)
	if err := other.Leave(); err != nil {
		t.Fatal(err)
	}
	c.State = "ended"
	b.isTold(c)
}

func TestCallsOfOneUserAreBounded(t *testing.T) {
	t.Parallel()
	a := unlimited.guest(t, "Ada")
	b := unlimited.guest(t, "Bea")
	var err error
	begun := 0
	for ; err == nil && begun < 100; begun++ {
		var c client.Call
		if c, err = a.Ring(within(t, patience), b.hello.User.ID, "audio"); err == nil {
			a.mustHangUp(c.ID)
		}
	}
	wantError(t, err, 429)
	c := b.rings(a, "audio") // that is the caller's bound alone
	a.mustAnswer(c.ID, true)
}
