package client

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// ErrNoVideo is what the methods for video give of a Media that was made for voice alone.
var ErrNoVideo = errors.New("this media has no video")

// mediaVideo is what a Media with video has beside its PeerConnection.
type mediaVideo struct {
	onPicture func(Picture)

	mu             sync.Mutex
	camera, screen *VideoSender
	readers        map[string]*pictureReader // by mid
	ssrcs          map[string]uint32         // of the streams that the slots receive, by mid
}

func newMediaVideo(onPicture func(Picture)) *mediaVideo {
	return &mediaVideo{onPicture: onPicture, readers: make(map[string]*pictureReader), ssrcs: make(map[string]uint32)}
}

// AddVideo adds m-lines: a camera and a screen unless they are nil, and video slots. They are offered by the next Offer, Join, Renegotiate or Restart. The
// error wraps ErrNoVideo when the Media is for voice alone.
func (m *Media) AddVideo(camera, screen *VideoConfig, slots int) error {
	if m.video == nil {
		return fmt.Errorf("adding video: %w", ErrNoVideo)
	}
	v := m.video
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, add := range []struct {
		source string
		cfg    *VideoConfig
		to     **VideoSender
	}{{sourceCamera, camera, &v.camera}, {sourceScreen, screen, &v.screen}} {
		if add.cfg == nil {
			continue
		}
		if *add.to != nil {
			return fmt.Errorf("adding the %s: there is one", add.source)
		}
		cfg, err := add.cfg.complete()
		if err != nil {
			return fmt.Errorf("adding the %s: %w", add.source, err)
		}
		sender := newVideoSender(add.source, cfg)
		if err := sender.addTo(m.pc); err != nil {
			return err
		}
		*add.to = sender
	}
	for range slots {
		_, err := m.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo,
			webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		if err != nil {
			return fmt.Errorf("adding a video slot: %w", err)
		}
	}
	return nil
}

// Camera is the camera's m-line, nil if there is none.
func (m *Media) Camera() *VideoSender { return m.video.sender(sourceCamera) }

// Screen is the screen's m-line, nil if there is none.
func (m *Media) Screen() *VideoSender { return m.video.sender(sourceScreen) }

func (v *mediaVideo) sender(source string) *VideoSender {
	if v == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if source == sourceCamera {
		return v.camera
	}
	return v.screen
}

// VideoStats are what the video slots have received, by mid. A slot in which nothing has come is not among them.
func (m *Media) VideoStats() map[string]PictureStats {
	stats := make(map[string]PictureStats)
	if m.video == nil {
		return stats
	}
	m.video.mu.Lock()
	defer m.video.mu.Unlock()
	for mid, r := range m.video.readers {
		stats[mid] = r.snapshot()
	}
	return stats
}

// RequestKeyframe sends a PLI (RFC 4585, section 6.3.1) for a video slot, as a decoder does that has lost its picture. The slots' own readers do so by
// themselves when nothing could be decoded for 300 ms. It is an error when nothing has come in the slot yet.
func (m *Media) RequestKeyframe(mid string) error {
	if m.video == nil {
		return fmt.Errorf("asking for a key frame: %w", ErrNoVideo)
	}
	m.video.mu.Lock()
	ssrc, ok := m.video.ssrcs[mid]
	m.video.mu.Unlock()
	if !ok {
		return fmt.Errorf("asking for a key frame: nothing has come in the slot %q", mid)
	}
	if err := m.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}}); err != nil {
		return fmt.Errorf("asking for a key frame: %w", err)
	}
	return nil
}

// readPictures reads a video slot until the PeerConnection closes.
func (m *Media) readPictures(mid string, track *webrtc.TrackRemote) {
	reader := newPictureReader(mid)
	m.video.mu.Lock()
	m.video.readers[mid], m.video.ssrcs[mid] = reader, uint32(track.SSRC())
	m.video.mu.Unlock()
	buf := make([]byte, maxDatagram)
	for {
		n, _, err := track.Read(buf)
		if err != nil {
			return
		}
		var h rtp.Header
		size, err := h.Unmarshal(buf[:n])
		if err != nil {
			continue // pion has parsed it before us: does not happen
		}
		end := n
		if h.Padding && n > size {
			end = max(size, n-int(buf[n-1]))
		}
		now := time.Now()
		for _, picture := range reader.push(&h, buf[size:end], now) {
			if m.video.onPicture != nil {
				m.video.onPicture(picture)
			}
		}
		if missing := reader.missing(now); len(missing) > 0 {
			_ = m.pc.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{ // as below
				MediaSSRC: uint32(track.SSRC()), Nacks: rtcp.NackPairsFromSequenceNumbers(missing),
			}})
		}
		if reader.wantsKeyframe(now) {
			_ = m.RequestKeyframe(mid) // closing; the next read tells
		}
	}
}

// nameSources says what the m-lines are.
func (v *mediaVideo) nameSources(sources map[string]string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range []*VideoSender{v.camera, v.screen} {
		if s != nil {
			sources[s.Mid()] = s.source
		}
	}
}

// wait waits for the senders' goroutines, once the PeerConnection has closed.
func (v *mediaVideo) wait() {
	for _, source := range []string{sourceCamera, sourceScreen} {
		if s := v.sender(source); s != nil {
			s.listening.Wait()
		}
	}
}
