package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// VideoSender is a sending video m-line of a Media: its camera or its screen. It sends nothing until Run. All methods are safe for concurrent use.
type VideoSender struct {
	source    string
	cfg       VideoConfig
	stream    uint32
	began     time.Time
	encodings []*videoEncoding
	mid       func() string
	listening sync.WaitGroup // the goroutines that read feedback
}

// videoEncoding is one encoding of a source.
type videoEncoding struct {
	track *videoTrack

	mu     sync.Mutex
	frames *vp8Stream
	paused bool
	key    bool // the next frame is to be a key frame
	stats  EncodingStats
}

// EncodingStats sums up what one encoding has sent, and been asked for.
type EncodingStats struct {
	Frames, Keyframes int
	Packets           int // each once
	Bytes             int // of payload
	KeyframeRequests  int // PLI and FIR received
	NACKs             int // packets that were asked for again
	Feedbacks         int // transport-wide feedback received, which is told to one of the encodings
}

func newVideoSender(source string, cfg VideoConfig) *VideoSender {
	s := &VideoSender{source: source, cfg: cfg, stream: rand.Uint32(), began: time.Now()}
	for i := range cfg.Encodings {
		rid := ""
		if len(cfg.Encodings) > 1 {
			rid = rids[i]
		}
		track := newVideoTrack(source, rid)
		track.mid = func() string { return s.mid() }
		s.encodings = append(s.encodings, &videoEncoding{track: track, frames: newVP8Stream(s.stream, i, cfg)})
	}
	return s
}

// addTo adds the m-line to a PeerConnection.
func (s *VideoSender) addTo(pc *webrtc.PeerConnection) error {
	transceiver, err := pc.AddTransceiverFromTrack(s.encodings[0].track,
		webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return fmt.Errorf("adding the %s: %w", s.source, err)
	}
	s.mid = transceiver.Mid
	sender := transceiver.Sender()
	for _, e := range s.encodings[1:] {
		if err := sender.AddEncoding(e.track); err != nil {
			return fmt.Errorf("adding encoding %s of the %s: %w", e.track.rid, s.source, err)
		}
	}
	for _, e := range s.encodings {
		s.listening.Go(func() { e.listen(sender) })
	}
	return nil
}

// Stream is what Picture.Stream says at those who see this source.
func (s *VideoSender) Stream() uint32 { return s.stream }

// Mid is that of the m-line, "" before the first offer.
func (s *VideoSender) Mid() string { return s.mid() }

// Run sends frames at the frame rate until ctx ends, which is no error. While the Media has not been negotiated nothing is sent. One Run at a time.
func (s *VideoSender) Run(ctx context.Context) error {
	interval := time.Second / time.Duration(s.cfg.FrameRate)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			if err := s.SendFrame(now); err != nil && !errors.Is(err, ErrNotNegotiated) {
				return err
			}
		}
	}
}

// SendFrame sends the frame of each encoding that was captured at a time, for who wants to keep the pace instead of Run. Times must grow.
func (s *VideoSender) SendFrame(captured time.Time) error {
	for _, e := range s.encodings {
		if err := e.send(captured, captured.Sub(s.began)); err != nil {
			return err
		}
	}
	return nil
}

// SetPaused makes an encoding send nothing, as browsers do that lack the bandwidth, or send again, beginning with a key frame.
func (s *VideoSender) SetPaused(encoding int, paused bool) {
	e := s.encodings[encoding]
	e.mu.Lock()
	defer e.mu.Unlock()
	e.key = e.key || e.paused && !paused
	e.paused = paused
}

// Stats are those of the encodings, the smallest first.
func (s *VideoSender) Stats() []EncodingStats {
	stats := make([]EncodingStats, 0, len(s.encodings))
	for _, e := range s.encodings {
		e.mu.Lock()
		stats = append(stats, e.stats)
		e.mu.Unlock()
	}
	return stats
}

func (e *videoEncoding) send(captured time.Time, at time.Duration) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.paused {
		return nil
	}
	if !e.track.bound() {
		return ErrNotNegotiated // without spending a frame
	}
	payloads, keyframe := e.frames.next(e.key, captured)
	e.key = false
	e.stats.Frames++
	if keyframe {
		e.stats.Keyframes++
	}
	e.stats.Packets += len(payloads)
	for _, p := range payloads {
		e.stats.Bytes += len(p)
	}
	return e.track.send(at, payloads)
}

// listen reads what the server says of the encoding, until the PeerConnection closes.
func (e *videoEncoding) listen(sender *webrtc.RTPSender) {
	buffer := make([]byte, maxDatagram)
	for {
		n, _, err := sender.ReadSimulcast(buffer, e.track.rid)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buffer[:n])
		if err != nil {
			continue // pion has parsed it before us: does not happen
		}
		e.mu.Lock()
		for _, p := range packets {
			e.heed(p)
		}
		e.mu.Unlock()
	}
}

// heed does what a packet of the server asks for. NACKs have been answered by then.
func (e *videoEncoding) heed(p rtcp.Packet) {
	ssrc := e.track.ssrc()
	switch p := p.(type) {
	case *rtcp.PictureLossIndication:
		e.refresh(p.MediaSSRC == ssrc)
	case *rtcp.FullIntraRequest:
		for _, entry := range p.FIR {
			e.refresh(entry.SSRC == ssrc)
		}
	case *rtcp.TransportLayerNack:
		for _, pair := range p.Nacks {
			e.stats.NACKs += len(pair.PacketList())
		}
	case *rtcp.TransportLayerCC:
		e.stats.Feedbacks++
	}
}

func (e *videoEncoding) refresh(asked bool) {
	if asked {
		e.stats.KeyframeRequests++
		e.key = true
	}
}
