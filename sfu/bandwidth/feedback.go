package bandwidth

import (
	"time"

	"github.com/pion/rtcp"
)

const (
	referenceUnit = 64 * time.Millisecond // of TransportLayerCC.ReferenceTime
	// clockJump is how far the reference time of one report may be from that of the one before; beyond, there was a long pause, or the
	// receiver's clock has begun anew.
	clockJump = 10 * time.Second
)

// report is what feedback says of one packet that is remembered.
type report struct {
	packet  *sentPacket
	arrival time.Duration // by the receiver's clock; unknown where not received
	arrived bool
}

// feedbackReader turns feedback into reports.
type feedbackReader struct {
	reports   []report // of the last feedback
	started   bool
	reference uint32        // 24 bits
	base      time.Duration // what reference stands for
}

// read fills reports, in the order in which the packets were numbered. restarted is true when arrivals cannot be compared with those of
// earlier feedback.
func (r *feedbackReader) read(f *rtcp.TransportLayerCC, h *history) (restarted bool, err error) {
	r.reports = r.reports[:0]
	if f.PacketStatusCount == 0 || int(f.PacketStatusCount) > maxHistory {
		return false, ErrMalformed
	}
	base, restarted := r.unwrap(f.ReferenceTime)
	cursor := statusCursor{
		reader: r, history: h, number: f.BaseSequenceNumber, left: int(f.PacketStatusCount), deltas: f.RecvDeltas, clock: base,
	}
	for _, chunk := range f.PacketChunks {
		switch c := chunk.(type) {
		case *rtcp.RunLengthChunk:
			if c == nil {
				return false, ErrMalformed
			}
			for range min(int(c.RunLength), cursor.left) {
				if !cursor.status(c.PacketStatusSymbol) {
					return false, ErrMalformed
				}
			}
		case *rtcp.StatusVectorChunk:
			if c == nil {
				return false, ErrMalformed
			}
			for _, symbol := range c.SymbolList[:min(len(c.SymbolList), cursor.left)] {
				if !cursor.status(symbol) {
					return false, ErrMalformed
				}
			}
		default:
			return false, ErrMalformed
		}
	}
	if cursor.left > 0 {
		return false, ErrMalformed
	}
	r.started, r.reference, r.base = true, f.ReferenceTime, base
	return restarted, nil
}

// unwrap returns the time that a reference of 24 bits, which wraps after twelve days, stands for.
func (r *feedbackReader) unwrap(reference uint32) (base time.Duration, restarted bool) {
	steps := int32((reference-r.reference)<<8) >> 8
	ahead := time.Duration(steps) * referenceUnit
	if !r.started || ahead > clockJump || ahead < -clockJump {
		return time.Duration(reference&0xffffff) * referenceUnit, true
	}
	return r.base + ahead, false
}

// statusCursor goes through the packets of one report.
type statusCursor struct {
	reader  *feedbackReader
	history *history
	number  uint16
	left    int
	deltas  []*rtcp.RecvDelta
	clock   time.Duration
}

// status takes the next packet's status symbol. It is false when the time that belongs to it is missing.
func (c *statusCursor) status(symbol uint16) bool {
	packet := c.history.find(c.number)
	c.number++
	c.left--
	arrived := symbol == rtcp.TypeTCCPacketReceivedSmallDelta || symbol == rtcp.TypeTCCPacketReceivedLargeDelta
	if arrived {
		if len(c.deltas) == 0 || c.deltas[0] == nil {
			return false
		}
		c.clock += time.Duration(c.deltas[0].Delta) * time.Microsecond
		c.deltas = c.deltas[1:]
	}
	// A packet that arrived at an unknown time, the fourth symbol, is neither lost nor of any use.
	if packet != nil && (arrived || symbol == rtcp.TypeTCCPacketNotReceived) {
		c.reader.reports = append(c.reader.reports, report{packet, c.clock, arrived})
	}
	return true
}
