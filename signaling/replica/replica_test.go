package replica_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hubbub/room"
	"hubbub/signaling/replica"
)

var config = replica.Config{Limit: 5, Grace: 30 * time.Second, History: 8, Guests: true}

// world is an owner's replica with a clock and some randomness.
type world struct {
	*replica.Replica
	epoch uint64
	now   time.Time
	seeds byte
}

func newWorld() *world {
	now := time.UnixMilli(1_700_000_000_000)
	return &world{Replica: replica.New("lounge", now, config), epoch: 1, now: now}
}

func (w *world) do(c replica.Command) (replica.Outcome, error) {
	w.seeds++
	return w.Sequence(w.epoch, w.now, [32]byte{w.seeds, byte(w.epoch)}, c)
}

func node(i int) replica.Node { return replica.Node{Name: fmt.Sprint("node", i), Boot: "b"} }

func join(user, session string, at replica.Node) replica.Command {
	return replica.Command{Kind: replica.Join, From: at, Session: session, Entrance: &replica.Entrance{
		Request: room.JoinRequest{User: user, Name: user, Role: room.Speaker},
	}}
}

// drawCommand makes up a command of someone who may or may not be in the room.
func drawCommand(t *rapid.T, r *replica.Replica) replica.Command {
	session := fmt.Sprint("session", rapid.IntRange(0, 9).Draw(t, "session"))
	at := node(rapid.IntRange(0, 2).Draw(t, "node"))
	p, _ := r.BySession(session)
	c := replica.Command{From: at, Session: session, Participant: p.ID}
	target := p.ID
	if all := r.Room().Participants(); len(all) > 0 {
		target = rapid.SampledFrom(all).Draw(t, "target").ID
	}
	switch c.Kind = rapid.SampledFrom([]replica.Kind{
		replica.Join, replica.Join, replica.Join, replica.Leave, replica.Disconnect, replica.Return, replica.Update, replica.Publish,
		replica.Chat, replica.Chat, replica.Moderate, replica.Expire, replica.Lose,
	}).Draw(t, "kind"); c.Kind {
	case replica.Join:
		c = join(fmt.Sprint("user", rapid.IntRange(0, 6).Draw(t, "user")), session, at)
		c.Entrance.Resumes = []string{fmt.Sprint("session", rapid.IntRange(0, 9).Draw(t, "resumes"))}
		c.Entrance.Media = rapid.Bool().Draw(t, "media")
		c.Entrance.Sources = drawSources(t)
		c.Entrance.Broken = rapid.Bool().Draw(t, "broken")
		if rapid.Bool().Draw(t, "says") {
			c.Entrance.Muted = new(rapid.Bool().Draw(t, "muted"))
		}
	case replica.Publish:
		c.Sources = drawSources(t)
	case replica.Update:
		c.Change = &room.Change{Hand: new(rapid.Bool().Draw(t, "hand"))}
	case replica.Chat:
		c.Text, c.Nonce = "hi", rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "nonce")
	case replica.Moderate:
		c.Order = &room.Order{By: p.ID, Target: target, Action: rapid.SampledFrom(
			[]room.Action{room.Mute, room.Remove, room.Ban, room.SetRole}).Draw(t, "action"), Role: room.Listener}
	case replica.Lose:
		c.Lost = &at
	default:
	}
	return c
}

func drawSources(t *rapid.T) []string {
	return rapid.SampledFrom([][]string{nil, {"microphone"}, {"microphone", "camera", "screen"}}).Draw(t, "sources")
}

func encode(t *rapid.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Whatever happens, a replica that applies the log, or begins with a snapshot and goes on from there, is like the owner's: also the
// outcomes are, which clients are told.
func TestReplicasAreAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		owner := newWorld()
		follower := replica.Restore(owner.Snapshot())
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			owner.now = owner.now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
			before := encode(t, owner.Snapshot())
			o, err := owner.do(drawCommand(t, owner.Replica))
			if err != nil {
				if encode(t, owner.Snapshot()) != before {
					t.Fatalf("a command that failed (%v) changed the room", err)
				}
				continue
			}
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				var s replica.Snapshot
				if err := json.Unmarshal([]byte(before), &s); err != nil {
					t.Fatal(err)
				}
				follower = replica.Restore(s)
			}
			var e replica.Entry
			if err := json.Unmarshal([]byte(encode(t, o.Entry)), &e); err != nil {
				t.Fatal(err)
			}
			same, err := follower.Apply(e)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := encode(t, same), encode(t, o); got != want {
				t.Fatalf("outcome\n%s\nfor the owner\n%s", got, want)
			}
			if got, want := encode(t, follower.Snapshot()), encode(t, owner.Snapshot()); got != want {
				t.Fatalf("replica\n%s\nof the owner's\n%s", got, want)
			}
			checkSeats(t, owner.Replica)
		}
	})
}

// checkSeats: everyone in the room has one seat, and its session leads back to them.
func checkSeats(t *rapid.T, r *replica.Replica) {
	if len(r.Seats()) != r.Room().Len() {
		t.Fatalf("%d seats for %d participants", len(r.Seats()), r.Room().Len())
	}
	for id, seat := range r.Seats() {
		if p, ok := r.BySession(seat.Session); !ok || p.ID != id {
			t.Fatalf("session %s of %s leads to %q", seat.Session, id, p.ID)
		}
	}
}

// A replica that is behind catches up by what another has logged since.
func TestSince(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		owner := newWorld()
		if _, err := owner.do(join("ana", "s", node(1))); err != nil {
			t.Fatal(err)
		}
		follower := replica.Restore(owner.Snapshot())
		for range rapid.IntRange(0, 600).Draw(t, "steps") {
			if _, err := owner.do(join("ana", "s", node(1))); err != nil {
				t.Fatal(err)
			}
		}
		missing, ok := owner.Since(follower.Position())
		if want := owner.Position().Index; !ok {
			if want < 256 {
				t.Fatalf("%d entries are too many", want)
			}
			return
		}
		for _, e := range missing {
			if _, err := follower.Apply(e); err != nil {
				t.Fatal(err)
			}
		}
		if follower.Position() != owner.Position() {
			t.Fatalf("at %v, not %v", follower.Position(), owner.Position())
		}
	})
}

func TestApplyRefusesWhatDoesNotFollow(t *testing.T) {
	owner := newWorld()
	follower := replica.Restore(owner.Snapshot())
	first, _ := owner.do(join("ana", "s1", node(1)))
	second, _ := owner.do(join("ben", "s2", node(1)))
	if _, err := follower.Apply(second.Entry); !errors.Is(err, replica.ErrOutOfOrder) {
		t.Fatalf("an entry too early: %v", err)
	}
	if _, err := follower.Apply(first.Entry); err != nil {
		t.Fatal(err)
	}
	if _, err := follower.Apply(first.Entry); !errors.Is(err, replica.ErrOutOfOrder) {
		t.Fatalf("an entry again: %v", err)
	}
}

// Two halves of a split room come together: everyone is there once, with the ids they had, and all that was said is numbered on.
func TestHalvesMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		left := newWorld()
		users := []string{"ana", "ben", "cem", "dia"}
		for i, user := range users {
			if _, err := left.do(join(user, "s-"+user, node(i%2))); err != nil {
				t.Fatal(err)
			}
		}
		right := &world{Replica: left.Clone(), epoch: 2, now: left.now}
		for _, half := range []*world{left, right} {
			other := node(1)
			if half == right {
				other = node(0)
			}
			_, _ = half.do(replica.Command{Kind: replica.Lose, Lost: &other})
			half.now = half.now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "apart")) * time.Second)
			_, _ = half.do(replica.Command{Kind: replica.Expire})
			for range rapid.IntRange(0, 3).Draw(t, "said") {
				who := users[0]
				if half == right {
					who = users[1]
				}
				p, _ := half.BySession("s-" + who)
				if _, err := half.do(replica.Command{Kind: replica.Chat, Session: "s-" + who, Participant: p.ID, Text: who}); err != nil {
					t.Fatal(err)
				}
			}
		}
		ids := map[string]string{}
		for _, user := range users {
			for _, half := range []*world{left, right} {
				if p, ok := half.BySession("s-" + user); ok {
					ids[user] = p.ID
				}
			}
		}
		seqs := max(len(left.Room().History(0, 0, 0)), len(right.Room().History(0, 0, 0)))
		versions := max(left.Room().Info().Version, right.Room().Info().Version)

		right.now = right.now.Add(100 * time.Second) // whichever clock is ahead
		rem := left.Remnant(node(0), right.Replica)
		if _, err := right.do(replica.Command{Kind: replica.Adopt, From: node(0), Remnant: &rem}); err != nil {
			t.Fatal(err)
		}
		for _, user := range users {
			p, ok := right.Room().ByUser(user)
			if !ok || p.ID != ids[user] || p.State != room.Active {
				t.Fatalf("%s is %+v, was %s", user, p, ids[user])
			}
		}
		checkSeats(t, right.Replica)
		if right.Room().Info().Version < versions {
			t.Fatalf("version %d after %d", right.Room().Info().Version, versions)
		}
		said := right.Room().History(0, 0, 0)
		if len(said) < seqs {
			t.Fatalf("%d messages of %d", len(said), seqs)
		}
		for i, m := range said[min(1, len(said)):] {
			if m.Seq != said[i].Seq+1 {
				t.Fatalf("message %d after %d", m.Seq, said[i].Seq)
			}
		}
	})
}

// TestASeatSaysWhatItsParticipantSends: what others expect of a participant goes on with their media, and changes with them.
func TestASeatSaysWhatItsParticipantSends(t *testing.T) {
	w := newWorld()
	sends := func(participant string, want ...string) {
		t.Helper()
		if seat, _ := w.Seat(participant); !slices.Equal(seat.Sources, want) || !seat.Media {
			t.Errorf("the seat has media: %t, sources %v, want %v", seat.Media, seat.Sources, want)
		}
	}
	enter := func(c replica.Command, change func(*replica.Entrance)) string {
		t.Helper()
		change(c.Entrance)
		o, err := w.do(c)
		if err != nil {
			t.Fatal(err)
		}
		return o.Participant.ID
	}
	ana := enter(join("ana", "1", node(0)), func(in *replica.Entrance) { in.Media, in.Sources = true, []string{"microphone"} })
	sends(ana, "microphone")
	if _, err := w.do(replica.Command{
		Kind: replica.Publish, From: node(0), Session: "1", Participant: ana, Sources: []string{"microphone", "camera"},
	}); err != nil {
		t.Fatal(err)
	}
	sends(ana, "microphone", "camera")
	enter(join("ana", "2", node(0)), func(in *replica.Entrance) { in.Resumes, in.KeepsMedia = []string{"1"}, true })
	sends(ana, "microphone", "camera")
	if seat, _ := replica.Restore(w.Snapshot()).Seat(ana); !slices.Equal(seat.Sources, []string{"microphone", "camera"}) {
		t.Errorf("in a snapshot's replica the sources are %v", seat.Sources)
	}
	enter(join("ana", "3", node(1)), func(in *replica.Entrance) {
		in.Resumes, in.Media, in.Sources = []string{"2"}, true, []string{"screen", "screen_audio"}
	})
	sends(ana, "screen", "screen_audio")
}
