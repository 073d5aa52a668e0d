package continuity

import "time"

const (
	// clockRate is that of Opus in RTP, whatever it was sampled with (RFC 7587, section 4.1).
	clockRate = 48000

	// pause is how long a slot must have been without packets for its timestamps to jump to where the clock is. After less, receivers
	// have sound left in the jitter buffer, and conceal what the jump skips; after more, they conceal what is not skipped.
	pause = 150 * time.Millisecond
	// How far the timestamps of one source may go astray from the clock, after a pause and at any time. The first lets a
	// sound card that runs fast or slow be corrected in silence; the second is beyond what a network delays, and catches sources
	// whose timestamps jump, or stand still while they are silent.
	strayAfterPause = clockRate / 5
	strayAtAnyTime  = clockRate
)

// Stream is what one slot sends. It belongs to the goroutine that sends it.
//
// Timestamps of a source are its own but for an offset, which is chosen when the slot switches to it: if the slot's last packet is
// recent, the new packet follows it like the next of the same stream; if not, its timestamp is what the clock says, but later
// than the last one's. Browsers conceal nothing then but the pause itself.
type Stream struct {
	anchor   int64         // the timestamp that belongs to
	anchorAt time.Duration // this moment

	started bool
	source  uint64
	offset  int64 // from the source's numbers to ours
	aligned int64 // our number of the first packet since timestamps were last aligned to the clock

	// The newest packet: what was sent, what it was made of, when.
	newest    int64
	timestamp int64
	incoming  uint32
	duration  int64
	sentAt    time.Duration

	// The source before, and its last number: what is late from it is no switch back.
	previous       uint64
	previousNewest int64
}

// NewStream returns a Stream that begins with sequence number seq and whose timestamps count from timestamp at now. Both numbers
// should be random (RFC 3550, section 5.1).
func NewStream(now time.Duration, seq uint16, timestamp uint32) *Stream {
	return &Stream{anchor: int64(timestamp), anchorAt: now, newest: int64(seq) - 1}
}

// Next gives a packet its place in the stream: the sequence number and timestamp to send it with. A packet of another source than
// the last one's is a switch to that source. now is when the packet is sent, by the same clock as in NewStream. ok is false when
// the packet comes too late: it is from before its source got the slot, or from the source before.
func (s *Stream) Next(now time.Duration, p Packet) (seq uint16, timestamp uint32, ok bool) {
	switch number := p.Number + s.offset; {
	case !s.started || p.Source != s.source:
		return s.change(now, p)
	case number > s.newest:
		return s.send(now, p, number, s.follow(now, p, number))
	case number < s.aligned:
		return 0, 0, false
	default: // reordered on the way to the server, and so it is passed on
		return uint16(number), uint32(s.timestamp) + p.Timestamp - s.incoming, true
	}
}

// change makes a packet's source the stream's, unless the packet is a straggler of the source before.
func (s *Stream) change(now time.Duration, p Packet) (seq uint16, timestamp uint32, ok bool) {
	next := s.newest + 1
	at := s.clock(now)
	if s.started {
		if p.Source == s.previous && p.Number <= s.previousNewest {
			return 0, 0, false
		}
		s.previous, s.previousNewest = s.source, s.newest-s.offset
		at = s.join(now, 1)
	}
	s.started = true
	s.source, s.offset = p.Source, next-p.Number
	s.aligned = next
	return s.send(now, p, next, at)
}

// follow is the timestamp of a newer packet of the same source.
func (s *Stream) follow(now time.Duration, p Packet, number int64) int64 {
	steps := number - s.newest
	advance := int64(int32(p.Timestamp - s.incoming))
	own := s.timestamp + advance
	allowed := int64(strayAtAnyTime)
	if advance-steps*s.duration >= samples(pause) {
		allowed = strayAfterPause
	}
	stray := own - s.clock(now)
	if advance > 0 && -allowed <= stray && stray <= allowed {
		return own
	}
	joined := s.join(now, steps)
	if joined != own {
		s.aligned = number
	}
	return joined
}

// join is the timestamp, that many packets after the newest, of a packet whose own timestamp says nothing: right after the newest,
// or by the clock if there was a pause.
func (s *Stream) join(now time.Duration, steps int64) int64 {
	next := s.timestamp + steps*s.duration
	if now-s.sentAt >= pause {
		return max(next, s.clock(now))
	}
	return next
}

func (s *Stream) send(now time.Duration, p Packet, number, timestamp int64) (uint16, uint32, bool) {
	s.newest, s.timestamp = number, timestamp
	s.incoming, s.duration, s.sentAt = p.Timestamp, int64(p.Duration), now
	return uint16(number), uint32(timestamp), true
}

// TimestampAt is the timestamp that belongs to a moment, for sender reports (RFC 3550, section 6.4.1).
func (s *Stream) TimestampAt(now time.Duration) uint32 {
	if !s.started {
		return uint32(s.clock(now))
	}
	return uint32(s.timestamp + samples(now-s.sentAt))
}

func (s *Stream) clock(now time.Duration) int64 { return s.anchor + samples(now-s.anchorAt) }

// samples converts a duration to units of the timestamp. It overflows after four years.
func samples(d time.Duration) int64 { return int64(d) * (clockRate / 1000) / int64(time.Millisecond) }
