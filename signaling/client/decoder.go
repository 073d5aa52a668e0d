package client

import "time"

// decodedFrames is how many frames are remembered as decoded: more than any frame goes back.
const decodedFrames = 64

// decoder knows which frames a decoder would have, and so which of those that come it could decode.
type decoder struct {
	stream        uint32
	encoding      uint8
	begun         bool
	width, height uint16
	intact        bool // all that came since the last key frame was decodable
	decoded       [decodedFrames]uint32
}

// decode says whether a whole frame can be decoded. intact says that everything since the last key frame could be, and no packet was lost, so that
// it is the sender's or the server's fault if this one cannot.
func (d *decoder) decode(f *frameParts) (decodable, intact bool) {
	mark := f.mark
	switch {
	case mark.keyframe:
		*d = decoder{stream: mark.stream, encoding: mark.encoding, begun: true, width: f.first.width, height: f.first.height, intact: true}
	case !d.begun:
		return false, false
	case d.stream != mark.stream || d.encoding != mark.encoding:
		return false, false // the reader has told
	case d.decoded[mark.reference%decodedFrames] != mark.reference:
		intact = d.intact
		d.intact = false
		return false, intact
	}
	d.decoded[mark.frame%decodedFrames] = mark.frame
	return true, d.intact
}

// lose takes note that packets are missing.
func (d *decoder) lose() { d.intact = false }

const (
	// The definition of a freeze in webrtc-stats (RTCInboundRtpStreamStats.freezeCount).
	freezeWindow = 30
	freezeFactor = 3
	freezeExtra  = 150 * time.Millisecond
)

// freezeMeter finds the freezes in a succession of pictures.
type freezeMeter struct {
	last      time.Time
	intervals [freezeWindow]time.Duration
	count     int
	sum       time.Duration
}

// observe takes a picture, and says for how long the one before it stood still, if that was a freeze.
func (m *freezeMeter) observe(now time.Time) (frozen time.Duration, ok bool) {
	if m.last.IsZero() {
		m.last = now
		return 0, false
	}
	interval := now.Sub(m.last)
	m.last = now
	if m.count > 0 {
		average := m.sum / time.Duration(min(m.count, freezeWindow))
		ok = interval >= max(freezeFactor*average, average+freezeExtra)
	}
	oldest := &m.intervals[m.count%freezeWindow]
	m.sum += interval - *oldest
	*oldest = interval
	m.count++
	if !ok {
		return 0, false
	}
	return interval, true
}
