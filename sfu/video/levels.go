package video

// maxLevelChanges is how many changes back the temporal level is known, for packets that come late. There are a few in a second at most.
const maxLevelChanges = 8

// levels remembers up to which temporal layer an incoming stream was forwarded from which packet on.
type levels struct {
	changes [maxLevelChanges]levelChange // the newest first
	count   int
}

// levelChange holds from the first packet that was seen of a frame; the frame's timestamp tells of those that came later.
type levelChange struct {
	number    uint64
	timestamp uint32
	level     uint8
}

// now is the highest layer that is forwarded at present.
func (l *levels) now() uint8 { return l.changes[0].level }

// at is the highest layer that was forwarded where a late packet belongs. Where that is no longer known it is the base layer, which always is.
func (l *levels) at(p *Packet) uint8 {
	for _, c := range l.changes[:l.count] {
		if p.Number >= c.number || p.Timestamp == c.timestamp {
			return c.level
		}
	}
	return 0
}

// enter decides on the level as a frame begins. wanted is the highest layer that should be forwarded.
func (l *levels) enter(p *Packet, wanted uint8) {
	level, f := l.now(), &p.Facts
	switch {
	case f.Keyframe || wanted < level:
		level = wanted
	case wanted == level:
	case p.Codec == VP8:
		// One at a time: what follows in this layer may refer to the layer below, but to nothing older in its own.
		if f.layered && f.Sync && f.Temporal == level+1 {
			level++
		}
	case f.flexible:
		level = wanted // each frame says itself what it needs
	default:
		if f.layered && f.Sync && f.Temporal <= level {
			level = wanted
		}
	}
	if l.count > 0 && level == l.now() {
		return
	}
	copy(l.changes[1:], l.changes[:])
	l.changes[0] = levelChange{number: p.Number, timestamp: p.Timestamp, level: level}
	l.count = min(l.count+1, maxLevelChanges)
}
