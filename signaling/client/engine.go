package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// audioLevelURI names the header extension of RFC 6464.
const audioLevelURI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

// EngineConfig is what the Medias of an engine have in common.
type EngineConfig struct {
	// NoAudioLevel leaves the level extension of RFC 6464 out of the offers.
	NoAudioLevel bool
	// TCP makes the Medias use ICE-TCP alone (RFC 6544), as behind a firewall that drops UDP.
	TCP bool
	// VideoCodecs are the names of those offered for video, by preference: "VP8", "VP9", "H264", "AV1". nil: VP8 alone. What a Media sends itself is VP8.
	VideoCodecs []string
	// LocalIP chooses the local addresses to send from; nil takes all of IPv4, loopback included. Fewer are cheaper.
	LocalIP func(net.IP) bool
}

// Engine makes Medias. What costs memory and time (codecs, the certificate) is made once and shared, and there are no
// interceptors but for Medias with video, so one process can hold hundreds. Medias of one engine have one fingerprint. Safe for
// concurrent use.
type Engine struct {
	api          *webrtc.API // for voice alone
	videoAPI     *webrtc.API
	certificates []webrtc.Certificate
}

// NewEngine makes an engine with a certificate of its own.
func NewEngine(cfg EngineConfig) (*Engine, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key of the media certificate: %w", err)
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, fmt.Errorf("making the media certificate: %w", err)
	}
	media, err := codecs(cfg)
	if err != nil {
		return nil, err
	}
	videoMedia, err := codecs(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.VideoCodecs == nil {
		cfg.VideoCodecs = []string{"VP8"}
	}
	if err := registerVideo(videoMedia, cfg.VideoCodecs); err != nil {
		return nil, err
	}
	interceptors, err := videoInterceptors()
	if err != nil {
		return nil, err
	}
	var settings webrtc.SettingEngine
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if cfg.TCP {
		settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}
	settings.SetIncludeLoopbackCandidate(true) // servers under test live there
	if cfg.LocalIP != nil {
		settings.SetIPFilter(cfg.LocalIP)
	}
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	return &Engine{
		api: webrtc.NewAPI(
			webrtc.WithMediaEngine(media),
			webrtc.WithSettingEngine(settings),
			webrtc.WithInterceptorRegistry(&interceptor.Registry{}),
		),
		videoAPI: webrtc.NewAPI(
			webrtc.WithMediaEngine(videoMedia),
			webrtc.WithSettingEngine(settings),
			webrtc.WithInterceptorRegistry(interceptors),
		),
		certificates: []webrtc.Certificate{*certificate},
	}, nil
}

var opus = webrtc.RTPCodecParameters{
	RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType:    webrtc.MimeTypeOpus,
		ClockRate:   48_000,
		Channels:    2, // always 2 in SDP, RFC 7587 section 7
		SDPFmtpLine: "minptime=10;useinbandfec=1;usedtx=1",
	},
	PayloadType: 111,
}

func codecs(cfg EngineConfig) (*webrtc.MediaEngine, error) {
	m := new(webrtc.MediaEngine)
	if err := m.RegisterCodec(opus, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("registering Opus: %w", err)
	}
	if cfg.NoAudioLevel {
		return m, nil
	}
	err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: audioLevelURI}, webrtc.RTPCodecTypeAudio)
	if err != nil {
		return nil, fmt.Errorf("registering the level extension: %w", err)
	}
	return m, nil
}

// audioLevelID finds the negotiated id of the level extension, 0 when there is none.
func audioLevelID(extensions []webrtc.RTPHeaderExtensionParameter) uint8 {
	for _, e := range extensions {
		if e.URI == audioLevelURI {
			return uint8(e.ID) // one-byte ids are 1–14, RFC 8285
		}
	}
	return 0
}

// level reads the extension of RFC 6464 from a packet.
func level(h *rtp.Header, id uint8) (l rtp.AudioLevelExtension, ok bool) {
	if id == 0 {
		return l, false
	}
	data := h.GetExtension(id)
	return l, data != nil && l.Unmarshal(data) == nil
}
