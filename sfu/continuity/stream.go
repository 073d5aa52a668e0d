package continuity

import "time"

// Stream is what one slot sends. It belongs to the goroutine that sends it.
type Stream struct {
	seq       uint16
	timestamp uint32
}

// NewStream returns a Stream that will begin with these values, which should be random (RFC 3550, section 5.1).
// now is the moment that its timestamps count from.
func NewStream(now time.Duration, seq uint16, timestamp uint32) *Stream {
	return &Stream{seq: seq, timestamp: timestamp}
}

// Next gives a packet its place in the stream: the sequence number and timestamp to send it with. A packet of another source than the last one's
// is a switch to that source. now is when the packet is sent, by the same clock as in NewStream. ok is false when the packet comes
// too late: from before its source got the slot, or from a source that was just replaced.
func (s *Stream) Next(now time.Duration, p Packet) (seq uint16, timestamp uint32, ok bool) {
	seq, timestamp = s.seq, s.timestamp
	s.seq++
	s.timestamp += p.Duration
	return seq, timestamp, true
}

// TimestampAt is the RTP timestamp that belongs to a moment, for sender reports (RFC 3550, section 6.4.1).
func (s *Stream) TimestampAt(now time.Duration) uint32 { return s.timestamp }
