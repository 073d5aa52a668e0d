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

// videoTrack is the track behind one encoding of a sending video m-line. It implements webrtc.TrackLocal.
type videoTrack struct {
	source string
	rid    string        // "" when it is the only one
	mid    func() string // of the m-line

	mu     sync.Mutex
	writer webrtc.TrackLocalWriter // nil until bound
	header rtp.Header
	base   uint32 // timestamp of the source's beginning
}

func newVideoTrack(source, rid string) *videoTrack {
	var seed [6]byte
	_, _ = rand.Read(seed[:]) // never fails
	return &videoTrack{
		source: source, rid: rid, base: binary.BigEndian.Uint32(seed[2:]),
		header: rtp.Header{Version: 2, SequenceNumber: binary.BigEndian.Uint16(seed[:])},
	}
}

// send sends the packets of the frame that was captured at some time from the beginning.
func (t *videoTrack) send(at time.Duration, payloads [][]byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.writer == nil {
		return ErrNotNegotiated
	}
	t.header.Timestamp = t.base + uint32(at*90/time.Millisecond) // wraps around as RTP's clock does
	for i, payload := range payloads {
		t.header.SequenceNumber++
		t.header.Marker = i == len(payloads)-1
		// Interceptors write into the header and keep it.
		header := t.header.Clone()
		if _, err := t.writer.WriteRTP(&header, payload); err != nil {
			return fmt.Errorf("sending a frame of the %s: %w", t.source, err)
		}
	}
	return nil
}

func (t *videoTrack) bound() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writer != nil
}

func (t *videoTrack) ssrc() uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.header.SSRC
}

// Bind is called by pion when the m-line has been negotiated.
func (t *videoTrack) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codecs := ctx.CodecParameters()
	i := slices.IndexFunc(codecs, func(c webrtc.RTPCodecParameters) bool { return c.MimeType == webrtc.MimeTypeVP8 })
	if i < 0 {
		return webrtc.RTPCodecParameters{}, errors.New("the answer has no VP8 for the " + t.source)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writer = ctx.WriteStream()
	t.header.SSRC = uint32(ctx.SSRC())
	t.header.PayloadType = uint8(codecs[i].PayloadType)
	for _, e := range ctx.HeaderExtensions() {
		value := ""
		switch e.URI {
		case midURI:
			value = t.mid()
		case ridURI:
			value = t.rid
		}
		if value == "" {
			continue
		}
		if err := t.header.SetExtension(uint8(e.ID), []byte(value)); err != nil {
			return webrtc.RTPCodecParameters{}, fmt.Errorf("naming the %s in its packets: %w", t.source, err)
		}
	}
	return codecs[i], nil
}

// Unbind is called by pion when the PeerConnection closes.
func (t *videoTrack) Unbind(webrtc.TrackLocalContext) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writer = nil
	return nil
}

func (t *videoTrack) ID() string                { return t.source }
func (t *videoTrack) RID() string               { return t.rid }
func (t *videoTrack) StreamID() string          { return t.source }
func (t *videoTrack) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeVideo }
