package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// MediaConfig is what a participant sends and wants to hear and see.
type MediaConfig struct {
	Slots       int  // receive-only audio m-lines: how many voices at once
	ListensOnly bool // no microphone m-line
	SendRecv    bool // offer the microphone sendrecv instead of sendonly
	// OnPacket receives the packets of all audio slots. It is called by one goroutine for each slot, at the same time, and must not
	// block; the packet's payload is valid until it returns. Nil drops them.
	OnPacket func(Packet)

	// Camera and Screen are what is sent of video; nil: no such m-line.
	Camera, Screen *VideoConfig
	VideoSlots     int // receive-only video m-lines: how many pictures at once
	// AddsVideo says that video may come later by AddVideo. It is so without saying where there is some from the beginning.
	AddsVideo bool
	// OnPicture receives the frames of all video slots, those that could not be decoded included. It is called by one goroutine for each slot, at
	// the same time, and must not block. Nil drops them; VideoStats counts them all the same.
	OnPicture func(Picture)
}

// hasVideo says whether the Media is to be one that can have video.
func (c MediaConfig) hasVideo() bool {
	return c.AddsVideo || c.Camera != nil || c.Screen != nil || c.VideoSlots > 0
}

// Packet is an RTP packet that an audio slot received.
type Packet struct {
	Mid            string // of the slot
	SSRC           uint32
	SequenceNumber uint16
	Timestamp      uint32 // 48 kHz
	PayloadType    uint8
	Marker         bool
	CSRC           []uint32 // the speaker's alone
	HasLevel       bool     // the level extension is there
	Level          uint8    // -dBov
	Voice          bool
	Payload        []byte
	Arrived        time.Time
}

// maxDatagram is the largest that is received: what Ethernet carries.
const maxDatagram = 1500

// Media is one PeerConnection. All methods are safe for concurrent use.
type Media struct {
	pc       *webrtc.PeerConnection
	mic      *microphone // nil for who only listens
	micMid   func() string
	onPacket func(Packet)
	video    *mediaVideo // nil for voice alone

	mu      sync.Mutex
	state   webrtc.PeerConnectionState
	changed chan struct{} // closed and replaced at each change of state
	closed  bool

	slots sync.WaitGroup // the goroutines that read slots
}

// NewMedia makes a PeerConnection that has offered nothing yet. The caller closes it.
func (e *Engine) NewMedia(cfg MediaConfig) (*Media, error) {
	api := e.api
	if cfg.hasVideo() {
		api = e.videoAPI
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{
		Certificates: e.certificates,
		BundlePolicy: webrtc.BundlePolicyMaxBundle,
	})
	if err != nil {
		return nil, fmt.Errorf("making a PeerConnection: %w", err)
	}
	m := &Media{pc: pc, onPacket: cfg.OnPacket, changed: make(chan struct{})}
	pc.OnConnectionStateChange(m.stateChanged)
	pc.OnTrack(m.readSlot)
	if err := m.addTransceivers(cfg); err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	if cfg.hasVideo() {
		m.video = newMediaVideo(cfg.OnPicture)
		if err := m.AddVideo(cfg.Camera, cfg.Screen, cfg.VideoSlots); err != nil {
			return nil, errors.Join(err, m.Close())
		}
	}
	return m, nil
}

func (m *Media) addTransceivers(cfg MediaConfig) error {
	if !cfg.ListensOnly {
		m.mic = newMicrophone()
		direction := webrtc.RTPTransceiverDirectionSendonly
		if cfg.SendRecv {
			direction = webrtc.RTPTransceiverDirectionSendrecv
		}
		t, err := m.pc.AddTransceiverFromTrack(m.mic, webrtc.RTPTransceiverInit{Direction: direction})
		if err != nil {
			return fmt.Errorf("adding the microphone: %w", err)
		}
		m.micMid = t.Mid
	}
	for range cfg.Slots {
		_, err := m.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio,
			webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		if err != nil {
			return fmt.Errorf("adding a slot: %w", err)
		}
	}
	return nil
}

// Offer makes an offer, with new ICE credentials when restart is set, and the names of its sources by mid. Answer must follow.
func (m *Media) Offer(restart bool) (sdp string, sources map[string]string, err error) {
	offer, err := m.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err != nil {
		return "", nil, fmt.Errorf("making an offer: %w", err)
	}
	// The server is ICE-lite and learns our addresses from our checks, so the offer does not wait for candidates.
	if err := m.pc.SetLocalDescription(offer); err != nil {
		return "", nil, fmt.Errorf("applying our offer: %w", err)
	}
	sources = make(map[string]string)
	if m.mic != nil {
		sources[m.micMid()] = "microphone"
	}
	if m.video != nil {
		m.video.nameSources(sources)
	}
	return offer.SDP, sources, nil
}

// Answer applies the server's answer.
func (m *Media) Answer(sdp string) error {
	err := m.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp})
	if err != nil {
		return fmt.Errorf("applying the answer: %w", err)
	}
	return nil
}

// Join joins a room with this Media; the Offer and Sources of p are replaced by its own.
func (m *Media) Join(ctx context.Context, c *Client, p JoinParams) (JoinResult, error) {
	var err error
	if p.Offer, p.Sources, err = m.Offer(false); err != nil {
		return JoinResult{}, err
	}
	r, err := c.Join(ctx, p)
	if err != nil {
		return r, err
	}
	return r, m.Answer(r.Answer)
}

// Renegotiate sends a new offer without restarting ICE, as one does after AddVideo.
func (m *Media) Renegotiate(ctx context.Context, c *Client) (NegotiateResult, error) {
	return m.negotiate(ctx, c, false)
}

// Restart restarts ICE, as one does after a change of network.
func (m *Media) Restart(ctx context.Context, c *Client) (NegotiateResult, error) {
	return m.negotiate(ctx, c, true)
}

func (m *Media) negotiate(ctx context.Context, c *Client, restart bool) (NegotiateResult, error) {
	var p NegotiateParams
	var err error
	if p.Offer, p.Sources, err = m.Offer(restart); err != nil {
		return NegotiateResult{}, err
	}
	r, err := c.Negotiate(ctx, p)
	if err != nil {
		return r, err
	}
	return r, m.Answer(r.Answer)
}

// Connected waits until packets can flow, ICE and DTLS done.
func (m *Media) Connected(ctx context.Context) error {
	for {
		m.mu.Lock()
		state, changed := m.state, m.changed
		m.mu.Unlock()
		if state == webrtc.PeerConnectionStateConnected {
			return nil
		}
		if state == webrtc.PeerConnectionStateFailed || state == webrtc.PeerConnectionStateClosed {
			return fmt.Errorf("the media connection is %s", state)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the media connection, which is %s: %w", state, ctx.Err())
		}
	}
}

// Send sends a frame. The caller keeps the pace, 20 ms for each.
func (m *Media) Send(f Frame) error {
	if m.mic == nil {
		return errors.New("this media has no microphone")
	}
	return m.mic.send(f)
}

// Pause moves the microphone's clock on by d without sending, as DTX does.
func (m *Media) Pause(d time.Duration) {
	if m.mic != nil {
		m.mic.pause(d)
	}
}

// RemoteAddr is the server's address that the packets go to, as "udp 192.0.2.1:7880", "" before it is known.
func (m *Media) RemoteAddr() string {
	pair, err := m.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return ""
	}
	return fmt.Sprintf("%s %s:%d", pair.Remote.Protocol, pair.Remote.Address, pair.Remote.Port)
}

// Close ends the PeerConnection and waits for its goroutines.
func (m *Media) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	if err := m.pc.GracefulClose(); err != nil {
		return fmt.Errorf("closing the media: %w", err)
	}
	m.slots.Wait()
	if m.video != nil {
		m.video.wait()
	}
	return nil
}

func (m *Media) stateChanged(s webrtc.PeerConnectionState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = s
	close(m.changed)
	m.changed = make(chan struct{})
}

// readSlot runs on a goroutine of pion's own for each slot, from its first packet on.
func (m *Media) readSlot(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	m.slots.Add(1)
	m.mu.Unlock()
	defer m.slots.Done()

	mid := m.midOf(receiver)
	if track.Kind() == webrtc.RTPCodecTypeVideo {
		m.readPictures(mid, track)
		return
	}
	levelID := audioLevelID(receiver.GetParameters().HeaderExtensions)
	buf := make([]byte, maxDatagram)
	for {
		n, _, err := track.Read(buf)
		if err != nil {
			return // the PeerConnection has been closed
		}
		if m.onPacket == nil {
			continue
		}
		var h rtp.Header
		size, err := h.Unmarshal(buf[:n])
		if err != nil {
			continue // pion has parsed it before us: does not happen
		}
		p := Packet{
			Mid: mid, SSRC: h.SSRC, SequenceNumber: h.SequenceNumber, Timestamp: h.Timestamp,
			PayloadType: h.PayloadType, Marker: h.Marker, CSRC: h.CSRC,
			Payload: buf[size:n], Arrived: time.Now(),
		}
		if l, ok := level(&h, levelID); ok {
			p.HasLevel, p.Level, p.Voice = true, l.Level, l.Voice
		}
		m.onPacket(p)
	}
}

func (m *Media) midOf(receiver *webrtc.RTPReceiver) string {
	for _, t := range m.pc.GetTransceivers() {
		if t.Receiver() == receiver {
			return t.Mid()
		}
	}
	return ""
}
