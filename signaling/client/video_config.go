package client

import "fmt"

// The sources of video, as the protocol names them.
const (
	sourceCamera = "camera"
	sourceScreen = "screen"
)

// rids name a simulcast source's encodings, smallest first (RFC 8852).
var rids = []string{"l", "m", "h"}

// VideoConfig is what a camera or a screen sends: synthetic VP8 (RFC 7741) of constant bit rate. Its frames carry no picture, but stamps by which
// whoever receives them can tell what they are: see [Picture].
type VideoConfig struct {
	// Encodings of the same picture, the smallest first: 1 to 3. Several are sent as simulcast (RFC 8853), with the rids "l", "m" and "h".
	Encodings []Encoding
	// FrameRate is that of all encodings, in frames per second. 0 means 30.
	FrameRate int
	// TemporalLayers is how many each encoding has, 1 to 3, of which each but the first adds as many frames as there are below it. 0 means 3. With one, frames
	// carry neither TID nor TL0PICIDX, as those of encoders without layers.
	TemporalLayers int
}

// Encoding is one of a VideoConfig's.
type Encoding struct {
	Width, Height uint16
	Bitrate       int // bits/s of VP8, key frames (which are four times as long as others) and packet headers not counted
}

// SimulcastCamera is a camera as browsers send it, in three sizes.
func SimulcastCamera() *VideoConfig {
	return &VideoConfig{Encodings: []Encoding{{320, 180, 150_000}, {640, 360, 500_000}, {1280, 720, 1_500_000}}}
}

// SingleEncoding is a source of one encoding of 1280×720, and of this bit rate in bits/s.
func SingleEncoding(bitrate int) *VideoConfig {
	return &VideoConfig{Encodings: []Encoding{{1280, 720, bitrate}}}
}

// complete fills in what was left out, and says what is out of range.
func (c VideoConfig) complete() (VideoConfig, error) {
	if c.FrameRate == 0 {
		c.FrameRate = 30
	}
	if c.TemporalLayers == 0 {
		c.TemporalLayers = 3
	}
	if len(c.Encodings) == 0 || len(c.Encodings) > len(rids) {
		return c, fmt.Errorf("%d encodings, 1 to %d are possible", len(c.Encodings), len(rids))
	}
	if c.FrameRate < 1 || c.FrameRate > 120 || c.TemporalLayers < 1 || c.TemporalLayers > 3 {
		return c, fmt.Errorf("%d frames/s in %d temporal layers: out of range", c.FrameRate, c.TemporalLayers)
	}
	return c, nil
}
