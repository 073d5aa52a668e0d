package room_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hubbub/room"
)

var users = []string{"ana", "ben", "cleo", "dee", "eli", "flo", "gus"}

// machine gives a room random commands and knows of it only what a client could: the events and the answers.
type machine struct {
	cfg  room.Config
	room *room.Room
	now  time.Time

	version int
	roster  []room.Participant // events replayed
	tokens  map[string]bool    // participants that ever joined by a token
	banned  map[string]bool
	said    []room.Message
	nonces  map[string]room.Message // by user and nonce
}

func newMachine(t *rapid.T) *machine {
	var ids int
	csrcs := rapid.Uint32Range(0, 9) // few, so that they collide; 0 among them
	m := &machine{
		now: start, tokens: map[string]bool{}, banned: map[string]bool{}, nonces: map[string]room.Message{},
		cfg: room.Config{
			Limit: 5, Grace: 10 * time.Second, History: rapid.IntRange(0, 5).Draw(t, "history"),
			Guests: rapid.Bool().Draw(t, "guests"),
			NewID:  func() string { ids++; return fmt.Sprint("p", ids) },
			NewCSRC: func() uint32 {
				return csrcs.Draw(t, "csrc")
			},
		},
	}
	m.room = room.New("lobby", m.now, m.cfg)
	return m
}

// replay applies events to the roster as a client would.
func (m *machine) replay(t *rapid.T, events []room.Event) {
	for _, e := range events {
		if m.version++; e.Version != m.version {
			t.Fatalf("event %+v came as version %d", e, m.version)
		}
		i := slices.IndexFunc(m.roster, func(p room.Participant) bool { return p.ID == e.Participant.ID })
		if known := i >= 0; known == (e.Kind == room.Joined) {
			t.Fatalf("event %+v about a participant who is known: %v", e, known)
		}
		switch e.Kind {
		case room.Joined:
			m.roster = append(m.roster, e.Participant)
		case room.Updated:
			if reflect.DeepEqual(m.roster[i], e.Participant) {
				t.Fatalf("event %+v changes nothing", e)
			}
			m.roster[i] = e.Participant
		case room.Left:
			m.roster = slices.Delete(m.roster, i, i+1)
		}
		if e.Reason == room.Banned {
			m.banned[e.Participant.User] = true
		}
	}
}

// someone draws the id of a participant, sometimes of none.
func (m *machine) someone(t *rapid.T, label string) string {
	ids := []string{"nobody"}
	for _, p := range m.roster {
		ids = append(ids, p.ID)
	}
	return rapid.SampledFrom(ids).Draw(t, label)
}

func (m *machine) Join(t *rapid.T) {
	j := room.JoinRequest{
		User:      rapid.SampledFrom(users).Draw(t, "user"),
		Name:      rapid.SampledFrom([]string{"x", "y"}).Draw(t, "name"),
		Role:      rapid.SampledFrom([]room.Role{room.Host, room.Speaker, room.Listener}).Draw(t, "role"),
		RoleFixed: rapid.Bool().Draw(t, "fixed"),
		Muted:     rapid.Bool().Draw(t, "muted"),
	}
	before, here := m.room.ByUser(j.User)
	p, events, err := m.room.Join(m.now, j)
	switch {
	case m.banned[j.User]:
		if !errors.Is(err, room.ErrBanned) {
			t.Fatalf("a banned user joins: %v", err)
		}
	case !here && len(m.roster) == m.cfg.Limit:
		if !errors.Is(err, room.ErrFull) {
			t.Fatalf("one too many joins: %v", err)
		}
	case err != nil:
		t.Fatal(err)
	case here && (p.ID != before.ID || p.CSRC != before.CSRC):
		t.Fatalf("%+v became %+v by joining again", before, p)
	}
	if err == nil && j.RoleFixed {
		m.tokens[p.ID] = true
	}
	m.replay(t, events)
}

func (m *machine) Leave(t *rapid.T) {
	events, _ := m.room.Leave(m.now, m.someone(t, "who"))
	m.replay(t, events)
}

func (m *machine) Disconnect(t *rapid.T) {
	events, _ := m.room.Disconnect(m.now, m.someone(t, "who"))
	m.replay(t, events)
}

func (m *machine) Reconnect(t *rapid.T) {
	_, events, _ := m.room.Reconnect(m.now, m.someone(t, "who"))
	m.replay(t, events)
}

func (m *machine) Wait(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 12).Draw(t, "seconds")) * time.Second)
	m.replay(t, m.room.Expire(m.now))
	if next, ok := m.room.NextExpiry(); ok && !next.After(m.now) {
		t.Fatalf("at %v the next expiry is %v", m.now, next)
	}
}

func (m *machine) Update(t *rapid.T) {
	flag := rapid.Ptr(rapid.Bool(), true)
	_, events, _ := m.room.Update(m.now, m.someone(t, "who"), room.Change{
		Name:  rapid.Ptr(rapid.SampledFrom([]string{"x", "y"}), true).Draw(t, "name"),
		Muted: flag.Draw(t, "muted"), Hand: flag.Draw(t, "hand"), Camera: flag.Draw(t, "camera"), Screen: flag.Draw(t, "screen"),
		Attributes: rapid.Ptr(rapid.SampledFrom([]map[string]string{nil, {}, {"k": "v"}}), true).Draw(t, "attributes"),
	})
	m.replay(t, events)
}

func (m *machine) Moderate(t *rapid.T) {
	o := room.Order{
		By: m.someone(t, "by"), Target: m.someone(t, "target"), Admin: rapid.Bool().Draw(t, "admin"),
		Action: rapid.SampledFrom([]room.Action{room.Mute, room.Remove, room.Ban, room.SetRole, room.SetRole}).Draw(t, "action"),
		Role:   rapid.SampledFrom([]room.Role{room.Host, room.Speaker, room.Listener}).Draw(t, "role"),
	}
	by, _ := m.room.Participant(o.By)
	events, err := m.room.Moderate(m.now, o)
	if by.Role != room.Host && !o.Admin && !errors.Is(err, room.ErrForbidden) {
		t.Fatalf("%+v moderates: %v", by, err)
	}
	if err != nil && len(events) > 0 {
		t.Fatalf("%v, and still %+v", err, events)
	}
	m.replay(t, events)
}

func (m *machine) Chat(t *rapid.T) {
	p, here := m.room.Participant(m.someone(t, "who"))
	nonce := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "nonce")
	message, repeated, err := m.room.Chat(m.now, p.ID, "hi", nonce)
	if !here {
		if !errors.Is(err, room.ErrNotFound) {
			t.Fatalf("nobody chats: %v", err)
		}
		return
	}
	first, known := m.nonces[p.User+nonce]
	want := known && first.Seq > len(m.said)-m.cfg.History
	if repeated != want {
		t.Fatalf("nonce %q repeated: %v, want %v", nonce, repeated, want)
	}
	if repeated {
		if message != first {
			t.Fatalf("repeated as %+v, was %+v", message, first)
		}
		return
	}
	m.said = append(m.said, message)
	if nonce != "" {
		m.nonces[p.User+nonce] = message
	}
}

func (m *machine) HandOver(t *rapid.T) {
	m.room = handOver(t, m.room, m.cfg)
}

// Check is what must be true after every command.
func (m *machine) Check(t *rapid.T) {
	if got := m.room.Participants(); len(got)+len(m.roster) > 0 && !reflect.DeepEqual(got, m.roster) {
		t.Fatalf("the roster is %+v, its events say %+v", got, m.roster)
	}
	if info := m.room.Info(); info.Version != m.version {
		t.Fatalf("version %d, its events say %d", info.Version, m.version)
	}
	if len(m.roster) > m.cfg.Limit {
		t.Fatalf("%d are in, the limit is %d", len(m.roster), m.cfg.Limit)
	}
	m.checkIdentities(t)
	m.checkHost(t)

	for i, message := range m.said {
		if message.Seq != i+1 {
			t.Fatalf("message %d has seq %d", i+1, message.Seq)
		}
	}
	kept := m.said[max(0, len(m.said)-m.cfg.History):]
	if got := m.room.History(0, 0, 0); !slices.Equal(got, kept) {
		t.Fatalf("history %+v, want %+v", got, kept)
	}
}

func (m *machine) checkIdentities(t *rapid.T) {
	seen := make(map[any]bool)
	for _, p := range m.roster {
		if p.CSRC == 0 || seen[p.CSRC] || seen["id "+p.ID] || seen["user "+p.User] || m.banned[p.User] {
			t.Fatalf("%+v should not be in %+v", p, m.roster)
		}
		seen[p.CSRC], seen["id "+p.ID], seen["user "+p.User] = true, true, true
		found, ok := m.room.ByUser(p.User)
		if !ok || found.ID != p.ID {
			t.Fatalf("user %q is %+v", p.User, found)
		}
	}
}

func (m *machine) checkHost(t *rapid.T) {
	if !m.cfg.Guests || slices.ContainsFunc(m.roster, func(p room.Participant) bool { return p.Role == room.Host }) {
		return
	}
	for _, p := range m.roster {
		if p.Role == room.Speaker && !m.tokens[p.ID] {
			t.Fatalf("no host although %+v could be", p)
		}
	}
}

func TestRoomProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		t.Repeat(rapid.StateMachineActions(newMachine(t)))
	})
}
