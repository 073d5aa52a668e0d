package room_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hubbub/room"
)

// handOver moves a room as another node would take it: by its snapshot, encoded.
func handOver(t rapid.TB, r *room.Room, cfg room.Config) *room.Room {
	sent := r.Export()
	encoded, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	var received room.Snapshot
	if err := json.Unmarshal(encoded, &received); err != nil {
		t.Fatal(err)
	}
	restored := room.Restore(received, cfg)
	if again := restored.Export(); !reflect.DeepEqual(again, received) {
		t.Fatal("the snapshot changed on its way:", again, received)
	}
	return restored
}

func TestHandOver(t *testing.T) {
	s := newScript(t, testConfig())
	s.join("ana")
	s.joinAs(room.JoinRequest{User: "ben", Name: "Ben", Role: room.Speaker, RoleFixed: true})
	s.join("cleo")
	s.join("rude")
	s.order("ana", "rude", room.Ban, "")
	s.order("ana", "ben", room.SetRole, room.Listener)
	s.say("ana", 5)
	said, _, _ := s.room.Chat(s.now, s.id("cleo"), "with a nonce", "n")
	s.disconnect("cleo")
	info, roster, history := s.room.Info(), s.room.Participants(), s.room.History(0, 0, 0)

	s.room = handOver(t, s.room, testConfig())

	if got := s.room.Info(); got != info {
		t.Errorf("info %+v, want %+v", got, info)
	}
	if got := s.room.Participants(); !reflect.DeepEqual(got, roster) {
		t.Errorf("roster %+v, want %+v", got, roster)
	}
	if got := s.room.History(0, 0, 0); !slices.Equal(got, history) {
		t.Errorf("history %+v, want %+v", got, history)
	}
	if err := s.room.Admissible("rude"); !errors.Is(err, room.ErrBanned) {
		t.Errorf("the ban: %v", err)
	}
	if again, repeated, _ := s.room.Chat(s.now, s.id("cleo"), "x", "n"); !repeated || again != said {
		t.Errorf("the nonce gave %+v, %v", again, repeated)
	}
	s.joinAs(room.JoinRequest{User: "ben", Name: "Ben", Role: room.Speaker, RoleFixed: true})
	s.wantEvents() // still a listener: the token's role is known to be the old one
	s.expireAfter(30 * time.Second)
	s.wantEvents("left cleo timeout")
	if v := s.events[0].Version; v != info.Version+1 {
		t.Errorf("version %d after %d", v, info.Version)
	}
}

func TestHandOverToAnotherHistory(t *testing.T) {
	for _, c := range []struct {
		from, to int
		want     []int
	}{
		{4, 6, []int{6, 7, 8, 9, 10, 11}},
		{4, 2, []int{10, 11}},
		{4, 0, nil},
		{0, 4, []int{10, 11}},
	} {
		history := func(keep int) room.Config { return with(func(cfg *room.Config) { cfg.History = keep }) }
		s := newScript(t, history(c.from))
		s.join("ana")
		s.say("ana", 9)
		s.room = handOver(t, s.room, testConfig())
		s.room = room.Restore(s.room.Export(), history(c.to))
		s.say("ana", 2)
		if got := seqs(s.room.History(0, 0, 0)); !slices.Equal(got, c.want) {
			t.Errorf("from %d to %d: %v, want %v", c.from, c.to, got, c.want)
		}
	}
}
