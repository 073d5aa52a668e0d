package room_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hubbub/room"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// testConfig has ids p1, p2, … and CSRCs 1, 2, ….
func testConfig() room.Config {
	var ids int
	var csrcs uint32
	return room.Config{
		Limit: 5, Grace: 30 * time.Second, History: 4, Guests: true,
		NewID:   func() string { ids++; return fmt.Sprintf("p%d", ids) },
		NewCSRC: func() uint32 { csrcs++; return csrcs },
	}
}

func with(change func(*room.Config)) room.Config {
	cfg := testConfig()
	change(&cfg)
	return cfg
}

// script drives a room and keeps what came out of it.
type script struct {
	*testing.T
	room   *room.Room
	now    time.Time
	events []room.Event // of the last command
	err    error        // of the last command
}

func newScript(t *testing.T, cfg room.Config) *script {
	return &script{T: t, room: room.New("lobby", start, cfg), now: start}
}

func (s *script) join(user string) room.Participant {
	return s.joinAs(room.JoinRequest{User: user, Name: user, Role: room.Speaker})
}

func (s *script) joinAs(j room.JoinRequest) (p room.Participant) {
	s.now = s.now.Add(time.Second)
	p, s.events, s.err = s.room.Join(s.now, j)
	return p
}

func (s *script) leave(user string)      { s.events, s.err = s.room.Leave(s.now, s.id(user)) }
func (s *script) disconnect(user string) { s.events, s.err = s.room.Disconnect(s.now, s.id(user)) }
func (s *script) expireAfter(d time.Duration) {
	s.now = s.now.Add(d)
	s.events, s.err = s.room.Expire(s.now), nil
}

func (s *script) order(by, target string, a room.Action, role room.Role) {
	s.events, s.err = s.room.Moderate(s.now, room.Order{By: s.id(by), Target: s.id(target), Action: a, Role: role})
}

// id of the participant that user is; "no such participant" for one who is not here.
func (s *script) id(user string) string {
	if p, ok := s.room.ByUser(user); ok {
		return p.ID
	}
	return "no such participant"
}

// roster is everyone as "user role", with a question mark while reconnecting.
func (s *script) roster() []string {
	var all []string
	for _, p := range s.room.Participants() {
		mark := ""
		if p.State == room.Reconnecting {
			mark = "?"
		}
		all = append(all, fmt.Sprintf("%s%s %s", p.User, mark, p.Role))
	}
	return all
}

func (s *script) wantRoster(want ...string) {
	s.Helper()
	if got := s.roster(); !slices.Equal(got, want) {
		s.Errorf("roster %q, want %q", got, want)
	}
}

// wantEvents compares the last command's events, each written as "kind user role" or "left user reason".
func (s *script) wantEvents(want ...string) {
	s.Helper()
	var got []string
	for _, e := range s.events {
		detail := string(e.Participant.Role)
		if e.Kind == room.Left {
			detail = string(e.Reason)
		}
		got = append(got, fmt.Sprintf("%s %s %s", e.Kind, e.Participant.User, detail))
	}
	if !slices.Equal(got, want) {
		s.Errorf("events %q, want %q", got, want)
	}
}

func TestInfo(t *testing.T) {
	s := newScript(t, testConfig())
	if got, want := s.room.Info(), (room.Info{Name: "lobby", CreatedAt: start, Limit: 5}); got != want {
		t.Errorf("before the first: %+v, want %+v", got, want)
	}
	s.join("ana")
	if v := s.room.Info().Version; v != 1 {
		t.Errorf("version %d after the first join, want 1", v)
	}
}

func TestHandedOutParticipantsStayAsTheyWere(t *testing.T) {
	s := newScript(t, testConfig())
	p := s.join("ana")
	mine := map[string]string{"mood": "calm"}
	before, _, err := s.room.Update(s.now, p.ID, room.Change{Attributes: &mine})
	if err != nil {
		t.Fatal(err)
	}
	mine["mood"] = "changed by the caller"
	if _, _, err := s.room.Update(s.now, p.ID, room.Change{Attributes: &map[string]string{"mood": "new"}}); err != nil {
		t.Fatal(err)
	}
	if got := before.Attributes["mood"]; got != "calm" {
		t.Errorf("a participant handed out earlier now says %q", got)
	}
}
