package sfu

import (
	"cmp"
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// patience is how long tests wait for what has to happen.
const patience = time.Minute

// newTestSFU is an SFU on free ports, of 127.0.0.1 unless told otherwise.
func newTestSFU(t testing.TB, cfg Config) *SFU {
	t.Helper()
	epoch := time.Now()
	return newTestSFUWithClock(t, cfg, func() time.Duration { return time.Since(epoch) })
}

func newTestSFUWithClock(t testing.TB, cfg Config, now func() time.Duration) *SFU {
	t.Helper()
	if cfg.MediaIPs == nil {
		cfg.MediaIPs = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	}
	if cfg.Lanes == 0 {
		cfg.Lanes = 2
	}
	if cfg.Slots == 0 {
		cfg.Slots = 10
	}
	cfg.Transport = cmp.Or(cfg.Transport, transportUnderTest)
	s, err := newSFU(cfg, time.Now(), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("waited %v for: %s", patience, what)
		}
	}
}

// testClient is a browser's stand-in: a PeerConnection with a microphone and slots.
type testClient struct {
	t          testing.TB
	id         string
	pc         *webrtc.PeerConnection
	microphone *webrtc.TrackLocalStaticRTP
	levels     bool // sends the level extension
	levelID    uint8
	peer       *Peer
	offered    string // the last offer
	translate  string // stands for the address in answers, as a NAT would

	seq       uint16
	timestamp uint32

	mu      sync.Mutex
	heard   []heardPacket
	changes []Slot
}

// heardPacket is what a client received in one of its slots.
type heardPacket struct {
	mid     string
	header  rtp.Header
	payload string
	at      time.Time
}

type clientOptions struct {
	slots         int
	listener      bool // no microphone m-line
	withoutLevels bool
	network       []webrtc.NetworkType
}

// networkTypes are those of a client that has UDP, or only TCP.
func networkTypes(tcp bool) []webrtc.NetworkType {
	if tcp {
		return []webrtc.NetworkType{webrtc.NetworkTypeTCP4}
	}
	return []webrtc.NetworkType{webrtc.NetworkTypeUDP4}
}

func newTestClient(t testing.TB, id string, o clientOptions) *testClient {
	t.Helper()
	var media webrtc.MediaEngine
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	if !o.withoutLevels {
		if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: levelURI}, webrtc.RTPCodecTypeAudio); err != nil {
			t.Fatal(err)
		}
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	if o.network != nil {
		settings.SetNetworkTypes(o.network)
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(settings),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	c := &testClient{t: t, id: id, pc: pc, levels: !o.withoutLevels}
	t.Cleanup(c.close)
	if !o.listener {
		c.microphone, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "mic", "mic")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pc.AddTransceiverFromTrack(c.microphone, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
			t.Fatal(err)
		}
	}
	for range o.slots {
		c.addSlot()
	}
	pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		mid := receiver.RTPTransceiver().Mid()
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			c.mu.Lock()
			c.heard = append(c.heard, heardPacket{mid, p.Header, string(p.Payload), time.Now()})
			c.mu.Unlock()
		}
	})
	return c
}

func (c *testClient) close() { _ = c.pc.GracefulClose() }

func (c *testClient) addSlot() {
	c.t.Helper()
	if _, err := c.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio,
		webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		c.t.Fatal(err)
	}
}

// offer makes an offer without candidates, as an ICE-lite server needs none.
func (c *testClient) offer(o *webrtc.OfferOptions) string {
	c.t.Helper()
	offer, err := c.pc.CreateOffer(o)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.pc.SetLocalDescription(offer); err != nil {
		c.t.Fatal(err)
	}
	c.offered = offer.SDP
	return offer.SDP
}

func (c *testClient) answer(sdp string) {
	c.t.Helper()
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}); err != nil {
		c.t.Fatalf("%v in answer:\n%s", err, sdp)
	}
}

// join connects the client to a room.
func (c *testClient) join(s *SFU, r *Router, a Attachment) {
	c.t.Helper()
	peer, answer, err := s.NewPeer(context.Background(), Offer{SDP: c.offer(nil)})
	if err != nil {
		c.t.Fatal(err)
	}
	c.peer = peer
	if c.translate != "" {
		answer = strings.ReplaceAll(answer, s.lanes[0].sockets.addresses[0].Addr().String(), c.translate)
	}
	c.answer(answer)
	if a.Participant == "" {
		a.Participant = c.id
	}
	if a.OnSlots == nil {
		a.OnSlots = func(changed []Slot) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.changes = append(c.changes, changed...)
		}
	}
	if err := r.Attach(peer, a); err != nil {
		c.t.Fatal(err)
	}
	c.awaitConnected()
}

func (c *testClient) awaitConnected() {
	c.t.Helper()
	select {
	case <-c.peer.Connected():
	case <-time.After(patience):
		c.t.Fatalf("%s does not get connected", c.id)
	}
	eventually(c.t, c.id+" is connected", func() bool { return c.pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
}

// speak sends one packet of 20 ms.
func (c *testClient) speak(payload string, level uint8, voice bool) {
	c.t.Helper()
	c.seq++
	c.timestamp += 960
	p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: c.seq, Timestamp: c.timestamp}, Payload: []byte(payload)}
	if c.levels {
		value := level
		if voice {
			value |= 0x80
		}
		if err := p.SetExtension(c.levelExtension(), []byte{value}); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := c.microphone.WriteRTP(p); err != nil {
		c.t.Fatal(err)
	}
}

func (c *testClient) levelExtension() uint8 {
	if c.levelID == 0 {
		for _, e := range c.pc.GetSenders()[0].GetParameters().HeaderExtensions {
			if e.URI == levelURI {
				c.levelID = uint8(e.ID)
			}
		}
	}
	return c.levelID
}

// talk speaks loudly at the pace of a microphone until told to stop, each packet with the speaker's name.
func (c *testClient) talk() (stop func()) { return c.talkAt(20*time.Millisecond, "voice of "+c.id) }

func (c *testClient) talkAt(pace time.Duration, payload string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(pace)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				c.speak(payload, 20, true)
			}
		}
	})
	return func() { cancel(); done.Wait() }
}

func (c *testClient) received() []heardPacket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]heardPacket(nil), c.heard...)
}

func (c *testClient) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = nil
}

// hears says whether a packet of someone has come since the last forget.
func (c *testClient) hears(id string) bool {
	for _, p := range c.received() {
		if p.payload == "voice of "+id {
			return true
		}
	}
	return false
}
