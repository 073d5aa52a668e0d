package room_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"hubbub/room"
)

func TestModerate(t *testing.T) {
	for _, c := range []struct {
		name       string
		by, target string
		action     room.Action
		role       room.Role
		want       error
		events     []string
	}{
		{"host mutes", "ana", "ben", room.Mute, "", nil, []string{"updated ben speaker"}},
		{"host mutes themself", "ana", "ana", room.Mute, "", nil, []string{"updated ana host"}},
		{"host removes", "ana", "ben", room.Remove, "", nil, []string{"left ben removed"}},
		{"host bans", "ana", "ben", room.Ban, "", nil, []string{"left ben banned"}},
		{"host makes a listener", "ana", "ben", room.SetRole, room.Listener, nil, []string{"updated ben listener"}},
		{"host makes a host", "ana", "ben", room.SetRole, room.Host, nil, []string{"updated ben host"}},
		{"the role it has", "ana", "ben", room.SetRole, room.Speaker, nil, nil},
		{"speaker mutes", "ben", "cleo", room.Mute, "", room.ErrForbidden, nil},
		{"speaker makes themself host", "ben", "ben", room.SetRole, room.Host, room.ErrForbidden, nil},
		{"somebody from elsewhere", "zoe", "ben", room.Mute, "", room.ErrForbidden, nil},
		{"nobody of that id", "ana", "zoe", room.Mute, "", room.ErrNotFound, nil},
		{"no such role", "ana", "ben", room.SetRole, "king", room.ErrInvalid, nil},
		{"no role", "ana", "ben", room.SetRole, "", room.ErrInvalid, nil},
		{"no such action", "ana", "ben", "tickle", "", room.ErrInvalid, nil},
		{"removing oneself", "ana", "ana", room.Remove, "", room.ErrInvalid, nil},
		{"banning oneself", "ana", "ana", room.Ban, "", room.ErrInvalid, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t, testConfig())
			s.join("ana")
			s.join("ben")
			s.join("cleo")
			s.order(c.by, c.target, c.action, c.role)
			if !errors.Is(s.err, c.want) {
				t.Errorf("error %v, want %v", s.err, c.want)
			}
			s.wantEvents(c.events...)
		})
	}
}

func TestAdminNeedsNoRoleAndNoPlaceInTheRoom(t *testing.T) {
	s := newScript(t, testConfig())
	s.join("ana")
	s.join("ben")
	for _, by := range []string{"", s.id("ben")} {
		s.events, s.err = s.room.Moderate(s.now, room.Order{By: by, Admin: true, Target: s.id("ana"), Action: room.Mute})
		if s.err != nil {
			t.Errorf("admin %q: %v", by, s.err)
		}
	}
	s.events, s.err = s.room.Moderate(s.now, room.Order{Admin: true, Target: s.id("ana"), Action: room.Remove})
	s.wantEvents("left ana removed", "updated ben host")
}

func TestRemovedMayJoinAgain(t *testing.T) {
	s := newScript(t, testConfig())
	s.join("ana")
	s.join("ben")
	s.order("ana", "ben", room.Remove, "")
	if s.join("ben"); s.err != nil {
		t.Error(s.err)
	}
}

func TestListenerIsNotHeardWhateverMutedSays(t *testing.T) {
	s := newScript(t, testConfig())
	s.join("ana")
	id := s.join("ben").ID
	s.order("ana", "ben", room.SetRole, room.Listener)
	p, _, err := s.room.Update(s.now, id, room.Change{Muted: new(false)})
	if err != nil || p.MayPublish() || p.MayShow() {
		t.Errorf("listener %+v may publish: %v", p, err)
	}
	s.order("ana", "ben", room.SetRole, room.Speaker)
	if p, _ := s.room.Participant(id); !p.MayPublish() || !p.MayShow() {
		t.Errorf("speaker %+v may not publish", p)
	}
}

func TestSuccession(t *testing.T) {
	guest := func(users ...string) func(*script) {
		return func(s *script) {
			for _, user := range users {
				s.join(user)
			}
		}
	}
	for _, c := range []struct {
		name   string
		before func(*script)
		act    func(*script)
		events []string
		roster []string
	}{
		{"the host leaves", guest("ana", "ben", "cleo"),
			func(s *script) { s.leave("ana") },
			[]string{"left ana left", "updated ben host"},
			[]string{"ben host", "cleo speaker"}},
		{"another host is there", func(s *script) { guest("ana", "ben", "cleo")(s); s.order("ana", "cleo", room.SetRole, room.Host) },
			func(s *script) { s.leave("ana") },
			[]string{"left ana left"},
			[]string{"ben speaker", "cleo host"}},
		{"the host's grace time ends", func(s *script) { guest("ana", "ben")(s); s.disconnect("ana") },
			func(s *script) { s.expireAfter(30 * time.Second) },
			[]string{"left ana timeout", "updated ben host"},
			[]string{"ben host"}},
		{"a host who is reconnecting stays host", guest("ana", "ben"),
			func(s *script) { s.disconnect("ana") },
			[]string{"updated ana host"},
			[]string{"ana? host", "ben speaker"}},
		{"a connected speaker before one who is reconnecting", func(s *script) { guest("ana", "ben", "cleo")(s); s.disconnect("ben") },
			func(s *script) { s.leave("ana") },
			[]string{"left ana left", "updated cleo host"},
			[]string{"ben? speaker", "cleo host"}},
		{"one who is reconnecting when there is no other", func(s *script) { guest("ana", "ben")(s); s.disconnect("ben") },
			func(s *script) { s.leave("ana") },
			[]string{"left ana left", "updated ben host"},
			[]string{"ben? host"}},
		{"not through one who times out in the same moment", func(s *script) {
			guest("ana", "ben", "cleo", "dee")(s)
			for _, user := range []string{"ana", "ben", "cleo"} {
				s.disconnect(user)
			}
			s.now = s.now.Add(time.Second)
			s.disconnect("dee")
		},
			func(s *script) { s.expireAfter(29 * time.Second) },
			[]string{"left ana timeout", "left ben timeout", "left cleo timeout", "updated dee host"},
			[]string{"dee? host"}},
		{"a listener does not inherit", func(s *script) { guest("ana", "ben", "cleo")(s); s.order("ana", "ben", room.SetRole, room.Listener) },
			func(s *script) { s.leave("ana") },
			[]string{"left ana left", "updated cleo host"},
			[]string{"ben listener", "cleo host"}},
		{"nobody inherits from the last", guest("ana"),
			func(s *script) { s.leave("ana") },
			[]string{"left ana left"}, nil},
		{"the next who comes, after a time without speakers", func(s *script) {
			guest("ana", "ben")(s)
			s.order("ana", "ben", room.SetRole, room.Listener)
			s.leave("ana")
		},
			guest("cleo"),
			[]string{"joined cleo host"},
			[]string{"ben listener", "cleo host"}},
		{"a listener whom an admin makes speaker, after a time without", func(s *script) {
			guest("ana", "ben")(s)
			s.order("ana", "ben", room.SetRole, room.Listener)
			s.leave("ana")
		},
			func(s *script) {
				s.events, s.err = s.room.Moderate(s.now, room.Order{Admin: true, Target: s.id("ben"), Action: room.SetRole, Role: room.Speaker})
			},
			[]string{"updated ben speaker", "updated ben host"},
			[]string{"ben host"}},
		{"the host steps down to speaker", guest("ana", "ben"),
			func(s *script) { s.order("ana", "ana", room.SetRole, room.Speaker) },
			[]string{"updated ana speaker", "updated ben host"},
			[]string{"ana speaker", "ben host"}},
		{"the host steps down for one who is reconnecting", func(s *script) { guest("ana", "ben")(s); s.disconnect("ben") },
			func(s *script) { s.order("ana", "ana", room.SetRole, room.Speaker) },
			[]string{"updated ana speaker", "updated ben host"},
			[]string{"ana speaker", "ben? host"}},
		{"the host becomes a listener", guest("ana", "ben"),
			func(s *script) { s.order("ana", "ana", room.SetRole, room.Listener) },
			[]string{"updated ana listener", "updated ben host"},
			[]string{"ana listener", "ben host"}},
		{"one host demotes the other", func(s *script) { guest("ana", "ben")(s); s.order("ana", "ben", room.SetRole, room.Host) },
			func(s *script) { s.order("ben", "ana", room.SetRole, room.Speaker) },
			[]string{"updated ana speaker"},
			[]string{"ana speaker", "ben host"}},
		{"a token's speaker does not inherit", func(s *script) {
			s.join("ana")
			s.joinAs(room.JoinRequest{User: "ben", Role: room.Speaker, RoleFixed: true})
			s.join("cleo")
		},
			func(s *script) { s.leave("ana") },
			[]string{"left ana left", "updated cleo host"},
			[]string{"ben speaker", "cleo host"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t, testConfig())
			c.before(s)
			c.act(s)
			if s.err != nil {
				t.Fatal(s.err)
			}
			s.wantEvents(c.events...)
			s.wantRoster(c.roster...)
		})
	}
}

func TestOnlySpeakerStaysHost(t *testing.T) {
	s := newScript(t, testConfig())
	s.join("ana")
	s.join("ben")
	s.order("ana", "ben", room.SetRole, room.Listener)
	s.order("ana", "ana", room.SetRole, room.Speaker)
	if !errors.Is(s.err, room.ErrForbidden) {
		t.Errorf("stepping down with no one to inherit: %v", s.err)
	}
	s.wantRoster("ana host", "ben listener")
}

func TestNoSuccessionWhereTokensGiveTheRoles(t *testing.T) {
	s := newScript(t, with(func(cfg *room.Config) { cfg.Guests = false }))
	s.joinAs(room.JoinRequest{User: "ana", Role: room.Host, RoleFixed: true})
	s.joinAs(room.JoinRequest{User: "ben", Role: room.Speaker, RoleFixed: true})
	s.leave("ana")
	s.wantRoster("ben speaker")
}

func TestOldestBanLapsesPastTheBound(t *testing.T) {
	const bound = 10_000
	s := newScript(t, testConfig())
	s.join("ana")
	for i := range bound + 1 {
		user := fmt.Sprint("rude", i)
		s.join(user)
		s.order("ana", user, room.Ban, "")
		if s.err != nil {
			t.Fatal(s.err)
		}
	}
	if err := s.room.Admissible("rude0"); err != nil {
		t.Errorf("the oldest ban: %v", err)
	}
	for _, user := range []string{"rude1", fmt.Sprint("rude", bound)} {
		if err := s.room.Admissible(user); !errors.Is(err, room.ErrBanned) {
			t.Errorf("%s: %v, want ErrBanned", user, err)
		}
	}
}
