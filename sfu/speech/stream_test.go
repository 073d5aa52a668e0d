package speech

import "time"

// stream feeds a Detector packets of 20 ms. Its clock is the time that its own calls have let pass.
type stream struct {
	detector  *Detector
	now       time.Duration
	timestamp uint32
}

func newStream() *stream {
	return &stream{detector: NewDetector(), now: time.Hour, timestamp: 1<<32 - 5000} // wraps soon
}

func (s *stream) packet(level Level) Verdict {
	v := s.detector.Observe(s.now, s.timestamp, level)
	s.now += 20 * time.Millisecond
	s.timestamp += 960
	return v
}

// packets returns the last one's verdict.
func (s *stream) packets(d time.Duration, level Level) (v Verdict) {
	for end := s.now + d; s.now < end; {
		v = s.packet(level)
	}
	return v
}

// pause lets time pass without packets, as DTX does.
func (s *stream) pause(d time.Duration) {
	s.now += d
	s.timestamp += uint32(d.Milliseconds()) * millisecond
}

// at and voiceAt are levels in dBov, without and with the voice flag.
func at(dBov int) Level      { return Level{Present: true, Attenuation: uint8(-dBov)} }
func voiceAt(dBov int) Level { return Level{Present: true, Voice: true, Attenuation: uint8(-dBov)} }

// table is several streams on one clock and one subscriber's Assigner.
type table struct {
	assigner *Assigner
	streams  map[uint32]*stream
	now      time.Duration
	switches int
}

func newTable(slots int) *table {
	return &table{assigner: NewAssigner(1, slots), streams: map[uint32]*stream{}, now: time.Hour}
}

// packet sends one packet of a source and says whether it was forwarded. Time since the source's last packet
// counts as a pause.
func (t *table) packet(source uint32, level Level) bool {
	s := t.streams[source]
	if s == nil {
		s = newStream()
		s.now = t.now
		t.streams[source] = s
	}
	s.pause(t.now - s.now)
	_, switched, ok := t.assigner.Place(t.now, source, s.packet(level))
	if switched {
		t.switches++
	}
	return ok
}

// play lets time pass in which the sources given send these levels, and returns how many packets of each were forwarded.
func (t *table) play(d time.Duration, levels map[uint32]Level) map[uint32]int {
	heard := map[uint32]int{}
	for end := t.now + d; t.now < end; t.now += 20 * time.Millisecond {
		for source := range uint32(64) {
			if level, ok := levels[source]; ok && t.packet(source, level) {
				heard[source]++
			}
		}
	}
	return heard
}

func (t *table) has(source uint32) bool {
	for i := range t.assigner.Slots() {
		if t.assigner.Occupant(i) == source {
			return true
		}
	}
	return false
}
