package blackbox

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hubbub/signaling/client"
)

func TestAGuestNeedsANameAlone(t *testing.T) {
	t.Parallel()
	p := guests.connect(t, client.ConnectParams{Name: "Ada", Client: &client.Agent{Name: "blackbox", Version: "1"}})
	h := p.hello
	if h.User.Name != "Ada" || !regexp.MustCompile(`^[\pL\pN\-_.:]{1,64}$`).MatchString(h.User.ID) {
		t.Errorf("the user is %+v, want the name Ada and an id made by the server", h.User)
	}
	if h.Session == "" || h.Resume == "" || h.Node == "" || h.Resumed {
		t.Errorf("session %q, resume %q, node %q, resumed %t", h.Session, h.Resume, h.Node, h.Resumed)
	}
	if off := time.Since(time.UnixMilli(h.ServerTime)).Abs(); off > 5*time.Second {
		t.Errorf("serverTime is off by %s", off)
	}
	if string(h.ICEServers) != "[]" {
		t.Errorf("iceServers is %s, want []", h.ICEServers)
	}
	if l := h.Limits; l.Text < 1 || l.Attributes != 1024 || l.Slots < 1 || l.RatePerSecond < 20 {
		t.Errorf("the limits are %+v", l)
	}
	other := guests.guest(t, "Ada")
	if other.hello.User.ID == h.User.ID || other.hello.Session == h.Session {
		t.Error("two guests of the same name are one user or one session")
	}
	now, err := p.Ping(within(t, patience))
	if err != nil || math.Abs(float64(now-time.Now().UnixMilli())) > 5000 {
		t.Errorf("ping gives %d, %v", now, err)
	}
}

func TestTheFirstGuestInARoomIsHostTheOthersAreSpeakers(t *testing.T) {
	t.Parallel()
	room := unique("roles")
	for i, want := range []string{"host", "speaker", "speaker"} {
		p := guests.guest(t, "Guest").in(room)
		if got := p.joined.Participant.Role; got != want {
			t.Errorf("guest %d is %s, want %s", i, got, want)
		}
	}
}

func TestNamesHave1To64Characters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value string
		ok    bool
	}{
		"one":         {"A", true},
		"64":          {strings.Repeat("x", 64), true},
		"64 Chinese":  {strings.Repeat("汉", 64), true},
		"64 emoji":    {strings.Repeat("😀", 64), true},
		"with spaces": {"Ada Lovelace", true},
		"65":          {strings.Repeat("x", 65), false},
		"65 Chinese":  {strings.Repeat("汉", 65), false},
		"empty":       {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := guests.guest(t, "Ada").in(unique("names"))
			changed, err := p.Update(within(t, patience), client.Change{Name: &c.value})
			if !c.ok {
				wantError(t, err, 400)
			} else if err != nil || changed.Name != c.value {
				t.Errorf("update gives %q, %v", changed.Name, err)
			}
			if c.value == "" {
				return // in connect that is a missing member
			}
			p = guests.visitor(t, client.Options{})
			hello, err := p.Connect(within(t, patience), client.ConnectParams{Name: c.value})
			if !c.ok {
				wantError(t, err, 400)
			} else if err != nil || hello.User.Name != c.value {
				t.Errorf("connect gives %q, %v", hello.User.Name, err)
			}
		})
	}
}

func TestRoomNamesAreLettersOfAnyScriptDigitsAndAFewSigns(t *testing.T) {
	t.Parallel()
	for room, ok := range map[string]bool{
		"tea":                   true,
		"汉语角":                   true,
		"Привет":                true,
		"a-b_c.d:e9":            true,
		strings.Repeat("界", 64): true,
		strings.Repeat("x", 65): false,
		"":                      false,
		"two words":             false,
		"a/b":                   false,
		"a\nb":                  false,
		"smile😀":                false,
		"<script>":              false,
		"*":                     false,
	} {
		t.Run(room, func(t *testing.T) {
			t.Parallel()
			p := guests.guest(t, "Ada")
			joined, err := p.Join(within(t, patience), client.JoinParams{Room: room})
			if !ok {
				wantError(t, err, 400)
			} else if err != nil || joined.Room.Name != room {
				t.Errorf("join gives %q, %v", joined.Room.Name, err)
			}
			p.wantOpen()
		})
	}
}

func TestAConnectWithNeitherNameNorTokenIsRefused(t *testing.T) {
	t.Parallel()
	p := guests.visitor(t, client.Options{})
	if _, err := p.Connect(within(t, patience), client.ConnectParams{}); client.Code(err) == 0 {
		t.Errorf("connect gives %v, want an error", err)
	}
	// None of these errors closes the connection, so one may try again.
	p.mustConnect(client.ConnectParams{Name: "Ada"})
}

func TestGuestsMayListUsersAndRooms(t *testing.T) {
	t.Parallel()
	room := unique("lists")
	a := guests.guest(t, "Ada").in(room)
	b := guests.guest(t, "Bea").in(room)
	lobby := guests.guest(t, "Lou")

	users, err := lobby.Users(within(t, patience), room)
	if err != nil || len(users) != 2 {
		t.Errorf("users of the room gives %+v, %v, want Ada and Bea", users, err)
	}
	users, err = a.Users(within(t, patience), "")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]client.OnlineUser)
	for _, u := range users {
		found[u.ID] = u
	}
	for _, want := range []client.OnlineUser{
		{ID: a.hello.User.ID, Name: "Ada", Room: room},
		{ID: b.hello.User.ID, Name: "Bea", Room: room},
		{ID: lobby.hello.User.ID, Name: "Lou"},
	} {
		if found[want.ID] != want {
			t.Errorf("users has %+v, want %+v", found[want.ID], want)
		}
	}
	rooms, err := lobby.Rooms(within(t, patience))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(rooms, client.RoomSummary{Name: room, Participants: 2}) {
		t.Errorf("rooms has no %s with 2: %+v", room, rooms)
	}
}
