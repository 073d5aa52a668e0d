package client

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// answerer is the server's end of a Media, made of plain pion: what comes in by the microphone goes out by the first slot, with a CSRC.
func answerer(t *testing.T, offer string) (answer string) {
	t.Helper()
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(net.IP.IsLoopback)
	media, err := codecs(EngineConfig{})
	if err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	var echoing sync.WaitGroup
	t.Cleanup(func() {
		if err := pc.GracefulClose(); err != nil {
			t.Error(err)
		}
		echoing.Wait()
	})
	slot := newMicrophone()
	if _, err := pc.AddTransceiverFromTrack(slot, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	echoing.Add(1)
	pc.OnTrack(func(track *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		defer echoing.Done()
		id := audioLevelID(r.GetParameters().HeaderExtensions)
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			l, _ := level(&p.Header, id)
			slot.mu.Lock()
			slot.header.CSRC = []uint32{77}
			slot.mu.Unlock()
			_ = slot.send(Frame{Payload: p.Payload, Level: l.Level, Voice: l.Voice})
		}
	})
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		t.Fatal(err)
	}
	a, err := pc.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(a); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return pc.LocalDescription().SDP
}

func TestMediaSendsFramesAndHearsSlots(t *testing.T) {
	e, err := NewEngine(EngineConfig{LocalIP: net.IP.IsLoopback})
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan Packet, 100)
	m, err := e.NewMedia(MediaConfig{Slots: 2, OnPacket: func(p Packet) {
		p.Payload = append([]byte(nil), p.Payload...)
		select {
		case heard <- p:
		default:
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	offer, _, err := m.Offer(false)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Answer(answerer(t, offer)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := m.Connected(ctx); err != nil {
		t.Fatal(err)
	}
	if m.RemoteAddr() == "" {
		t.Error("no remote address")
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := m.Send(Frame{Payload: []byte{0x78, 1, 2, 3}, Level: 30, Voice: true}); err != nil {
			t.Fatal(err)
		}
		select {
		case p := <-heard:
			if p.Mid != "1" || len(p.CSRC) != 1 || p.CSRC[0] != 77 || !p.HasLevel || p.Level != 30 || !p.Voice ||
				string(p.Payload) != "\x78\x01\x02\x03" || p.PayloadType != 111 || p.SSRC == 0 {
				t.Errorf("heard %+v", p)
			}
			return
		case <-ctx.Done():
			t.Fatal("nothing was heard")
		case <-tick.C:
		}
	}
}

func TestPausesMoveTheClock(t *testing.T) {
	m := newMicrophone()
	before := m.header.Timestamp
	m.pause(800 * time.Millisecond)
	if moved := m.header.Timestamp - before; moved != 38_400 {
		t.Errorf("800 ms are %d ticks", moved)
	}
}

func TestLevelOfAPacketWithoutTheExtension(t *testing.T) {
	h := rtp.Header{Version: 2}
	if _, ok := level(&h, 1); ok {
		t.Error("a level was found")
	}
	if err := h.SetExtension(1, []byte{0x80 | 42}); err != nil {
		t.Fatal(err)
	}
	if l, ok := level(&h, 1); !ok || l.Level != 42 || !l.Voice {
		t.Errorf("the level is %+v, %t", l, ok)
	}
	if _, ok := level(&h, 0); ok {
		t.Error("a level was found although none is negotiated")
	}
}
