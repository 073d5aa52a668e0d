package replica

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"hubbub/room"
)

var (
	// ErrNotSeated says that a session has not, or no longer, the seat that its command needs.
	ErrNotSeated = errors.New("not in the room")
	// ErrMediaElsewhere says that a session cannot go on with the media that its participant has on another node.
	ErrMediaElsewhere = errors.New("the media of this participant are on another node")
	// ErrOutOfOrder says that an entry does not follow the last one: the replica has missed some, or has gone another way.
	ErrOutOfOrder = errors.New("the entry does not follow")
)

// Config is what a room is made with. It is part of the room's state: whoever takes the room over goes on with it.
type Config struct {
	Limit   int           `json:"limit"` // participants; 0: any number
	Grace   time.Duration `json:"grace"`
	History int           `json:"history"` // messages
	Guests  bool          `json:"guests"`  // see room.Config
}

// Replica is one node's copy of a room.
type Replica struct {
	cfg      Config
	model    *room.Room
	seats    map[string]Seat   // by participant
	sessions map[string]string // participant by session
	position Position
	log      ring
	ids      idSource
}

// New makes the room that has not begun.
func New(name string, now time.Time, cfg Config) *Replica {
	r := empty(cfg)
	r.model = room.New(name, time.UnixMilli(now.UnixMilli()), r.modelConfig())
	return r
}

func empty(cfg Config) *Replica {
	return &Replica{cfg: cfg, seats: make(map[string]Seat), sessions: make(map[string]string)}
}

func (r *Replica) modelConfig() room.Config {
	return room.Config{
		Limit: r.cfg.Limit, Grace: r.cfg.Grace, History: r.cfg.History, Guests: r.cfg.Guests,
		NewID: r.ids.newID, NewCSRC: r.ids.newCSRC,
	}
}

// Room is the model, for reading only.
func (r *Replica) Room() *room.Room { return r.model }

// Position is how much this replica has applied.
func (r *Replica) Position() Position { return r.position }

// Seat is where a participant is connected.
func (r *Replica) Seat(participant string) (Seat, bool) {
	seat, ok := r.seats[participant]
	return seat, ok
}

// Seats are all seats, by participant. The map must not be changed and may be used until the next command.
func (r *Replica) Seats() map[string]Seat { return r.seats }

// BySession is the participant whose seat a session has.
func (r *Replica) BySession(session string) (room.Participant, bool) {
	id, ok := r.sessions[session]
	if !ok {
		return room.Participant{}, false
	}
	return r.model.Participant(id)
}

// Sequence makes a command the next entry of the log. It is for the owner alone. seed is 32 bytes of randomness that
// nobody else has. When there is an error (of package room, or ErrNotSeated) nothing was changed and there is no entry.
func (r *Replica) Sequence(epoch uint64, now time.Time, seed [32]byte, c Command) (Outcome, error) {
	e := Entry{
		Position: Position{Epoch: epoch, Index: r.position.Index + 1},
		Time:     now.UnixMilli(), Command: c,
	}
	if c.Kind == Join || c.Kind == Chat || c.Kind == Adopt {
		e.Seed = seed[:]
	}
	return r.run(e)
}

// Apply does what the owner did. The error is ErrOutOfOrder when the entry is not the next; any other means that the replicas have
// become different, and this one is worth nothing any more.
func (r *Replica) Apply(e Entry) (Outcome, error) {
	if e.Index != r.position.Index+1 || e.Epoch < r.position.Epoch {
		return Outcome{}, fmt.Errorf("apply entry %d of epoch %d after %d of %d: %w",
			e.Index, e.Epoch, r.position.Index, r.position.Epoch, ErrOutOfOrder)
	}
	return r.run(e)
}

func (r *Replica) run(e Entry) (Outcome, error) {
	r.ids.seed(e.Seed)
	o, err := r.execute(&e)
	if err != nil {
		return Outcome{}, err
	}
	o.Entry = e
	r.unseat(&o)
	r.position = e.Position
	r.log.add(e)
	return o, nil
}

// unseat takes the seats away of those who are gone.
func (r *Replica) unseat(o *Outcome) {
	for _, event := range o.Events {
		if event.Kind == room.Left {
			o.vacate(event.Participant.ID, r.stand(event.Participant.ID))
		}
	}
}

// sit gives a participant's seat to a session, and answers the one that had it.
func (r *Replica) sit(participant string, seat Seat) (before Seat, had bool) {
	before, had = r.seats[participant]
	if had {
		delete(r.sessions, before.Session)
	}
	r.seats[participant] = seat
	r.sessions[seat.Session] = participant
	return before, had
}

func (r *Replica) stand(participant string) Seat {
	seat := r.seats[participant]
	delete(r.seats, participant)
	delete(r.sessions, seat.Session)
	return seat
}

func (o *Outcome) vacate(participant string, seat Seat) {
	if o.Vacated == nil {
		o.Vacated = make(map[string]Seat)
	}
	o.Vacated[participant] = seat
}

// idSource makes the model's ids from an entry's seed, so that they are the same on every node.
type idSource struct{ random *rand.ChaCha8 }

func (s *idSource) seed(seed []byte) {
	var key [32]byte
	copy(key[:], seed)
	s.random = rand.NewChaCha8(key)
}

const idAlphabet = "abcdefghijklmnopqrstuvwxyz234567"

// newID has 130 bits.
func (s *idSource) newID() string {
	var id [26]byte
	_, _ = s.random.Read(id[:]) // never fails
	for i := range id {
		id[i] = idAlphabet[id[i]%32]
	}
	return string(id[:])
}

func (s *idSource) newCSRC() uint32 { return uint32(s.random.Uint64()) }
