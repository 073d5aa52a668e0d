package blackbox

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"hubbub/signaling/client"
)

func TestJoinAnswersWithTheRoomAndOneself(t *testing.T) {
	t.Parallel()
	room := unique("snapshot")
	before := time.Now()
	a := guests.guest(t, "Ada").in(room)
	b := guests.guest(t, "Bea")
	b.mustJoin(client.JoinParams{Room: room, Muted: true})

	me := b.joined.Participant
	if me.User != b.hello.User.ID || me.Name != "Bea" || me.CSRC == 0 || me.State != "active" || !me.Muted || me.Hand || me.Camera || me.Screen || me.Attributes == nil {
		t.Errorf("the participant is %+v", me)
	}
	if at := time.UnixMilli(me.JoinedAt); at.Before(before.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
		t.Errorf("joinedAt is %s", at)
	}
	if me.ID == a.id() || me.CSRC == a.joined.Participant.CSRC {
		t.Errorf("Ada and Bea share an id or csrc: %+v", me)
	}
	if r := b.joined.Room; r.Name != room || r.Limit < 2 || r.CreatedAt == 0 || r.CreatedAt != a.joined.Room.CreatedAt {
		t.Errorf("the room is %+v", r)
	}
	want := []client.Participant{a.joined.Participant, me}
	if got := b.joined.Room.Participants; !reflect.DeepEqual(got, want) {
		t.Errorf("the roster is %+v, want %+v", got, want)
	}
	if b.joined.Answer != "" || len(b.joined.Slots) != 0 {
		t.Errorf("a join without an offer answers with %q and slots %v", b.joined.Answer, b.joined.Slots)
	}
}

func TestArraysInAnswersAreNeverNull(t *testing.T) {
	t.Parallel()
	l := guests.line(t)
	for i, r := range []struct{ request, array string }{
		{`"method":"connect","params":{"name":"Ada"}`, "calls"},
		{fmt.Sprintf(`"method":"join","params":{"room":%q}`, unique("arrays")), "slots"},
		{`"method":"history"`, "messages"},
	} {
		l.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,%s}`, i, r.request))
		var result map[string]json.RawMessage
		if err := json.Unmarshal(l.answer().Result, &result); err != nil {
			t.Fatal(err)
		}
		if string(result[r.array]) != "[]" {
			t.Errorf("%s: %s is %s, want []", r.request, r.array, result[r.array])
		}
	}
}

// versioned are the events that carry a version, in the order in which p was told them.
func versioned(p *person) (events []string, versions []int) {
	all, _ := p.told.from(0)
	for _, n := range all {
		switch n.Method {
		case "participant_joined", "participant_updated", "participant_left", "room_updated":
			var v struct{ Version int }
			if err := n.Decode(&v); err != nil {
				p.t.Fatal(err)
			}
			var canonical any
			if err := n.Decode(&canonical); err != nil {
				p.t.Fatal(err)
			}
			text, err := json.Marshal(canonical)
			if err != nil {
				p.t.Fatal(err)
			}
			events = append(events, n.Method+" "+string(text))
			versions = append(versions, v.Version)
		}
	}
	return events, versions
}

func TestVersionsHaveNoGapsAndAreTheSameForAll(t *testing.T) {
	t.Parallel()
	room := unique("versions")
	var people []*person
	for i := range 5 {
		people = append(people, guests.guest(t, fmt.Sprintf("P%d", i)).in(room))
	}
	// All at once, so that the order is the server's alone.
	done := make(chan error)
	for i, p := range people {
		go func() {
			var err error
			for n := range 6 {
				if _, err = p.Update(within(t, patience), client.Change{Hand: new(n%2 == 0), Name: new(fmt.Sprintf("P%d-%d", i, n))}); err != nil {
					break
				}
			}
			done <- err
		}()
	}
	for range people {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if err := people[4].LeaveRoom(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	people = people[:4]
	guests.fence(t, room, people...)

	byVersion := make(map[int]string)
	for i, p := range people {
		events, versions := versioned(p)
		for k, v := range versions {
			if want := p.joined.Room.Version + 1 + k; v != want {
				t.Fatalf("person %d was told version %d where %d was next", i, v, want)
			}
			if seen, ok := byVersion[v]; ok && seen != events[k] {
				t.Errorf("version %d is\n%s\nfor one and\n%s\nfor another", v, seen, events[k])
			}
			byVersion[v] = events[k]
		}
		if len(versions) < 30 {
			t.Errorf("person %d was told of %d changes, want 30 or more, one's own included", i, len(versions))
		}
	}
}

func TestTheVersionOfTheJoinAnswerCountsOnesOwnJoining(t *testing.T) {
	t.Parallel()
	room := unique("join-version")
	a := guests.guest(t, "Ada").in(room)
	b := guests.guest(t, "Bea").in(room)
	e := await(a, "participant_joined", func(e client.ParticipantEvent) bool { return e.Participant.ID == b.id() })
	if e.Version != b.joined.Room.Version || e.Version != a.joined.Room.Version+1 {
		t.Errorf("Bea's joining is version %d for Ada and %d in Bea's answer; Ada's answer had %d", e.Version, b.joined.Room.Version, a.joined.Room.Version)
	}
	if !reflect.DeepEqual(e.Participant, b.joined.Participant) {
		t.Errorf("Ada was told %+v, Bea %+v", e.Participant, b.joined.Participant)
	}
	b.mustUpdate(client.Change{Hand: new(true)})
	await(b, "participant_updated", func(e client.ParticipantEvent) bool { return e.Version == b.joined.Room.Version+1 })
	if own := allTold[client.ParticipantEvent](b, "participant_joined"); len(own) != 0 {
		t.Errorf("Bea was told of joinings: %+v", own)
	}
}

func TestLaterEventsComeAfterTheJoinAnswer(t *testing.T) {
	t.Parallel()
	room := unique("after-answer")
	busy := unlimited.guest(t, "Busy").in(room)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if _, err := busy.Update(within(t, patience), client.Change{Hand: new(n%2 == 0)}); err != nil {
				stopped <- err
				return
			}
		}
	}()
	for range 20 {
		l := unlimited.line(t)
		l.send(`{"jsonrpc":"2.0","id":0,"method":"connect","params":{"name":"Late"}}`)
		l.receive()
		l.send(request("join", fmt.Sprintf(`{"room":%q}`, room)))
		f := l.receive()
		if f.Method != "" {
			t.Fatalf("%s %s came before the answer to join", f.Method, f.Params)
		}
		var joined client.JoinResult
		if err := json.Unmarshal(f.Result, &joined); err != nil {
			t.Fatal(err)
		}
		next := joined.Room.Version + 1
		for range 3 {
			f := l.receive()
			var e struct{ Version int }
			if err := json.Unmarshal(f.Params, &e); err != nil || e.Version != next {
				t.Fatalf("after the answer of version %d comes %s %s", next-1, f.Method, f.Params)
			}
			next++
		}
		_ = l.Close()
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
}

func TestJoiningTheSameRoomAgainAnswersWithASnapshot(t *testing.T) {
	t.Parallel()
	room := unique("rejoin")
	a := guests.guest(t, "Ada").in(room)
	b := guests.guest(t, "Bea").in(room)
	b.mustUpdate(client.Change{Hand: new(true), Attributes: &map[string]string{"mood": "好"}})
	again, err := a.Join(within(t, patience), client.JoinParams{Room: room})
	if err != nil {
		t.Fatal(err)
	}
	if again.Participant.ID != a.id() || again.Room.Version != a.joined.Room.Version+2 {
		t.Errorf("the snapshot is of version %d for %s, want %d for %s", again.Room.Version, again.Participant.ID, a.joined.Room.Version+2, a.id())
	}
	got, _ := again.Room.Participant(b.id())
	if !got.Hand || got.Attributes["mood"] != "好" {
		t.Errorf("Bea in the snapshot is %+v", got)
	}
	// It was no change: the next event has the next version.
	b.mustUpdate(client.Change{Hand: new(false)})
	await(a, "participant_updated", func(e client.ParticipantEvent) bool {
		return e.Version == again.Room.Version+1 && !e.Participant.Hand
	})
}

func TestAnotherRoomWhileInOneIs409(t *testing.T) {
	t.Parallel()
	p := guests.guest(t, "Ada").in(unique("one"))
	_, err := p.Join(within(t, patience), client.JoinParams{Room: unique("two")})
	wantError(t, err, 409)
}

func TestMethodsOfARoomAre409OutsideOfOneAndLeaveIsNothing(t *testing.T) {
	t.Parallel()
	p := guests.guest(t, "Ada")
	ctx := within(t, patience)
	_, err := p.Chat(ctx, "x", "")
	wantError(t, err, 409)
	_, err = p.Update(ctx, client.Change{Hand: new(true)})
	wantError(t, err, 409)
	_, err = p.History(ctx, client.HistoryParams{})
	wantError(t, err, 409)
	_, err = p.Negotiate(ctx, client.NegotiateParams{Offer: "v=0\r\n"})
	wantError(t, err, 409)
	wantError(t, p.Moderate(ctx, client.Order{Participant: "x", Action: "mute"}), 409)
	if err := p.LeaveRoom(ctx); err != nil {
		t.Errorf("leave outside a room: %v", err)
	}
}

func TestLeavingKeepsTheConnectionForAnotherJoin(t *testing.T) {
	t.Parallel()
	room := unique("leave")
	a := guests.guest(t, "Ada").in(room)
	b := guests.guest(t, "Bea").in(room)
	left := b.id()
	if err := b.LeaveRoom(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	e := await(a, "participant_left", func(e client.LeftEvent) bool { return e.ID == left })
	if e.Reason != "left" || e.Version != b.joined.Room.Version+1 {
		t.Errorf("Ada was told %+v", e)
	}
	b.in(unique("next"))
	if err := b.LeaveRoom(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	b.in(room)
	if len(b.joined.Room.Participants) != 2 {
		t.Errorf("back in the room there are %d", len(b.joined.Room.Participants))
	}
}

func TestACloseOf1000IsALeaveAtOnce(t *testing.T) {
	t.Parallel()
	room := unique("close-1000")
	a := guests.guest(t, "Ada").in(room)
	b := guests.guest(t, "Bea").in(room)
	if err := b.Leave(); err != nil {
		t.Fatal(err)
	}
	e := await(a, "participant_left", func(e client.LeftEvent) bool { return e.ID == b.id() })
	if e.Reason != "left" {
		t.Errorf("the reason is %s", e.Reason)
	}
	for _, u := range allTold[client.ParticipantEvent](a, "participant_updated") {
		if u.Participant.State == "reconnecting" {
			t.Errorf("others saw %+v before", u)
		}
	}
}

func TestUpdateChangesOneselfAndTellsAllTheActorIncluded(t *testing.T) {
	t.Parallel()
	room := unique("update")
	a := guests.guest(t, "Ada").in(room)
	b := guests.guest(t, "Bea").in(room)
	got := b.mustUpdate(client.Change{
		Name: new("比"), Muted: new(true), Hand: new(true), Camera: new(true), Screen: new(true),
		Attributes: &map[string]string{"colour": "红"},
	})
	want := b.joined.Participant
	want.Name, want.Muted, want.Hand, want.Camera, want.Screen = "比", true, true, true, true
	want.Attributes = map[string]string{"colour": "红"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the answer is %+v, want %+v", got, want)
	}
	for _, p := range []*person{a, b} {
		e := await(p, "participant_updated", func(e client.ParticipantEvent) bool { return e.Participant.ID == b.id() })
		if !reflect.DeepEqual(e.Participant, want) || e.Version != b.joined.Room.Version+1 {
			t.Errorf("%s was told %+v", p.hello.User.Name, e)
		}
	}
	if got := b.mustUpdate(client.Change{Hand: new(false)}); got.Name != "比" || got.Hand || !got.Muted {
		t.Errorf("a change of one member gives %+v", got)
	}
}

func TestAttributesHaveALimitOf1024BytesOfJSON(t *testing.T) {
	t.Parallel()
	p := guests.guest(t, "Ada").in(unique("attributes"))
	fits := map[string]string{"a": strings.Repeat("x", 1024-len(`{"a":""}`))}
	if _, err := p.Update(within(t, patience), client.Change{Attributes: &fits}); err != nil {
		t.Errorf("1,024 bytes: %v", err)
	}
	tooMuch := map[string]string{"a": fits["a"] + "x"}
	_, err := p.Update(within(t, patience), client.Change{Attributes: &tooMuch})
	wantError(t, err, 413)
	got := p.mustUpdate(client.Change{Attributes: &map[string]string{}})
	if len(got.Attributes) != 0 {
		t.Errorf("after emptying them the attributes are %v", got.Attributes)
	}
}
