package client

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// forwarder is the server's end of a Media with video, made of plain pion: what comes with a rid goes out by the first slot. On both
// ways some packets are lost.
type forwarder struct {
	rid    string
	pc     *webrtc.PeerConnection
	slot   *webrtc.TrackLocalStaticRTP
	ssrc   atomic.Uint32 // of the encoding that is forwarded
	seen   sync.Map      // rids
	lost   atomic.Int64
	closed sync.WaitGroup
}

func newForwarder(t *testing.T, rid string, lossEvery int) *forwarder {
	t.Helper()
	media, err := codecs(EngineConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := registerVideo(media, []string{"VP8"}); err != nil {
		t.Fatal(err)
	}
	f := &forwarder{rid: rid}
	registry := &interceptor.Registry{}
	responder, err := nack.NewResponderInterceptor()
	if err != nil {
		t.Fatal(err)
	}
	generator, err := nack.NewGeneratorInterceptor(nack.GeneratorInterval(nackInterval))
	if err != nil {
		t.Fatal(err)
	}
	registry.Add(lossyNetwork{every: lossEvery, lost: &f.lost})
	registry.Add(responder)
	registry.Add(generator)
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(net.IP.IsLoopback)
	f.pc, err = webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings),
		webrtc.WithInterceptorRegistry(registry)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.pc.GracefulClose(); err != nil {
			t.Error(err)
		}
		f.closed.Wait()
	})
	if f.slot, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "slot", "slot"); err != nil {
		t.Fatal(err)
	}
	return f
}

// answer answers an offer with a camera.
func (f *forwarder) answer(t *testing.T, offer string) string {
	t.Helper()
	f.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		f.closed.Add(1)
		defer f.closed.Done()
		f.seen.Store(track.RID(), true)
		if track.RID() == f.rid {
			f.ssrc.Store(uint32(track.SSRC()))
		}
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			if track.RID() == f.rid {
				p.Header = rtp.Header{
					Version: 2, SequenceNumber: p.SequenceNumber, Timestamp: p.Timestamp, Marker: p.Marker, CSRC: []uint32{77},
				}
				_ = f.slot.WriteRTP(p)
			}
		}
	})
	transceiver, err := f.pc.AddTransceiverFromTrack(f.slot, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		t.Fatal(err)
	}
	f.closed.Go(func() { // the receiver's wishes go on to the sender
		for {
			packets, _, err := transceiver.Sender().ReadRTCP()
			if err != nil {
				return
			}
			if slices.ContainsFunc(packets, func(p rtcp.Packet) bool { _, ok := p.(*rtcp.PictureLossIndication); return ok }) {
				_ = f.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: f.ssrc.Load()}})
			}
		}
	})
	if err := f.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		t.Fatal(err)
	}
	a, err := f.pc.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(f.pc)
	if err := f.pc.SetLocalDescription(a); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return f.pc.LocalDescription().SDP
}

// lossyNetwork loses every n-th packet that is sent or received for the first time.
type lossyNetwork struct {
	interceptor.NoOp
	every int
	lost  *atomic.Int64
}

// NewInterceptor implements interceptor.Factory.
func (n lossyNetwork) NewInterceptor(string) (interceptor.Interceptor, error) { return &n, nil }

// loses says whether the packet with that count is lost.
func (n *lossyNetwork) loses(count int) bool {
	if n.every == 0 || count%n.every != n.every-1 {
		return false
	}
	n.lost.Add(1)
	return true
}

// BindLocalStream implements interceptor.Interceptor.
func (n *lossyNetwork) BindLocalStream(info *interceptor.StreamInfo, next interceptor.RTPWriter) interceptor.RTPWriter {
	count := 0
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, attributes interceptor.Attributes) (int, error) {
		if h.SSRC == info.SSRC {
			if count++; n.loses(count) {
				return len(payload), nil
			}
		}
		return next.Write(h, payload, attributes)
	})
}

// BindRemoteStream implements interceptor.Interceptor.
func (n *lossyNetwork) BindRemoteStream(info *interceptor.StreamInfo, next interceptor.RTPReader) interceptor.RTPReader {
	if info.MimeType != webrtc.MimeTypeVP8 {
		return next
	}
	count := 0
	return interceptor.RTPReaderFunc(func(b []byte, attributes interceptor.Attributes) (int, interceptor.Attributes, error) {
		for {
			size, a, err := next.Read(b, attributes)
			if count++; err != nil || !n.loses(count) {
				return size, a, err
			}
		}
	})
}
