package blackbox

import (
	"testing"

	"hubbub/signaling/client"
)

func TestModerateIsForHostsOnly(t *testing.T) {
	t.Parallel()
	room := unique("hosts-only")
	host := guests.guest(t, "Host").in(room)
	a := guests.guest(t, "Ada").in(room)
	b := guests.guest(t, "Bea").in(room)
	for _, o := range []client.Order{
		{Participant: b.id(), Action: "mute"},
		{Participant: b.id(), Action: "remove"},
		{Participant: b.id(), Action: "ban"},
		{Participant: a.id(), Action: "role", Role: "host"},
		{Participant: host.id(), Action: "role", Role: "listener"},
	} {
		wantError(t, a.Moderate(within(t, patience), o), 403)
	}
	b.wantOpen()
}

func TestModerateTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	room := unique("orders")
	host := guests.guest(t, "Host").in(room)
	a := guests.guest(t, "Ada").in(room)
	for name, c := range map[string]struct {
		order client.Order
		code  int
	}{
		"no such participant": {client.Order{Participant: "nobody", Action: "mute"}, 404},
		"unknown action":      {client.Order{Participant: a.id(), Action: "tickle"}, 400},
		"role without a role": {client.Order{Participant: a.id(), Action: "role"}, -32602},
		"unknown role":        {client.Order{Participant: a.id(), Action: "role", Role: "king"}, 400},
	} {
		if got := client.Code(host.Moderate(within(t, patience), c.order)); got != c.code {
			t.Errorf("%s is answered with code %d, want %d", name, got, c.code)
		}
	}
}

func TestMutedByAHostOneMayUnmuteOneself(t *testing.T) {
	t.Parallel()
	room := unique("mute")
	host := guests.guest(t, "Host").in(room)
	a := guests.guest(t, "Ada").in(room)
	host.mustModerate(client.Order{Participant: a.id(), Action: "mute", Reason: "an echo"})
	for _, p := range []*person{host, a} {
		await(p, "participant_updated", func(e client.ParticipantEvent) bool {
			return e.Participant.ID == a.id() && e.Participant.Muted
		})
	}
	if p := a.mustUpdate(client.Change{Muted: new(false)}); p.Muted {
		t.Errorf("after unmuting Ada is %+v", p)
	}
	await(host, "participant_updated", func(e client.ParticipantEvent) bool {
		return e.Participant.ID == a.id() && !e.Participant.Muted
	})
}

func TestRemovedIsOutWith4003AndWithoutResumeButMayJoinAgain(t *testing.T) {
	t.Parallel()
	room := unique("remove")
	host := guests.guest(t, "Host").in(room)
	a := guests.guest(t, "Ada").in(room)
	host.mustModerate(client.Order{Participant: a.id(), Action: "remove"})
	a.wantClosed(client.CloseRemoved)
	e := await(host, "participant_left", func(e client.LeftEvent) bool { return e.ID == a.id() })
	if e.Reason != "removed" {
		t.Errorf("the reason is %s", e.Reason)
	}
	p := guests.visitor(t, client.Options{})
	_, err := p.Connect(within(t, patience), client.ConnectParams{Resume: a.hello.Resume})
	if err == nil {
		t.Error("the resume string of someone removed still works")
	}
	hello, err := guests.visitor(t, client.Options{}).Connect(within(t, patience),
		client.ConnectParams{Resume: a.hello.Resume, Name: "Ada"})
	if err != nil || hello.Resumed {
		t.Errorf("with a name it gives resumed %t, %v", hello.Resumed, err)
	}
	again := guests.guest(t, "Ada").in(room)
	if again.id() == a.id() {
		t.Error("after a removal the participant is the same")
	}
}

func TestARemovedUserMayJoinAgainABannedOneMayNot(t *testing.T) {
	t.Parallel()
	room, sub := unique("ban"), unique("banned")
	host := member(t, unique("host"), speaker(grants{"role": "host"})).in(room)
	a := member(t, sub, speaker(nil)).in(room)
	host.mustModerate(client.Order{Participant: a.id(), Action: "remove"})
	a.wantClosed(client.CloseRemoved)

	a = member(t, sub, speaker(nil)).in(room)
	host.mustModerate(client.Order{Participant: a.id(), Action: "ban"})
	a.wantClosed(client.CloseRemoved)
	e := await(host, "participant_left", func(e client.LeftEvent) bool { return e.ID == a.id() })
	if e.Reason != "banned" {
		t.Errorf("the reason is %s", e.Reason)
	}
	p := tokens.visitor(t, client.Options{})
	if _, err := p.Connect(within(t, patience), client.ConnectParams{Resume: a.hello.Resume}); err == nil {
		t.Error("the resume string of someone banned still works")
	}
	a = member(t, sub, speaker(nil))
	_, err := a.Join(within(t, patience), client.JoinParams{Room: room})
	wantError(t, err, 403)
	a.in(unique("elsewhere")) // the ban is the room's

	// The ban ends with the room.
	if err := host.LeaveRoom(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	member(t, sub, speaker(nil)).in(room)
}

func TestARoleChangesAndHostsModerateHosts(t *testing.T) {
	t.Parallel()
	room := unique("role")
	host := guests.guest(t, "Host").in(room)
	a := guests.guest(t, "Ada").in(room)
	for _, role := range []string{"listener", "speaker", "host"} {
		host.mustModerate(client.Order{Participant: a.id(), Action: "role", Role: role})
		await(a, "participant_updated", func(e client.ParticipantEvent) bool {
			return e.Participant.ID == a.id() && e.Participant.Role == role
		})
	}
	a.mustModerate(client.Order{Participant: host.id(), Action: "role", Role: "speaker"})
	err := host.Moderate(within(t, patience), client.Order{Participant: a.id(), Action: "mute"})
	wantError(t, err, 403)
	a.mustModerate(client.Order{Participant: host.id(), Action: "remove"})
	host.wantClosed(client.CloseRemoved)
}

func TestWhoIsReconnectingCanBeRemoved(t *testing.T) {
	t.Parallel()
	room := unique("remove-absent")
	host := guests.guest(t, "Host").in(room)
	a := guests.guest(t, "Ada").in(room)
	a.Abort()
	await(host, "participant_updated", func(e client.ParticipantEvent) bool {
		return e.Participant.ID == a.id() && e.Participant.State == "reconnecting"
	})
	host.mustModerate(client.Order{Participant: a.id(), Action: "remove"})
	await(host, "participant_left", func(e client.LeftEvent) bool { return e.ID == a.id() && e.Reason == "removed" })
	p := guests.visitor(t, client.Options{})
	if _, err := p.Connect(within(t, patience), client.ConnectParams{Resume: a.hello.Resume}); err == nil {
		t.Error("the resume string of someone removed still works")
	}
}
