package client

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// frameTicks is the duration of a frame, 20 ms, in Opus' clock of 48 kHz (RFC 7587 section 4.1).
const frameTicks = 960

// ErrNotNegotiated is what sending gives before the answer has been applied.
var ErrNotNegotiated = errors.New("the microphone is not negotiated yet")

// Frame is one packet of 20 ms of sound.
type Frame struct {
	Payload []byte // goes out as it is; the server looks at headers only
	Level   uint8  // -dBov, 0 (loudest) to 127 (silence), RFC 6464 section 3
	Voice   bool   // the voice flag beside the level
	Marker  bool   // first frame after a pause
}

// microphone is the track behind the sending m-line. It implements webrtc.TrackLocal.
type microphone struct {
	mu      sync.Mutex
	writer  webrtc.TrackLocalWriter // nil until bound
	header  rtp.Header
	levelID uint8 // 0: not negotiated
}

func newMicrophone() *microphone {
	var seed [6]byte
	_, _ = rand.Read(seed[:]) // never fails
	return &microphone{header: rtp.Header{
		Version:        2,
		SequenceNumber: binary.BigEndian.Uint16(seed[:]),
		Timestamp:      binary.BigEndian.Uint32(seed[2:]),
	}}
}

// send writes one frame and moves the clock on by its duration.
func (m *microphone) send(f Frame) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.writer == nil {
		return ErrNotNegotiated
	}
	m.header.Marker = f.Marker
	if m.levelID != 0 {
		data, err := rtp.AudioLevelExtension{Level: f.Level, Voice: f.Voice}.Marshal()
		if err != nil {
			return fmt.Errorf("encoding the level: %w", err)
		}
		if err := m.header.SetExtension(m.levelID, data); err != nil {
			return fmt.Errorf("setting the level: %w", err)
		}
	}
	_, err := m.writer.WriteRTP(&m.header, f.Payload)
	m.header.SequenceNumber++
	m.header.Timestamp += frameTicks
	if err != nil {
		return fmt.Errorf("sending a frame: %w", err)
	}
	return nil
}

// pause moves the clock on without packets, as DTX does.
func (m *microphone) pause(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.header.Timestamp += uint32(d * 48 / time.Millisecond) // wraps around as RTP's clock does
}

// Bind is called by pion when the m-line has been negotiated.
func (m *microphone) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codecs := ctx.CodecParameters()
	i := slices.IndexFunc(codecs, func(c webrtc.RTPCodecParameters) bool { return c.MimeType == webrtc.MimeTypeOpus })
	if i < 0 {
		return webrtc.RTPCodecParameters{}, errors.New("the answer has no Opus for the microphone")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writer = ctx.WriteStream()
	m.header.SSRC = uint32(ctx.SSRC())
	m.header.PayloadType = uint8(codecs[i].PayloadType)
	m.levelID = audioLevelID(ctx.HeaderExtensions())
	return codecs[i], nil
}

// Unbind is called by pion when the PeerConnection closes.
func (m *microphone) Unbind(webrtc.TrackLocalContext) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writer = nil
	return nil
}

func (m *microphone) ID() string                { return "microphone" }
func (m *microphone) RID() string               { return "" }
func (m *microphone) StreamID() string          { return "microphone" }
func (m *microphone) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }
