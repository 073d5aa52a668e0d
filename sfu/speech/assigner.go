package speech

import (
	"slices"
	"time"
)

const (
	// quietAfter is the protocol's: 400 ms without voice.
	quietAfter = 400 * time.Millisecond
	// turnPause is how long someone in a conversation may hold their breath before a mere background may have their slot, and
	// longTurnPause before a faint one may.
	turnPause     = 1500 * time.Millisecond
	longTurnPause = 5 * time.Second
	// tenure is how long a new occupant is safe from those who are louder, so that people who interrupt each other
	// are heard for a word at least.
	tenure = time.Second

	// never is the time of voice of an occupant that was given its slot without having spoken.
	never = -1 << 62
)

// Assigner decides which sources one subscriber hears, one in each of its slots. A source is in one slot at most, stays in it
// until another needs it, and is never the subscriber itself. An Assigner is not safe for concurrent use; it
// belongs to the goroutine that sends to its subscriber.
//
// Sources are named by a number other than 0 that is theirs in the room, such as the participant's CSRC. All streams that bring
// the same source share it, so that a participant who changes connections keeps the slot.
//
// Place looks through the slots, of which there are few and all in a cache line or two, and allocates nothing.
type Assigner struct {
	self    uint32
	sources []uint32 // by slot, 0 is empty; apart from the rest so that looking for a source touches one cache line
	slots   []occupancy
}

type occupancy struct {
	since    time.Duration // when the occupant came
	voice    time.Duration // when its last packet with voice came
	loudness float32
	proven   bool // it has been established speech, and not faint
}

// NewAssigner returns an Assigner of that many empty slots for the subscriber self.
func NewAssigner(self uint32, slots int) *Assigner {
	return &Assigner{self: self, sources: make([]uint32, slots), slots: make([]occupancy, slots)}
}

// Place says in which slot a packet of source goes, and whether the source came into that slot by this packet. When ok is false
// the packet is not for this subscriber. now is the time since any fixed moment, the same for all calls.
//
// The slot of a source that has none yet is the first of these that its verdict allows: an empty one; that of whoever
// is quiet, those who only made a noise before those who spoke, and the longest quiet first; that of the weakest speaker if
// clearly weaker.
func (a *Assigner) Place(now time.Duration, source uint32, v Verdict) (slot int, switched, ok bool) {
	if i := slices.Index(a.sources, source); i >= 0 && source != 0 {
		a.hear(i, now, v)
		return i, false, true
	}
	if !v.Contends() || source == 0 || source == a.self {
		return 0, false, false
	}
	i := a.victim(now, v)
	if i < 0 {
		return 0, false, false
	}
	a.put(i, source, now)
	a.hear(i, now, v)
	return i, true, true
}

func (a *Assigner) hear(i int, now time.Duration, v Verdict) {
	if v.Voice {
		a.slots[i].voice = now
		a.slots[i].loudness = v.Loudness
		a.slots[i].proven = a.slots[i].proven || v.Established && v.Loudness >= faint
	}
}

func (a *Assigner) put(i int, source uint32, now time.Duration) {
	a.sources[i] = source
	a.slots[i] = occupancy{since: now, voice: never}
}

// victim returns the slot that a source with such a verdict may have, or -1.
func (a *Assigner) victim(now time.Duration, v Verdict) int {
	patience := v.patience()
	quiet, weakest := -1, -1
	for i := range a.slots {
		if a.sources[i] == 0 {
			return i
		}
		s := &a.slots[i]
		if now-s.voice >= patience && (quiet < 0 || s.worthLess(&a.slots[quiet])) {
			quiet = i
		}
		if now-s.since >= tenure && (weakest < 0 || s.loudness < a.slots[weakest].loudness) {
			weakest = i
		}
	}
	switch {
	case v.Activity < Background:
		return -1
	case quiet >= 0:
		return quiet
	case weakest >= 0 && v.mayDisplace(a.slots[weakest].loudness):
		return weakest
	}
	return -1
}

// worthLess orders occupants who are quiet. One slammed door would otherwise cost three switches: the door takes the slot of the
// longest quiet talker, who then takes that of the next, who takes the door's.
func (o *occupancy) worthLess(other *occupancy) bool {
	if o.proven != other.proven {
		return other.proven
	}
	return o.voice < other.voice
}

// Fill gives each of others that has no slot an empty one, when there are no more others than slots: then each has a slot for
// good, spoken or not. With more it does nothing. It is to be called when someone has come or gone, or slots were added, before
// the first packet of who came is placed. Whoever has a slot keeps it, so nobody hears a change. self and 0 in
// others are passed over. It reports whether any slot has a new occupant.
func (a *Assigner) Fill(others []uint32) (changed bool) {
	if len(others) > len(a.sources) {
		return false
	}
	for _, source := range others {
		if source == 0 || source == a.self || slices.Contains(a.sources, source) {
			continue
		}
		i := slices.Index(a.sources, 0)
		if i < 0 {
			break // occupants that are not among the others: someone left and was not removed
		}
		a.put(i, source, 0)
		changed = true
	}
	return changed
}

// Remove empties the slot of a source that has left the room, if it has one.
func (a *Assigner) Remove(source uint32) (slot int, ok bool) {
	i := slices.Index(a.sources, source)
	if i < 0 || source == 0 {
		return 0, false
	}
	a.sources[i], a.slots[i] = 0, occupancy{}
	return i, true
}

// Grow adds empty slots until there are that many. Slots are never taken away: an m-line is not either.
func (a *Assigner) Grow(slots int) {
	for len(a.sources) < slots {
		a.sources = append(a.sources, 0)
		a.slots = append(a.slots, occupancy{})
	}
}

// Slots is the number of slots.
func (a *Assigner) Slots() int { return len(a.sources) }

// Occupant is the source in a slot, 0 when it is empty.
func (a *Assigner) Occupant(slot int) uint32 { return a.sources[slot] }
