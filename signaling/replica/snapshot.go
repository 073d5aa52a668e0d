package replica

import (
	"maps"
	"time"

	"hubbub/room"
)

// Snapshot is a whole replica, for a node that has none or a useless one. It survives encoding as JSON.
type Snapshot struct {
	Config   Config          `json:"config"`
	Model    room.Snapshot   `json:"model"`
	Seats    map[string]Seat `json:"seats"`
	Position Position        `json:"position"`
}

// Snapshot shares nothing with the replica that either would modify.
func (r *Replica) Snapshot() Snapshot {
	return Snapshot{Config: r.cfg, Model: r.model.Export(), Seats: maps.Clone(r.seats), Position: r.position}
}

// Restore makes the replica of a snapshot. Its log begins there.
func Restore(s Snapshot) *Replica {
	r := empty(s.Config)
	r.model = room.Restore(s.Model, r.modelConfig())
	r.position = s.Position
	for id, seat := range s.Seats {
		r.sit(id, seat)
	}
	return r
}

// Clone makes a replica that goes its own way from here on.
func (r *Replica) Clone() *Replica {
	c := Restore(r.Snapshot())
	c.log = r.log.clone()
	return c
}

// NextExpiry is when a command of kind Expire will next have something to do; false while nobody is away.
func (r *Replica) NextExpiry() (time.Time, bool) { return r.model.NextExpiry() }
