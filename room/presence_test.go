package room_test

import (
	"errors"
	"testing"
	"time"

	"hubbub/room"
)

func TestFirstGuestIsHost(t *testing.T) {
	s := newScript(t, testConfig())
	p := s.join("ana")
	s.wantEvents("joined ana host")
	if p.ID != "p1" || p.CSRC != 1 || p.State != room.Active || !p.JoinedAt.Equal(s.now) {
		t.Errorf("joined as %+v", p)
	}
	s.join("ben")
	s.wantRoster("ana host", "ben speaker")
}

func TestFirstJoinRoles(t *testing.T) {
	for _, c := range []struct {
		name   string
		guests bool
		role   room.Role
		fixed  bool
		want   room.Role
	}{
		{"a guest who speaks", true, room.Speaker, false, room.Host},
		{"a guest who listens", true, room.Listener, false, room.Listener},
		{"a token's speaker among guests", true, room.Speaker, true, room.Speaker},
		{"a token's host among guests", true, room.Host, true, room.Host},
		{"a token's speaker", false, room.Speaker, true, room.Speaker},
		{"a speaker where roles come from tokens", false, room.Speaker, false, room.Speaker},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t, with(func(cfg *room.Config) { cfg.Guests = c.guests }))
			if p := s.joinAs(room.JoinRequest{User: "ana", Role: c.role, RoleFixed: c.fixed}); p.Role != c.want {
				t.Errorf("role %q, want %q", p.Role, c.want)
			}
		})
	}
}

func TestTokenHostIsKeptWhoeverIsThere(t *testing.T) {
	s := newScript(t, testConfig())
	s.join("ana")
	s.joinAs(room.JoinRequest{User: "ben", Role: room.Host, RoleFixed: true})
	s.wantRoster("ana host", "ben host")
}

func TestJoinIsRefused(t *testing.T) {
	s := newScript(t, with(func(cfg *room.Config) { cfg.Limit = 2 }))
	s.join("ana")
	s.join("ben")
	if s.join("cleo"); !errors.Is(s.err, room.ErrFull) {
		t.Errorf("joining a full room: %v", s.err)
	}
	if s.join("ben"); s.err != nil {
		t.Errorf("joining again where one is already: %v", s.err)
	}
	s.order("ana", "ben", room.Ban, "")
	if s.join("ben"); !errors.Is(s.err, room.ErrBanned) {
		t.Errorf("joining although banned: %v", s.err)
	}
	if s.joinAs(room.JoinRequest{User: "dee", Role: "king"}); !errors.Is(s.err, room.ErrInvalid) {
		t.Errorf("joining as king: %v", s.err)
	}
	s.wantRoster("ana host")
	if v := s.room.Info().Version; v != 3 {
		t.Errorf("refused joins raised the version to %d, want 3", v)
	}
}

func TestCSRCIsAskedForUntilItIsUsable(t *testing.T) {
	proposals := []uint32{7, 0, 7, 9}
	s := newScript(t, with(func(cfg *room.Config) {
		cfg.NewCSRC = func() uint32 {
			next := proposals[0]
			proposals = proposals[1:]
			return next
		}
	}))
	if p := s.join("ana"); p.CSRC != 7 {
		t.Errorf("first CSRC %d, want 7", p.CSRC)
	}
	if p := s.join("ben"); p.CSRC != 9 {
		t.Errorf("second CSRC %d, want 9", p.CSRC)
	}
}

func TestSecondDeviceTakesOver(t *testing.T) {
	s := newScript(t, testConfig())
	first := s.join("ana")
	s.join("ben")
	on := true
	if _, _, err := s.room.Update(s.now, first.ID, room.Change{Hand: &on, Camera: &on, Screen: &on}); err != nil {
		t.Fatal(err)
	}
	s.disconnect("ana")

	again := s.joinAs(room.JoinRequest{User: "ana", Name: "Ana B", Role: room.Speaker, Muted: true})
	s.wantEvents("updated ana host")
	want := first
	want.Name, want.Muted, want.Hand = "Ana B", true, true
	if again.ID != want.ID || again.CSRC != want.CSRC || again.Role != want.Role || !again.JoinedAt.Equal(want.JoinedAt) ||
		again.Name != want.Name || !again.Muted || !again.Hand || again.Camera || again.Screen || again.State != room.Active {
		t.Errorf("took over as %+v, want %+v", again, want)
	}
	s.wantRoster("ana host", "ben speaker")

	s.joinAs(room.JoinRequest{User: "ana", Name: "Ana B", Role: room.Speaker, Muted: true})
	s.wantEvents() // nothing that others could see
	s.expireAfter(time.Hour)
	s.wantEvents()
}

func TestRoleWhenJoiningAgain(t *testing.T) {
	s := newScript(t, with(func(cfg *room.Config) { cfg.Guests = false }))
	token := func(user string, role room.Role) room.JoinRequest {
		return room.JoinRequest{User: user, Role: role, RoleFixed: true}
	}
	s.joinAs(token("ana", room.Host))
	s.joinAs(token("ben", room.Speaker))
	s.order("ana", "ben", room.SetRole, room.Listener)
	s.joinAs(token("ben", room.Speaker))
	s.wantRoster("ana host", "ben listener") // the same token does not undo what the host did
	s.joinAs(token("ben", room.Host))
	s.wantRoster("ana host", "ben host") // another one does
}

func TestGrace(t *testing.T) {
	s := newScript(t, testConfig())
	s.join("ana")
	ben := s.join("ben")
	if _, pending := s.room.NextExpiry(); pending {
		t.Error("an expiry is pending with everyone connected")
	}
	s.disconnect("ben")
	s.wantEvents("updated ben speaker")
	s.wantRoster("ana host", "ben? speaker")
	deadline := s.now.Add(30 * time.Second)

	s.now = s.now.Add(10 * time.Second)
	s.disconnect("ben") // noticed once more, changes nothing
	s.wantEvents()
	if next, ok := s.room.NextExpiry(); !ok || !next.Equal(deadline) {
		t.Errorf("next expiry %v, %v; want %v", next, ok, deadline)
	}

	back, events, err := s.room.Reconnect(s.now, ben.ID)
	if err != nil || len(events) != 1 || back.ID != ben.ID || back.State != room.Active {
		t.Errorf("reconnected as %+v, %v, %v", back, events, err)
	}
	s.expireAfter(time.Hour)
	s.wantEvents()

	s.disconnect("ben")
	s.expireAfter(30*time.Second - 1)
	s.wantEvents()
	s.expireAfter(1)
	s.wantEvents("left ben timeout")
	s.wantRoster("ana host")
	if p := s.join("ben"); p.ID == ben.ID || p.CSRC == ben.CSRC {
		t.Errorf("who left comes back as someone new, not as %+v", p)
	}
}

func TestNextExpiryIsTheEarliest(t *testing.T) {
	s := newScript(t, testConfig())
	s.join("ana")
	s.join("ben")
	s.disconnect("ben")
	first := s.now.Add(30 * time.Second)
	s.now = s.now.Add(time.Second)
	s.disconnect("ana")
	if next, ok := s.room.NextExpiry(); !ok || !next.Equal(first) {
		t.Errorf("next expiry %v, want ben's at %v", next, first)
	}
}

func TestUnknownParticipant(t *testing.T) {
	r := newScript(t, testConfig()).room
	for name, command := range map[string]func() error{
		"leave":      func() error { _, err := r.Leave(start, "x"); return err },
		"disconnect": func() error { _, err := r.Disconnect(start, "x"); return err },
		"reconnect":  func() error { _, _, err := r.Reconnect(start, "x"); return err },
		"update":     func() error { _, _, err := r.Update(start, "x", room.Change{}); return err },
		"chat":       func() error { _, _, err := r.Chat(start, "x", "hi", ""); return err },
	} {
		if err := command(); !errors.Is(err, room.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
}

func TestUpdate(t *testing.T) {
	yes, no, name := true, false, "Anna"
	for _, c := range []struct {
		name    string
		change  room.Change
		visible bool
		check   func(room.Participant) bool
	}{
		{"nothing", room.Change{}, false, nil},
		{"the same name", room.Change{Name: new("ana")}, false, nil},
		{"another name", room.Change{Name: &name}, true, func(p room.Participant) bool { return p.Name == "Anna" }},
		{"mute", room.Change{Muted: &yes}, true, func(p room.Participant) bool { return p.Muted && !p.MayPublish() && p.MayShow() }},
		{"unmute when not muted", room.Change{Muted: &no}, false, room.Participant.MayPublish},
		{"hand", room.Change{Hand: &yes}, true, func(p room.Participant) bool { return p.Hand }},
		{"camera and screen", room.Change{Camera: &yes, Screen: &yes}, true, func(p room.Participant) bool { return p.Camera && p.Screen }},
		{"no attributes as before", room.Change{Attributes: &map[string]string{}}, false, nil},
		{"attributes", room.Change{Attributes: &map[string]string{"k": "v"}}, true, func(p room.Participant) bool { return p.Attributes["k"] == "v" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t, testConfig())
			id := s.join("ana").ID
			p, events, err := s.room.Update(s.now, id, c.change)
			if err != nil {
				t.Fatal(err)
			}
			if visible := len(events) == 1; visible != c.visible {
				t.Errorf("events %v, visible should be %v", events, c.visible)
			}
			if c.check != nil && !c.check(p) {
				t.Errorf("now %+v", p)
			}
		})
	}
}
