package continuity

import "math/bits"

const (
	// reorderWindow is how many packets late a packet may be. A second of sound is far beyond what jitter buffers wait for.
	reorderWindow = 64
	// maxDropout is the largest jump ahead that is believed to be loss, from RFC 3550, appendix A.1.
	maxDropout = 3000

	// The duration of an Opus packet is a multiple of 2.5 ms up to 120 ms (RFC 6716, section 2.1.4), in units of its 48 kHz
	// clock; 20 ms is what everyone sends unless told otherwise.
	durationStep    = 120
	maxDuration     = 5760
	defaultDuration = 960
)

// Packet is a packet's place in its source's stream, as far as it is forwarded.
type Packet struct {
	Source    uint64 // the Source's id: another number is another stream, even if the same person speaks
	Number    int64  // counts forwarded and lost packets, not those that the server dropped; does not wrap
	Timestamp uint32 // as it came
	Duration  uint32 // of the sound in a packet, in units of the timestamp (48 kHz), as far as it could be learnt
}

// Source numbers the packets of one incoming RTP stream (one SSRC). It belongs to the goroutine that receives the stream.
//
// Every packet that arrives is given either to Forward or to Drop, in the order of arrival. Where that is not possible, Skip says so.
type Source struct {
	id      uint64
	started bool

	// The newest packet, by its sequence number and by a count that does not wrap.
	newestSeq uint16
	newest    int64
	// Packets up to the newest that were dropped: what numbers are behind the count.
	dropped int64
	// Bit i is about the packet i before the newest: whether it has come or is no longer wanted, and whether it was dropped.
	seen, gone uint64

	// skipping says that packets after the newest were dropped unseen.
	skipping bool

	// The one sequence number that would prove that the stream began anew, after a packet that fits nowhere.
	restart         uint16
	restartPossible bool

	timestamp          uint32 // the newest packet's
	duration, proposed uint32
}

// NewSource returns the Source of a stream that has not begun. id must differ from that of any stream that a Stream sees before
// or after it: a participant who comes back with a new SSRC or PeerConnection needs a new one.
func NewSource(id uint64) *Source { return &Source{id: id, duration: defaultDuration} }

// Forward numbers a packet that is to be forwarded to anyone. ok is false for duplicates, for packets too late to be of use,
// and for those whose sequence number fits nowhere: these are to be dropped without a further call. A stream that begins anew
// somewhere else in the number space loses its first packet by that and goes on with the second.
func (s *Source) Forward(seq uint16, timestamp uint32) (p Packet, ok bool) {
	behind, ok := s.take(seq, timestamp)
	if !ok {
		return Packet{}, false
	}
	newerDropped := int64(bits.OnesCount64(s.gone & newerThan(behind)))
	return Packet{
		Source:    s.id,
		Number:    s.newest - behind - (s.dropped - newerDropped),
		Timestamp: timestamp,
		Duration:  s.duration,
	}, true
}

// Drop takes note of a packet that came but is forwarded to nobody, so that its absence will not look like a loss.
// So are losses in the midst of dropped packets: nobody would have heard those either.
func (s *Source) Drop(seq uint16, timestamp uint32) {
	skipping := s.skipping
	s.skipping = skipping || s.started && s.gone&1 != 0
	behind, ok := s.take(seq, timestamp)
	if !ok || behind > 0 {
		s.skipping = skipping
	}
	if !ok {
		return
	}
	if s.gone&newerThan(behind) != newerThan(behind) {
		return // a newer packet was numbered on the assumption that this one was lost, and lost it stays
	}
	s.gone |= 1 << behind
	s.dropped++
}

// Skip takes note that packets may have been dropped of which nothing is known for sure, not even their number: what is missing right before the next
// packet is not a loss.
func (s *Source) Skip() { s.skipping = true }

// take finds how many packets behind the newest a packet is, having made it the newest if it is, and marks it seen.
func (s *Source) take(seq uint16, timestamp uint32) (behind int64, ok bool) {
	if !s.started {
		s.started = true
		s.newestSeq, s.timestamp, s.seen = seq, timestamp, 1
		return 0, true
	}
	ahead := int64(int16(seq - s.newestSeq))
	switch {
	case ahead > 0 && ahead <= maxDropout:
		if ahead == 1 {
			s.learnDuration(timestamp - s.timestamp)
		}
		s.newest += ahead
		s.seen = s.seen<<ahead | 1
		s.gone <<= ahead
		if missed := ahead - 1; s.skipping && missed > 0 {
			s.gone |= newerThan(min(missed, reorderWindow-1)) << 1
			s.seen |= s.gone
			s.dropped += missed
		}
		s.skipping = false
	case ahead <= 0 && ahead > -reorderWindow:
		bit := uint64(1) << -ahead
		if s.seen&bit != 0 {
			return 0, false
		}
		s.seen |= bit
		return -ahead, true
	case s.restartPossible && seq == s.restart:
		s.newest++
		s.seen, s.gone = ^uint64(0), 0 // what was before cannot be told from what comes: take none of it
	default:
		s.restart, s.restartPossible = seq+1, true
		return 0, false
	}
	s.newestSeq, s.timestamp, s.restartPossible = seq, timestamp, false
	return 0, true
}

// learnDuration is told by how much the timestamp advanced from a packet to the one right after it, which is the first one's duration
// unless the sender was silent between them (DTX). So it takes two in a row to agree.
func (s *Source) learnDuration(advance uint32) {
	if advance == 0 || advance > maxDuration || advance%durationStep != 0 {
		return
	}
	if advance == s.proposed {
		s.duration = advance
	}
	s.proposed = advance
}

// newerThan is the mask of the packets newer than the one that far behind the newest.
func newerThan(behind int64) uint64 { return 1<<behind - 1 }
