package replica

import "slices"

// logLength is how many entries a replica keeps for others that lack the last few: enough for what is under way when an owner dies
// or a link is interrupted. Who lacks more gets a snapshot.
const logLength = 256

// ring is the newest part of the log, oldest first and without gaps.
type ring struct{ entries []Entry }

func (l *ring) add(e Entry) {
	if len(l.entries) >= 2*logLength {
		// Moved at every logLength-th entry only.
		l.entries = append(l.entries[:0], l.entries[logLength:]...)
	}
	l.entries = append(l.entries, e)
}

func (l *ring) clone() ring { return ring{entries: slices.Clone(l.entries)} }

// Since answers the entries that follow a position of this log, oldest first. It reports false when the log does not reach back that far,
// or when the position is not one of this log: whoever is there has gone another way, or has begun with nothing.
func (r *Replica) Since(p Position) ([]Entry, bool) {
	if p == r.position {
		return nil, true
	}
	entries := r.log.entries
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.Position == p })
	if i < 0 {
		return nil, false
	}
	return slices.Clone(entries[i+1:]), true
}
