package client

import (
	"fmt"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// The header extensions of video.
const (
	midURI           = sdp.SDESMidURI
	ridURI           = sdp.SDESRTPStreamIDURI
	repairedRIDURI   = sdp.SDESRepairRTPStreamIDURI
	transportWideURI = sdp.TransportCCURI
)

const (
	// feedbackInterval is how often the arrival of packets is told (draft-holmer-rmcat-transport-wide-cc-extensions-01), as often as browsers do at most.
	feedbackInterval = 50 * time.Millisecond
	reportInterval   = time.Second
)

// videoFeedback is what is offered for video codecs, as browsers do.
var videoFeedback = []webrtc.RTCPFeedback{
	{Type: webrtc.TypeRTCPFBTransportCC}, {Type: webrtc.TypeRTCPFBCCM, Parameter: "fir"},
	{Type: webrtc.TypeRTCPFBNACK}, {Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"},
}

// videoFormats are the known codecs, with payload types that are followed by those of their repair packets.
var videoFormats = []webrtc.RTPCodecParameters{
	{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90_000}, PayloadType: 96},
	{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP9, ClockRate: 90_000, SDPFmtpLine: "profile-id=0"}, PayloadType: 98},
	{RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90_000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}, PayloadType: 102},
	{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeAV1, ClockRate: 90_000}, PayloadType: 45},
}

// registerVideo adds video codecs by name, and video's header extensions.
func registerVideo(m *webrtc.MediaEngine, names []string) error {
	for _, name := range names {
		codec, ok := videoFormat(name)
		if !ok {
			return fmt.Errorf("video codec %q is not known", name)
		}
		repair := webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeRTX, ClockRate: 90_000, SDPFmtpLine: fmt.Sprintf("apt=%d", codec.PayloadType),
			},
			PayloadType: codec.PayloadType + 1,
		}
		for _, c := range []webrtc.RTPCodecParameters{codec, repair} {
			if err := m.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
				return fmt.Errorf("registering %s: %w", c.MimeType, err)
			}
		}
	}
	for _, uri := range []string{midURI, ridURI, repairedRIDURI, transportWideURI} {
		if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo); err != nil {
			return fmt.Errorf("registering the extension %s: %w", uri, err)
		}
	}
	return nil
}

func videoFormat(name string) (webrtc.RTPCodecParameters, bool) {
	for _, f := range videoFormats {
		if f.MimeType == "video/"+name {
			f.RTCPFeedback = videoFeedback
			return f, true
		}
	}
	return webrtc.RTPCodecParameters{}, false
}

// videoInterceptors are what a connection with video has and one of voice alone does without. The first ones are nearest to the network: packets that are sent
// once more are numbered and named like all others. NACKs are sent by the slots' readers: pion's generator does not see the packets of a repair stream, and goes on
// asking for what has come by it.
func videoInterceptors() (*interceptor.Registry, error) {
	numbers, err := twcc.NewHeaderExtensionInterceptor()
	if err != nil {
		return nil, fmt.Errorf("making the numbering of packets: %w", err)
	}
	responder, err := nack.NewResponderInterceptor()
	if err != nil {
		return nil, fmt.Errorf("making the answering of NACKs: %w", err)
	}
	receiverReports, err := report.NewReceiverInterceptor(report.ReceiverInterval(reportInterval))
	if err != nil {
		return nil, fmt.Errorf("making receiver reports: %w", err)
	}
	senderReports, err := report.NewSenderInterceptor(report.SenderInterval(reportInterval))
	if err != nil {
		return nil, fmt.Errorf("making sender reports: %w", err)
	}
	feedback, err := twcc.NewSenderInterceptor(twcc.SendInterval(feedbackInterval))
	if err != nil {
		return nil, fmt.Errorf("making the feedback on arrivals: %w", err)
	}
	registry := &interceptor.Registry{}
	for _, f := range []interceptor.Factory{numbers, repairNamer{}, responder, receiverReports, senderReports, feedback} {
		registry.Add(f)
	}
	return registry, nil
}

// repairNamer makes interceptors that let repeated packets tell their encoding by repaired-rtp-stream-id instead of rtp-stream-id (RFC 8852, section 3),
// which pion's responder does not.
type repairNamer struct{ interceptor.NoOp }

// NewInterceptor implements interceptor.Factory.
func (n repairNamer) NewInterceptor(string) (interceptor.Interceptor, error) { return &n, nil }

// BindLocalStream implements interceptor.Interceptor.
func (*repairNamer) BindLocalStream(info *interceptor.StreamInfo, next interceptor.RTPWriter) interceptor.RTPWriter {
	var rid, repaired uint8
	for _, e := range info.RTPHeaderExtensions {
		switch e.URI {
		case ridURI:
			rid = uint8(e.ID) // one-byte ids are 1–14, RFC 8285
		case repairedRIDURI:
			repaired = uint8(e.ID)
		}
	}
	if rid == 0 || repaired == 0 || info.SSRCRetransmission == 0 {
		return next
	}
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, attributes interceptor.Attributes) (int, error) {
		name := h.GetExtension(rid)
		if h.SSRC != info.SSRCRetransmission || name == nil {
			return next.Write(h, payload, attributes)
		}
		renamed := h.Clone() // the other one belongs to the responder's buffer
		if err := renamed.DelExtension(rid); err != nil {
			return 0, fmt.Errorf("naming a repeated packet: %w", err)
		}
		if err := renamed.SetExtension(repaired, name); err != nil {
			return 0, fmt.Errorf("naming a repeated packet: %w", err)
		}
		return next.Write(&renamed, payload, attributes)
	})
}
