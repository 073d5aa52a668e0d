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

// Merge takes in a claim. left is how long it is still to be remembered, as another table's All said: 0 for one that holds. It is never
// remembered longer than that for being told, nor longer than the table's life, so that tables cannot keep it alive between them.
func (t *Table) Merge(c Claim, left time.Duration, now time.Time) Outcome {
	if !c.Valid() {
		return Refused
	}
	at := t.seconds(now)
	left = min(left, t.life)
	var expires uint32
	if c.Released {
		expires = at + uint32(max(1, left/time.Second))
	}
	known, ok := t.rooms[c.Room]
	if !ok && len(t.rooms) >= t.limit {
		return Refused
	}
	if ok {
		switch order := Compare(t.claim(c.Room, known), c); {
		case order == 0 && c.Released:
			known.expires = min(known.expires, expires)
			t.rooms[c.Room] = known
			return Known
		case order == 0:
			t.fade(known.owner, at, left)
			return Known
		case order > 0:
			return Known
		}
		t.drop(known.owner)
	}
	id := t.intern(process{c.Owner, c.Boot})
	if !c.Released {
		t.fade(id, at, left)
	}
	t.rooms[c.Room] = entry{epoch: c.Epoch, owner: id, expires: expires}
	return News
}

// fade notes that others have found an owner gone, and will remember its claims only for what is left. Sweep knows better if it is alive.
func (t *Table) fade(id, at uint32, left time.Duration) {
	if left <= 0 {
		return
	}
	since := uint32(max(1, int64(at)-int64((t.life-left)/time.Second)))
	if o := &t.owners[id]; o.gone == 0 || since < o.gone {
		o.gone = since
	}
}

// Get is the greatest claim seen for a room, be it a tombstone or of an owner that is gone.
func (t *Table) Get(room string) (Claim, bool) {
	e, ok := t.rooms[room]
	if !ok {
		return Claim{}, false
	}
	return t.claim(room, e), true
}

// Entry is what others are to be told of a room: its claim, and how long it is still to be remembered, 0 for one that holds. It is false
// also for what is only still here because Sweep has not come by.
func (t *Table) Entry(room string, now time.Time) (Claim, time.Duration, bool) {
	e, ok := t.rooms[room]
	if !ok {
		return Claim{}, 0, false
	}
	left, ok := t.left(e, now)
	return t.claim(room, e), left, ok
}

// Len is the number of rooms that something is known of.
func (t *Table) Len() int { return len(t.rooms) }

// All yields what Entry is of each room, in no particular order. The table must not be changed meanwhile.
func (t *Table) All(now time.Time) iter.Seq2[Claim, time.Duration] {
	return func(yield func(Claim, time.Duration) bool) {
		for room, e := range t.rooms {
			if left, ok := t.left(e, now); ok && !yield(t.claim(room, e), left) {
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

// left is how long an entry is still to be remembered, 0 for one that holds; false if it was to be forgotten already. It is rounded down,
// so that it becomes less whenever it is told.
func (t *Table) left(e entry, now time.Time) (time.Duration, bool) {
	at, until := t.seconds(now), e.expires
	if gone := t.owners[e.owner].gone; until == 0 && gone != 0 {
		until = gone + uint32(t.life/time.Second)
	}
	switch {
	case until == 0:
		return 0, true
	case until <= at:
		return 0, false
	}
	return time.Duration(until-at) * time.Second, true
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
