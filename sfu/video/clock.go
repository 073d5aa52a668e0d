package video

import "time"

// Clock tells when something was captured, by the clock of its sender, from the sender reports of its stream (RFC 3550, section 6.4.1). What two streams of one sender say can
// be compared: that is how sound and picture stay in step. What different senders say cannot, and need not have anything to do with the
// time of day.
type Clock struct {
	rate      int64
	observed  bool
	reported  time.Duration
	timestamp uint32
}

// NewClock returns the clock of a stream whose timestamps count at rate, in Hz: 90,000 for video, 48,000 for Opus. rate must be positive.
func NewClock(rate int) Clock { return Clock{rate: int64(rate)} }

// Observe takes note of a sender report: its NTP timestamp, 32.32 fixed point, and its RTP timestamp. A report with NTP timestamp 0, by which senders without a clock
// say so, is ignored.
func (c *Clock) Observe(ntp uint64, timestamp uint32) {
	if ntp == 0 {
		return
	}
	seconds, fraction := ntp>>32, ntp&(1<<32-1)
	c.reported = time.Duration(seconds)*time.Second + time.Duration(fraction*uint64(time.Second)>>32)
	c.timestamp, c.observed = timestamp, true
}

// At is when the sender captured what bears the timestamp, since the beginning of 1900. ok is false before the first report. It is right within
// 2^31 timestamps of the last report (6 h for video).
func (c *Clock) At(timestamp uint32) (captured time.Duration, ok bool) {
	if !c.observed {
		return 0, false
	}
	return c.reported + time.Duration(int64(int32(timestamp-c.timestamp))*int64(time.Second)/c.rate), true
}
