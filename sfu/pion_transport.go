package sfu

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/transport/v4/packetio"
	"github.com/pion/webrtc/v4"
)

const (
	// silentClientTimeout is after how long without a packet pion calls a client disconnected, which is only logged: it never fails by itself,
	// so that an ICE restart can bring it back for as long as its owner keeps it.
	silentClientTimeout = 10 * time.Second
	// handshakeTimeout bounds DTLS, from the first connectivity check on.
	handshakeTimeout = 20 * time.Second
	gatherTimeout    = 2 * time.Second

	// maxSSRCs is how many SSRCs may be named in what one client sends, of its own and in its reports on ours. A client that goes beyond is
	// disconnected, since pion keeps state for each.
	maxSSRCs = 512

	innerPayloadType = 111
)

// pionTransport is a Transport made of pion's PeerConnection.
//
// The session descriptions that it exchanges with the PeerConnection are its own, of a single m-line that stands for the transport: nothing that a
// client wrote reaches pion's negotiation, and which streams there are is none of pion's business. Incoming streams are
// taken from SRTP's own buffers (SettingEngine.BufferFactory), on the goroutine that decrypted them.
type pionTransport struct {
	pc      *webrtc.PeerConnection
	writer  webrtc.TrackLocalWriter
	sockets *pionSockets
	client  client
	handler TransportHandler

	current TransportParameters // the client's, of the last negotiation
	answer  TransportParameters
	ssrcs   atomic.Int32
	closed  atomic.Bool
}

// pionFactory makes transports.
type pionFactory struct {
	logs        logging.LoggerFactory
	certificate webrtc.Certificate
	fingerprint Fingerprint
}

func newPionFactory(logs logging.LoggerFactory) (*pionFactory, error) {
	// One certificate for all: making it is the dearest part of a join, and its fingerprint is public anyway.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the DTLS key: %w", err)
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, fmt.Errorf("make the DTLS certificate: %w", err)
	}
	prints, err := certificate.GetFingerprints()
	if err != nil || len(prints) == 0 {
		return nil, errors.Join(errors.New("make the DTLS certificate's fingerprint"), err)
	}
	f := &pionFactory{logs: logs, certificate: *certificate}
	f.fingerprint = newFingerprint(prints[0].Algorithm, prints[0].Value)
	return f, nil
}

func (f *pionFactory) newTransport(l *lane, handler TransportHandler) (Transport, error) {
	sockets := l.sockets
	t := &pionTransport{sockets: sockets, handler: handler}
	settings := webrtc.SettingEngine{LoggerFactory: f.logs, BufferFactory: t.newBuffer}
	settings.SetLite(true)
	settings.SetNet(sockets.net)
	settings.SetNetworkTypes([]webrtc.NetworkType{
		webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6,
	})
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetICEUDPMux(sockets.udp)
	settings.SetICETCPMux(sockets.tcp)
	settings.DisableActiveTCP(true)
	settings.SetICETimeouts(silentClientTimeout, 0, 0)
	settings.SetDTLSInsecureSkipHelloVerify(true) // ICE has verified the address
	settings.SetDTLSConnectContextMaker(func() (context.Context, func()) {
		return context.WithTimeout(context.Background(), handshakeTimeout)
	})
	settings.SetSRTPProtectionProfiles(
		dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	if err := settings.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return nil, fmt.Errorf("set the DTLS role: %w", err)
	}
	var media webrtc.MediaEngine
	codec := webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2},
		PayloadType:        innerPayloadType,
	}
	if err := media.RegisterCodec(codec, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("register Opus: %w", err)
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&media),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	pc, err := api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{f.certificate}})
	if err != nil {
		return nil, fmt.Errorf("make a PeerConnection: %w", err)
	}
	t.pc = pc
	t.answer.Fingerprint = f.fingerprint
	pc.OnConnectionStateChange(t.stateChanged)
	if _, err := pc.AddTransceiverFromTrack(&writerTrack{transport: t},
		webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare a PeerConnection: %w", err), pc.GracefulClose())
	}
	return t, nil
}

// Negotiate implements Transport.
func (t *pionTransport) Negotiate(ctx context.Context, client TransportParameters) (TransportParameters, error) {
	if client == t.current {
		return t.answer, nil
	}
	if err := t.pc.SetRemoteDescription(innerOffer(client)); err != nil {
		return t.answer, fmt.Errorf("apply the transport's offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(t.pc)
	answer, err := t.pc.CreateAnswer(nil)
	if err != nil {
		return t.answer, fmt.Errorf("answer the transport's offer: %w", err)
	}
	var parsed sdp.SessionDescription
	if err := parsed.UnmarshalString(answer.SDP); err != nil || len(parsed.MediaDescriptions) != 1 {
		return t.answer, fmt.Errorf("read the transport's answer: %w", err)
	}
	t.answer.ICEUfrag, _ = parsed.MediaDescriptions[0].Attribute("ice-ufrag")
	t.answer.ICEPassword, _ = parsed.MediaDescriptions[0].Attribute("ice-pwd")
	t.sockets.gate.admit(&t.client, t.answer.ICEUfrag)
	if err := t.pc.SetLocalDescription(answer); err != nil {
		return t.answer, fmt.Errorf("open the transport: %w", err)
	}
	t.current = client
	ctx, cancel := context.WithTimeout(ctx, gatherTimeout)
	defer cancel()
	select {
	case <-gathered: // so that the client's first check finds us listening
		return t.answer, nil
	case <-ctx.Done():
		return t.answer, fmt.Errorf("open the transport: %w", ctx.Err())
	}
}

// innerOffer describes a client's transport to pion: one m-line, for which the server has a sender.
func innerOffer(client TransportParameters) webrtc.SessionDescription {
	return webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"+
		"a=group:BUNDLE 0\r\na=fingerprint:%s %s\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=setup:active\r\n"+
		"m=audio 9 UDP/TLS/RTP/SAVPF %d\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:%d opus/48000/2\r\n"+
		// An SSRC that never comes keeps pion from guessing the m-line of those that do.
		"a=ssrc:1 cname:none\r\n",
		client.Fingerprint.Algorithm, client.Fingerprint.Value, client.ICEUfrag, client.ICEPassword, innerPayloadType, innerPayloadType)}
}

// SendRTP implements Transport.
func (t *pionTransport) SendRTP(header *rtp.Header, payload []byte) error {
	if t.writer == nil {
		return ErrClosed
	}
	_, err := t.writer.WriteRTP(header, payload)
	return err
}

// SendRTCP implements Transport.
func (t *pionTransport) SendRTCP(packets []rtcp.Packet) error { return t.pc.WriteRTCP(packets) }

// SetReceiving implements Transport.
func (t *pionTransport) SetReceiving(wanted bool) { t.client.unwanted.Store(!wanted) }

// SetRate implements Transport.
func (t *pionTransport) SetRate(datagrams int) { t.client.rate.Store(uint32(datagrams)) }

// Close implements Transport.
func (t *pionTransport) Close() error {
	t.closed.Store(true)
	t.sockets.gate.dismiss(&t.client)
	if err := t.pc.GracefulClose(); err != nil {
		return fmt.Errorf("close a PeerConnection: %w", err)
	}
	return nil
}

func (t *pionTransport) stateChanged(state webrtc.PeerConnectionState) {
	if t.closed.Load() {
		return
	}
	switch state {
	case webrtc.PeerConnectionStateConnected:
		t.handler.TransportConnected()
	case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		t.handler.TransportGone()
	default: // on the way there, or silent, from which a client may come back
	}
}

// newBuffer is asked for by SRTP and SRTCP when an SSRC is new. A nil error of Write is all they want.
func (t *pionTransport) newBuffer(kind packetio.BufferPacketType, _ uint32) io.ReadWriteCloser {
	switch {
	case t.ssrcs.Add(1) > maxSSRCs:
		if !t.closed.Load() {
			t.handler.TransportGone()
		}
		return packetSink(func([]byte) {})
	case kind == packetio.RTPBufferPacket:
		return packetSink(t.handler.ReceiveRTP)
	default:
		return packetSink(t.handler.ReceiveRTCP)
	}
}

// packetSink hands packets on instead of buffering them. Whoever reads from it is told that there is nothing to come.
type packetSink func(packet []byte)

func (s packetSink) Write(packet []byte) (int, error) {
	s(packet)
	return len(packet), nil
}

func (packetSink) Read([]byte) (int, error) { return 0, io.EOF }
func (packetSink) Close() error             { return nil }

// writerTrack is the track of the only sender. It exists to get hold of the writer, which takes packets of any SSRC.
type writerTrack struct{ transport *pionTransport }

// Bind implements webrtc.TrackLocal. It is called within SetLocalDescription.
func (w *writerTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	w.transport.writer = c.WriteStream()
	return c.CodecParameters()[0], nil
}

// Unbind implements webrtc.TrackLocal.
func (*writerTrack) Unbind(webrtc.TrackLocalContext) error { return nil }

// ID implements webrtc.TrackLocal.
func (*writerTrack) ID() string { return "all" }

// RID implements webrtc.TrackLocal.
func (*writerTrack) RID() string { return "" }

// StreamID implements webrtc.TrackLocal.
func (*writerTrack) StreamID() string { return "all" }

// Kind implements webrtc.TrackLocal.
func (*writerTrack) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }
