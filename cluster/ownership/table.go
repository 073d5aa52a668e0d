package ownership

import (
	"iter"
	"math"
	"time"
)

// Outcome is what became of a claim that was merged.
type Outcome int

// Outcomes of Table.Merge.
const (
	Known   Outcome = iota // it is, or is beaten by, what the table has
	News                   // it is now what the table has
	Refused                // the table is full, or the claim is not valid
)

// Table is what a node knows about who owns which room: for each room the greatest claim seen. It does not know which nodes are
// alive; its user does. It is not safe for concurrent use.
//
// A known room costs some 70 bytes and its name: owners are kept once, and named by a number.
type Table struct {
	limit int
	life  time.Duration
	base  time.Time

	rooms  map[string]entry
	owners []owner
	ids    map[process]uint32
	free   []uint32 // of owners, to be used again
}

// entry is a claim without what is kept elsewhere.
type entry struct {
	epoch uint64
	owner uint32
	// expires is 0 for a claim that holds; for a tombstone, when it may be dropped, in seconds since the table's base.
	expires uint32
}

// process is a node in one of its lives.
type process struct{ name, boot string }

type owner struct {
	process
	claims int
	// gone is when it was first found not alive, in seconds since the base; 0 while it is.
	gone uint32
}

// NewTable makes an empty table of at most limit rooms. What is worth nothing any more, tombstones and claims of owners that are
// gone, is kept for life, so that claims which are still under way do not come back to life after it; now is when time begins.
func NewTable(limit int, life time.Duration, now time.Time) *Table {
	return &Table{
		limit: limit, life: life, base: now.Add(-time.Second),
		rooms: make(map[string]entry), ids: make(map[process]uint32),
	}
}

// Merge takes in a claim. left is how long a tombstone has still to live, at most the table's life; it is not read for others.
// A tombstone that is known already lives for the shorter of the two times, so that tables cannot keep it alive between them.
func (t *Table) Merge(c Claim, left time.Duration, now time.Time) Outcome {
	if !c.Valid() {
		return Refused
	}
	var expires uint32
	if c.Released {
		expires = t.seconds(now) + uint32(max(1, min(left, t.life)/time.Second))
	}
	known, ok := t.rooms[c.Room]
	if !ok && len(t.rooms) >= t.limit {
		return Refused
	}
	if ok {
		switch order := Compare(t.claim(c.Room, known), c); {
		case order == 0 && expires < known.expires:
			known.expires = expires
			t.rooms[c.Room] = known
			return Known
		case order >= 0:
			return Known
		}
		t.drop(known.owner)
	}
	t.rooms[c.Room] = entry{epoch: c.Epoch, owner: t.intern(process{c.Owner, c.Boot}), expires: expires}
	return News
}

// Get is the greatest claim seen for a room, be it a tombstone or of an owner that is gone.
func (t *Table) Get(room string) (Claim, bool) {
	e, ok := t.rooms[room]
	if !ok {
		return Claim{}, false
	}
	return t.claim(room, e), true
}

// Entry is Get, and for a tombstone how long it has still to live.
func (t *Table) Entry(room string, now time.Time) (Claim, time.Duration, bool) {
	e, ok := t.rooms[room]
	if !ok {
		return Claim{}, 0, false
	}
	return t.claim(room, e), t.left(e, now), true
}

// Len is the number of rooms that something is known of.
func (t *Table) Len() int { return len(t.rooms) }

// All yields each room's greatest claim, in no particular order, and for tombstones how long they have still to live. The table must
// not be changed meanwhile.
func (t *Table) All(now time.Time) iter.Seq2[Claim, time.Duration] {
	return func(yield func(Claim, time.Duration) bool) {
		for room, e := range t.rooms {
			if !yield(t.claim(room, e), t.left(e, now)) {
				return
			}
		}
	}
}

// Sweep drops the tombstones whose time has come, and the claims of owners that have not been alive for a life of the table. It is
// to be called from time to time; what it drops is the later the more rarely it is.
func (t *Table) Sweep(now time.Time, alive func(owner, boot string) bool) {
	at := t.seconds(now)
	for i := range t.owners {
		switch o := &t.owners[i]; {
		case o.claims == 0 || alive(o.name, o.boot):
			o.gone = 0
		case o.gone == 0:
			o.gone = at
		}
	}
	life := uint32(t.life / time.Second)
	for room, e := range t.rooms {
		gone := t.owners[e.owner].gone
		if e.expires != 0 && e.expires <= at || gone != 0 && at-gone >= life {
			delete(t.rooms, room)
			t.drop(e.owner)
		}
	}
}

func (t *Table) claim(room string, e entry) Claim {
	o := &t.owners[e.owner]
	return Claim{Room: room, Owner: o.name, Boot: o.boot, Epoch: e.epoch, Released: e.expires != 0}
}

// left is how long a tombstone has to live, rounded down, so that it becomes less whenever it is told.
func (t *Table) left(e entry, now time.Time) time.Duration {
	if at := t.seconds(now); e.expires > at {
		return time.Duration(e.expires-at) * time.Second
	}
	return 0
}

// intern finds or makes a process's number, and counts one claim more of it.
func (t *Table) intern(p process) uint32 {
	id, ok := t.ids[p]
	if !ok {
		if n := len(t.free); n > 0 {
			id, t.free = t.free[n-1], t.free[:n-1]
			t.owners[id] = owner{process: p}
		} else {
			id = uint32(len(t.owners))
			t.owners = append(t.owners, owner{process: p})
		}
		t.ids[p] = id
	}
	t.owners[id].claims++
	return id
}

// drop counts one claim less of a process, and forgets it with its last.
func (t *Table) drop(id uint32) {
	o := &t.owners[id]
	o.claims--
	if o.claims == 0 {
		delete(t.ids, o.process)
		*o = owner{}
		t.free = append(t.free, id)
	}
}

// seconds is a moment in the table's count, which begins at 1.
func (t *Table) seconds(now time.Time) uint32 {
	return uint32(min(max(1, now.Sub(t.base)/time.Second), math.MaxUint32/2))
}
