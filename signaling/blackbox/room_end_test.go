package blackbox

import (
	"fmt"
	"testing"

	"hubbub/signaling/blackbox/process"
	"hubbub/signaling/client"
)

func TestARoomEndsWithItsLastParticipantAndItsChatWithIt(t *testing.T) {
	t.Parallel()
	room := unique("ends")
	a := guests.guest(t, "Ada").in(room)
	a.mustChat("first life")
	if err := a.LeaveRoom(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	b := guests.guest(t, "Bea").in(room)
	if b.joined.Participant.Role != "host" || b.joined.Room.Version != a.joined.Room.Version {
		t.Errorf("in the new room Bea is %s at version %d, want host at %d", b.joined.Participant.Role, b.joined.Room.Version, a.joined.Room.Version)
	}
	messages, err := b.History(within(t, patience), client.HistoryParams{})
	if err != nil || len(messages) != 0 {
		t.Errorf("the new room's history is %v, %v", messages, err)
	}
	if r := b.mustChat("second life"); r.Seq != 1 {
		t.Errorf("the first message has seq %d", r.Seq)
	}
}

func TestWhenTheLastHostLeavesTheSpeakerLongestThereBecomesHost(t *testing.T) {
	t.Parallel()
	room := unique("succession")
	host := guests.guest(t, "Host").in(room)
	listener := guests.guest(t, "Listener").in(room)
	second := guests.guest(t, "Second").in(room)
	third := guests.guest(t, "Third").in(room)
	host.mustModerate(client.Order{Participant: listener.id(), Action: "role", Role: "listener"})
	if err := host.Leave(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*person{listener, second, third} {
		await(p, "participant_updated", func(e client.ParticipantEvent) bool {
			return e.Participant.ID == second.id() && e.Participant.Role == "host"
		})
	}
	second.mustModerate(client.Order{Participant: third.id(), Action: "mute"})
}

func TestARoomAtItsLimitIs507(t *testing.T) {
	t.Parallel()
	// Thousands of snapshots of thousands: without the race detector, which makes that ten times slower. Who is within the grace
	// time counts too, and costs less than who must be told of everyone else.
	plain, err := process.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := startBinary(t, plain, "--limits", "off", "--grace", "10m")
	room := unique("full")
	first := s.guest(t, "First").in(room)
	limit := first.joined.Room.Limit
	if limit > 5_000 {
		t.Fatalf("the limit of a room is %d: too many for this test", limit)
	}
	for n := range limit - 1 {
		l := s.line(t)
		l.send(`{"jsonrpc":"2.0","id":0,"method":"connect","params":{"name":"F"}}`)
		l.send(request("join", fmt.Sprintf(`{"room":%q}`, room)))
		if n%50 == 49 || n == limit-2 { // the others need not be waited for
			l.answer()
			l.answer()
		}
		_ = l.Close()
	}
	eventually(t, patience, "the room is full", func() bool {
		rooms, err := first.Rooms(within(t, patience))
		return err == nil && len(rooms) == 1 && rooms[0].Participants == limit
	})
	late := s.guest(t, "Late")
	_, err = late.Join(within(t, patience), client.JoinParams{Room: room})
	wantError(t, err, 507)
	if err := first.LeaveRoom(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	late.in(room)
}
