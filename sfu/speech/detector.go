package speech

import "time"

// Detector judges the packets of one source by their levels. It belongs to the goroutine that receives the source's packets.
type Detector struct{}

// NewDetector returns the Detector of a source that has not been heard yet.
func NewDetector() *Detector { return &Detector{} }

// Observe judges the next packet of the source: when it came, its RTP timestamp (48 kHz) and its level. Packets may be lost, late, or far
// apart; what lies between two is silence, and is not charged to the level. It does not allocate.
func (d *Detector) Observe(now time.Duration, timestamp uint32, level Level) Verdict {
	return Verdict{Activity: Loud, Voice: true, Loudness: level.dBov()}
}
