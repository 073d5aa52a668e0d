package blackbox

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hubbub/signaling/client"
)

func TestATokenIsAJWTWithHS256AndTheKeysIdAsKidOrIss(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	claims := func(from, to time.Duration) jwt.MapClaims {
		return jwt.MapClaims{
			"sub": unique("sub"), "name": "Ada", "hubbub": speaker(nil),
			"nbf": time.Now().Add(from).Unix(), "exp": time.Now().Add(to).Unix(),
		}
	}
	without := func(c jwt.MapClaims, member string) jwt.MapClaims {
		delete(c, member)
		return c
	}
	with := func(c jwt.MapClaims, member string, v any) jwt.MapClaims {
		c[member] = v
		return c
	}
	good := claims(-hour, hour)
	forged := sign(t, jwt.SigningMethodHS256, apiKey{keyOne.id, "some other secret of thirty-two bytes"}, "kid", good)
	for name, c := range map[string]struct {
		token string
		ok    bool
	}{
		"kid":                   {sign(t, jwt.SigningMethodHS256, keyOne, "kid", claims(-hour, hour)), true},
		"iss":                   {sign(t, jwt.SigningMethodHS256, keyOne, "iss", claims(-hour, hour)), true},
		"second key":            {sign(t, jwt.SigningMethodHS256, keyTwo, "kid", claims(-hour, hour)), true},
		"second key, iss":       {sign(t, jwt.SigningMethodHS256, keyTwo, "iss", claims(-hour, hour)), true},
		"Chinese sub":           {sign(t, jwt.SigningMethodHS256, keyOne, "kid", with(claims(-hour, hour), "sub", "李明")), true},
		"no nbf":                {sign(t, jwt.SigningMethodHS256, keyOne, "kid", without(claims(-hour, hour), "nbf")), true},
		"no key id":             {sign(t, jwt.SigningMethodHS256, keyOne, "", claims(-hour, hour)), false},
		"unknown key":           {sign(t, jwt.SigningMethodHS256, apiKey{"key-three", keyOne.secret}, "kid", claims(-hour, hour)), false},
		"secret of another key": {sign(t, jwt.SigningMethodHS256, apiKey{keyOne.id, keyTwo.secret}, "kid", claims(-hour, hour)), false},
		"wrong secret":          {forged, false},
		"expired":               {sign(t, jwt.SigningMethodHS256, keyOne, "kid", claims(-2*hour, -hour)), false},
		"not yet valid":         {sign(t, jwt.SigningMethodHS256, keyOne, "kid", claims(hour, 2*hour)), false},
		"alg none":              {sign(t, jwt.SigningMethodNone, keyOne, "kid", claims(-hour, hour)), false},
		"alg HS512":             {sign(t, jwt.SigningMethodHS512, keyOne, "kid", claims(-hour, hour)), false},
		"no sub":                {sign(t, jwt.SigningMethodHS256, keyOne, "kid", without(claims(-hour, hour), "sub")), false},
		"garbage":               {"not a token", false},
		"none":                  {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := tokens.visitor(t, client.Options{})
			hello, err := p.Connect(within(t, patience), client.ConnectParams{Token: c.token, Name: "Guest"})
			if !c.ok {
				wantError(t, err, 401)
				return
			}
			if err != nil || hello.User.ID == "" {
				t.Errorf("connect gives %+v, %v", hello.User, err)
			}
		})
	}
}

func TestTheTokenSaysWhoOneIs(t *testing.T) {
	t.Parallel()
	sub := unique("李明")
	p := member(t, sub, speaker(nil))
	if p.hello.User != (client.User{ID: sub, Name: "Name of " + sub}) {
		t.Errorf("the user is %+v", p.hello.User)
	}
	p.in(unique("who"))
	if p.joined.Participant.User != sub || p.joined.Participant.Name != "Name of "+sub {
		t.Errorf("the participant is %+v", p.joined.Participant)
	}
}

func TestATokensRoomIsTheOnlyOneItOpens(t *testing.T) {
	t.Parallel()
	room := unique("granted")
	p := member(t, unique("one-room"), speaker(grants{"room": room}))
	_, err := p.Join(within(t, patience), client.JoinParams{Room: unique("other")})
	wantError(t, err, 403)
	p.in(room)

	member(t, unique("any-room"), speaker(nil)).in(unique("whichever"))
}

func TestTheTokensRoleIsKeptWhoeverElseIsThere(t *testing.T) {
	t.Parallel()
	room := unique("token-roles")
	for _, role := range []string{"speaker", "listener", "host", "host", "speaker"} {
		p := member(t, unique("role"), speaker(grants{"role": role})).in(room)
		if got := p.joined.Participant.Role; got != role {
			t.Errorf("a token with the role %s gives %s", role, got)
		}
	}
}

func TestWhisperRoomAllowsUsersInTheSameRoomOnly(t *testing.T) {
	t.Parallel()
	room := unique("whisper-grants")
	near := member(t, unique("near"), speaker(nil)).in(room)
	far := member(t, unique("far"), speaker(nil)).in(unique("elsewhere"))
	lobby := member(t, unique("lobby"), speaker(nil))
	for _, c := range []struct {
		grant   string
		to      *person
		allowed bool
	}{
		{"room", near, true}, {"room", far, false}, {"room", lobby, false},
		{"none", near, false}, {"none", far, false},
		{"any", near, true}, {"any", far, true}, {"any", lobby, true},
	} {
		p := member(t, unique("whisperer"), speaker(grants{"whisper": c.grant})).in(room)
		_, err := p.Whisper(within(t, patience), c.to.hello.User.ID, "psst", "")
		if !c.allowed {
			wantError(t, err, 403)
		} else if err != nil {
			t.Errorf("whisper %q to %s: %v", c.grant, c.to.hello.User.ID, err)
		}
	}
	alone := member(t, unique("whisperer"), speaker(grants{"whisper": "room"}))
	_, err := alone.Whisper(within(t, patience), near.hello.User.ID, "psst", "")
	wantError(t, err, 403)
}

func TestUsersAndRoomsNeedListExceptForOnesOwnRoom(t *testing.T) {
	t.Parallel()
	room, other := unique("listed"), unique("listed")
	p := member(t, unique("no-list"), speaker(nil)).in(room)
	member(t, unique("other"), speaker(nil)).in(other)
	lister := member(t, unique("lister"), speaker(grants{"list": true})).in(room)

	if users, err := p.Users(within(t, patience), room); err != nil || len(users) != 2 {
		t.Errorf("users of the own room: %+v, %v", users, err)
	}
	_, err := p.Users(within(t, patience), "")
	wantError(t, err, 403)
	_, err = p.Users(within(t, patience), other)
	wantError(t, err, 403)
	_, err = p.Rooms(within(t, patience))
	wantError(t, err, 403)

	if users, err := lister.Users(within(t, patience), other); err != nil || len(users) != 1 {
		t.Errorf("users of another room with list: %+v, %v", users, err)
	}
	if _, err := lister.Users(within(t, patience), ""); err != nil {
		t.Errorf("users with list: %v", err)
	}
	if _, err := lister.Rooms(within(t, patience)); err != nil {
		t.Errorf("rooms with list: %v", err)
	}
}

func TestAdminsModerateWithoutBeingHost(t *testing.T) {
	t.Parallel()
	room := unique("admin")
	host := member(t, unique("host"), speaker(grants{"role": "host"})).in(room)
	admin := member(t, unique("admin"), speaker(grants{"admin": true})).in(room)
	plain := member(t, unique("plain"), speaker(nil)).in(room)

	err := plain.Moderate(within(t, patience), client.Order{Participant: host.id(), Action: "mute"})
	wantError(t, err, 403)
	admin.mustModerate(client.Order{Participant: plain.id(), Action: "mute"})
	await(host, "participant_updated", func(e client.ParticipantEvent) bool {
		return e.Participant.ID == plain.id() && e.Participant.Muted
	})
	admin.mustModerate(client.Order{Participant: plain.id(), Action: "remove"})
	plain.wantClosed(client.CloseRemoved)
}

func TestDevicesOfAUserAreOneParticipantTheNewerTakesThePlaceWith4010(t *testing.T) {
	t.Parallel()
	room, sub := unique("devices"), unique("devices")
	watcher := member(t, unique("watcher"), speaker(nil)).in(room)
	first := member(t, sub, speaker(nil)).in(room)
	second := member(t, sub, speaker(nil))
	second.wantOpen()
	first.wantOpen() // connecting alone replaces nobody
	second.in(room)
	first.wantClosed(client.CloseReplaced)

	if second.id() != first.id() || second.joined.Participant.CSRC != first.joined.Participant.CSRC {
		t.Errorf("the second device is participant %+v, want %+v", second.joined.Participant, first.joined.Participant)
	}
	if n := len(second.joined.Room.Participants); n != 2 {
		t.Errorf("the roster has %d, want 2", n)
	}
	tokens.fence(t, room, watcher)
	for _, e := range allTold[client.LeftEvent](watcher, "participant_left") {
		if e.ID == first.id() {
			t.Error("others were told that the participant left")
		}
	}
	second.mustChat("still here")
	second.wantOpen()
}

func TestDevicesOfAUserMayBeInDifferentRooms(t *testing.T) {
	t.Parallel()
	sub, one, two := unique("two-rooms"), unique("device-room"), unique("device-room")
	a := member(t, sub, speaker(nil)).in(one)
	b := member(t, sub, speaker(nil)).in(two)
	a.wantOpen()
	b.wantOpen()
	for room, p := range map[string]*person{one: a, two: b} {
		if users, err := p.Users(within(t, patience), room); err != nil || len(users) != 1 || users[0].ID != sub {
			t.Errorf("users of %s: %+v, %v", room, users, err)
		}
	}
}

func TestAResumeNeedsNoToken(t *testing.T) {
	t.Parallel()
	sub, room := unique("resumer"), unique("resume-token")
	p := member(t, sub, speaker(grants{"room": room})).in(room)
	p.Abort()
	again := tokens.connect(t, client.ConnectParams{Resume: p.hello.Resume})
	if !again.hello.Resumed || again.hello.User != p.hello.User {
		t.Errorf("resuming gives %+v", again.hello)
	}
	// What the token allowed is kept: the room and nothing else.
	_, err := again.Join(within(t, patience), client.JoinParams{Room: unique("other")})
	wantError(t, err, 403)
	again.in(room)
	if again.id() != p.id() {
		t.Errorf("the participant is %s, was %s", again.id(), p.id())
	}
}

func TestABadResumeWithoutATokenIs401(t *testing.T) {
	t.Parallel()
	p := tokens.visitor(t, client.Options{})
	_, err := p.Connect(within(t, patience), client.ConnectParams{Resume: "made up"})
	wantError(t, err, 401)
	hello, err := tokens.visitor(t, client.Options{}).Connect(within(t, patience),
		client.ConnectParams{Resume: "made up", Token: mint(t, unique("fallback"), speaker(nil))})
	if err != nil || hello.Resumed {
		t.Errorf("a bad resume with a good token gives %+v, %v, want a new session", hello, err)
	}
}
