package cluster

import (
	"time"

	"hubbub/cluster/ownership"
)

// Everything here is called with d.mu held, but for holds.

// holds says whether a claim is worth something to who sees these nodes.
func holds(c Claim, v *view) bool { return !c.Released && v.alive(c.Owner, c.Boot) }

// live is the claim that holds for a room.
func (d *Directory) live(room string) (Claim, bool) {
	c, ok := d.table.Get(room)
	if !ok || !holds(c, d.members.current.Load()) {
		return Claim{}, false
	}
	return c, true
}

// learn takes in a claim; what is new is passed on, since gossip reaches all only if each who hears it repeats it.
func (d *Directory) learn(c Claim, left time.Duration) bool {
	if !d.absorb(c, left) {
		return false
	}
	d.pass(c.Room)
	return true
}

// absorb merges a claim, and says whether it was new.
func (d *Directory) absorb(c Claim, left time.Duration) bool {
	if outcome := d.table.Merge(c, left, time.Now()); outcome != ownership.News {
		if outcome == ownership.Refused {
			d.counts.refused.Add(1)
		}
		return false
	}
	ours := !c.Released && d.mine(c)
	_, held := d.held[c.Room]
	switch {
	case ours && !held && d.asking[c.Room] == 0:
		// Nobody here wants it: gossip of long ago that was replayed, or from nodes that were cut off when the room was released,
		// or an answer that came too late.
		d.counts.refuted.Add(1)
		d.tombstone(c.Room)
	case !ours && held:
		delete(d.held, c.Room)
		d.counts.lost.Add(1)
	}
	d.changed(c.Room)
	return true
}

// mine says whether a claim is of this very process.
func (d *Directory) mine(c Claim) bool { return c.By(d.self.name, d.self.boot) }

// hold makes this node own a room that the table says is its own.
func (d *Directory) hold(room string) {
	d.held[room] = struct{}{}
	c, _ := d.table.Get(room)
	d.follow(room, told{c, true})
}

// follow begins the interest in a room, unless there is some already.
func (d *Directory) follow(room string, t told) {
	if _, ok := d.interest[room]; !ok {
		d.interest[room] = t
		d.changed(room) // it may have changed since
	}
}

// tombstone beats the claim that the table has for a room, which is this node's own.
func (d *Directory) tombstone(room string) {
	delete(d.held, room)
	c, _ := d.table.Get(room)
	c.Epoch++
	c.Released = true
	d.table.Merge(c, d.limits.life, time.Now())
	d.post(room)
	d.changed(room)
}

// unwanted gives back a room that came to this node when nobody here wanted it any more.
func (d *Directory) unwanted(room string) {
	c, ok := d.table.Get(room)
	if _, held := d.held[room]; ok && !held && !c.Released && d.mine(c) && d.asking[room] == 0 {
		d.tombstone(room)
	}
}

// grant gives a room that nobody has to a node, with an epoch above all that was seen of it and above seen. If somebody has it, that
// claim is the answer.
func (d *Directory) grant(room string, to process, seen uint64) (Claim, error) {
	if c, ok := d.live(room); ok {
		return c, nil
	}
	return d.depose(room, to, seen)
}

// depose is grant whoever has the room.
func (d *Directory) depose(room string, to process, seen uint64) (Claim, error) {
	last, _ := d.table.Get(room)
	c := Claim{Room: room, Owner: to.name, Boot: to.boot, Epoch: max(last.Epoch, seen) + 1}
	if !d.want(c) {
		return Claim{}, ErrDirectoryFull
	}
	d.post(room)
	d.counts.granted.Add(1)
	return c, nil
}

// want is learn of a claim that may be for this node: then it is wanted here.
func (d *Directory) want(c Claim) bool {
	d.asking[c.Room]++
	defer d.asked(c.Room)
	return d.learn(c, 0)
}

// asked ends what asking[room]++ began, without a look at what came of it.
func (d *Directory) asked(room string) {
	if d.asking[room]--; d.asking[room] <= 0 {
		delete(d.asking, room)
	}
}

// changed notes that OnChange may have something to be told.
func (d *Directory) changed(room string) {
	if _, ok := d.interest[room]; !ok {
		return
	}
	if _, ok := d.isDirty[room]; !ok {
		d.isDirty[room] = struct{}{}
		d.dirty = append(d.dirty, room)
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
