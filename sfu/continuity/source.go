package continuity

// Packet is a packet's place in its source's stream, as far as it is forwarded.
type Packet struct {
	Source    uint64 // the Source's id: another number is another stream, even if the same person speaks
	Number    int64  // counts forwarded and lost packets, not those that the server dropped; does not wrap
	Timestamp uint32 // as it came
	Duration  uint32 // of the sound in it, in units of the timestamp (48 kHz), as far as known
}

// Source numbers the packets of one incoming RTP stream (one SSRC). It belongs to the goroutine that receives the stream.
type Source struct {
	id   uint64
	next int64
}

// NewSource returns the Source of a stream that has not begun. id must differ from that of any stream that a Stream sees before
// or after it: a participant who comes back with a new SSRC or PeerConnection needs a new one.
func NewSource(id uint64) *Source { return &Source{id: id} }

// Forward numbers a packet that is to be forwarded to anyone. ok is false for duplicates and for packets too late to
// be of use: those are to be dropped without further calls.
func (s *Source) Forward(seq uint16, timestamp uint32) (p Packet, ok bool) {
	s.next++
	return Packet{Source: s.id, Number: s.next, Timestamp: timestamp, Duration: 960}, true
}

// Drop takes note of a packet that came but is forwarded to nobody, so that its absence will not look like a loss.
func (s *Source) Drop(seq uint16, timestamp uint32) {}
