package sfu

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// videoClient is a browser's stand-in with a camera and video slots: pion's PeerConnection, with the interceptors that number packets, tell what has arrived and
// ask for what has not.
type videoClient struct {
	*testClient
	camera  *webrtc.TrackLocalStaticRTP
	sender  *webrtc.RTPSender
	encoder liveEncoder

	mu     sync.Mutex
	seen   []rtp.Packet
	asked  bool // for a key frame
	frames int
}

// liveEncoder makes VP8 packets of one size, one for each frame.
type liveEncoder struct {
	seq       uint16
	timestamp uint32
	picture   uint16
}

func newVideoClient(t *testing.T, id string, network []webrtc.NetworkType) *videoClient {
	t.Helper()
	var media webrtc.MediaEngine
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	registry := &interceptor.Registry{}
	responder, err := nack.NewResponderInterceptor()
	if err != nil {
		t.Fatal(err)
	}
	generator, err := nack.NewGeneratorInterceptor(nack.GeneratorInterval(20 * time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := twcc.NewHeaderExtensionInterceptor()
	if err != nil {
		t.Fatal(err)
	}
	arrivals, err := twcc.NewSenderInterceptor(twcc.SendInterval(50 * time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []interceptor.Factory{responder, generator, numbers, arrivals} {
		registry.Add(f)
	}
	const transportURI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	media.RegisterFeedback(webrtc.RTCPFeedback{Type: "transport-cc"}, webrtc.RTPCodecTypeVideo)
	media.RegisterFeedback(webrtc.RTCPFeedback{Type: "nack"}, webrtc.RTPCodecTypeVideo)
	media.RegisterFeedback(webrtc.RTCPFeedback{Type: "nack", Parameter: "pli"}, webrtc.RTPCodecTypeVideo)
	for _, uri := range []string{transportURI, midURI} {
		if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo); err != nil {
			t.Fatal(err)
		}
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes(network)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(settings), webrtc.WithInterceptorRegistry(registry))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	c := &videoClient{testClient: &testClient{t: t, id: id, pc: pc}}
	var done sync.WaitGroup
	t.Cleanup(done.Wait)
	t.Cleanup(c.close)
	if c.microphone, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "mic", "mic"); err != nil {
		t.Fatal(err)
	}
	if c.camera, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "camera", "camera"); err != nil {
		t.Fatal(err)
	}
	for _, track := range []webrtc.TrackLocal{c.microphone, c.camera} {
		transceiver, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			t.Fatal(err)
		}
		c.sender = transceiver.Sender()
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	pc.OnTrack(c.watch)
	done.Go(c.listen)
	return c
}

// listen hears whether key frames are asked for, until the PeerConnection ends.
func (c *videoClient) listen() {
	for {
		packets, _, err := c.sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			if _, ok := p.(*rtcp.PictureLossIndication); ok {
				c.mu.Lock()
				c.asked = true
				c.mu.Unlock()
			}
		}
	}
}

// watch keeps what comes in a slot.
func (c *videoClient) watch(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
	for {
		p, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		c.mu.Lock()
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			c.seen = append(c.seen, *p)
		}
		c.mu.Unlock()
		if track.Kind() == webrtc.RTPCodecTypeAudio {
			c.testClient.mu.Lock()
			c.heard = append(c.heard, heardPacket{payload: string(p.Payload)})
			c.testClient.mu.Unlock()
		}
	}
}

// show sends the camera's frames until told to stop, a key frame whenever it is asked for.
func (c *videoClient) show() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var frames sync.WaitGroup
	frames.Go(func() {
		ticker := time.NewTicker(time.Second / 30)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				c.frame()
			}
		}
	})
	return func() { cancel(); frames.Wait() }
}

func (c *videoClient) frame() {
	c.mu.Lock()
	keyframe := c.asked || c.frames == 0
	c.asked = false
	c.frames++
	c.mu.Unlock()
	e := &c.encoder
	e.seq++
	e.timestamp += 3000
	e.picture = (e.picture + 1) & 0x7fff
	p := &rtp.Packet{
		Header:  rtp.Header{Version: 2, SequenceNumber: e.seq, Timestamp: e.timestamp, Marker: true},
		Payload: append(testPayload(keyframe, true, e.picture, byte(e.picture), 0, false, 320, 200), "picture of "+c.id...),
	}
	if err := c.camera.WriteRTP(p); err != nil {
		c.t.Error(err)
	}
}

// sees says whether pictures of somebody have come since the last call, and how many packets in all.
func (c *videoClient) sees(id string) (packets []rtp.Packet, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.seen {
		if name := "picture of " + id; len(p.Payload) > len(name) && string(p.Payload[len(p.Payload)-len(name):]) == name {
			packets = append(packets, p)
		}
	}
	return packets, len(packets) > 0
}

// Two people call each other, over each way that there is: both see and hear the other, who joins later from a key frame on.
func TestTwoPeopleSeeEachOther(t *testing.T) {
	for name, tcp := range map[string]bool{"UDP": false, "TCP": true} {
		t.Run(name, func(t *testing.T) {
			s := newTestSFU(t, Config{VideoSlots: 2})
			r := s.NewRouter()
			defer r.Close()
			anna, boris := newVideoClient(t, "anna", networkTypes(tcp)), newVideoClient(t, "boris", networkTypes(tcp))
			anna.join(s, r, Attachment{CSRC: 1, Publishing: true, Showing: true})
			defer anna.show()()
			defer anna.talk()()
			eventually(t, "anna's frames have come", func() bool { return r.stage.isLive() })
			boris.join(s, r, Attachment{CSRC: 2, Publishing: true, Showing: true})
			defer boris.show()()
			defer boris.talk()()
			eventually(t, "both see and hear the other", func() bool {
				a, _ := anna.sees("boris")
				b, _ := boris.sees("anna")
				return len(a) > 30 && len(b) > 30 && anna.hears("boris") && boris.hears("anna")
			})
			for client, other := range map[*videoClient]string{anna: "boris", boris: "anna"} {
				seen, _ := client.sees(other)
				if !isKeyframe(seen[0]) {
					t.Errorf("%s begins with no key frame", client.id)
				}
				if _, self := client.sees(client.id); self {
					t.Errorf("%s sees themself", client.id)
				}
			}
			eventually(t, "the slots were told", func() bool {
				boris.testClient.mu.Lock()
				defer boris.testClient.mu.Unlock()
				slots := boris.peer.Slots()
				return len(slots) == 2 && slots[1].Kind == "video" && slots[1].Participant == "anna" && slots[1].Source == Camera
			})
			eventually(t, "the estimate grows with what boris tells", func() bool {
				video := boris.peer.subscriber.Load().video
				video.mu.Lock()
				defer video.mu.Unlock()
				return video.estimator.RTT() != firstRoundTrip
			})
		})
	}
}

func (st *videoStage) isLive() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.live) > 0
}
