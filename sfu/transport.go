package sfu

import (
	"context"
	"strings"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// Transport carries the packets of one peer: connectivity, keys and encryption, and nothing of what the packets are for. It is
// the seam at which a PeerConnection can be replaced by something leaner.
//
// Its methods may be called from any goroutine, SendRTP and SendRTCP from one at a time.
type Transport interface {
	// Negotiate tells the client's parameters and returns the server's. The first call opens the transport; in further ones new
	// ICE credentials are an ICE restart (RFC 8839, section 4.4.1.1). The client's fingerprint is the same in all calls.
	Negotiate(ctx context.Context, client TransportParameters) (server TransportParameters, err error)
	// SendRTP encrypts and sends one packet. It keeps neither header nor payload, does not change them and does not block on a client that
	// does not receive. Before the transport is connected it fails.
	SendRTP(header *rtp.Header, payload []byte) error
	// SendRTCP does the same for a compound packet.
	SendRTCP(packets []rtcp.Packet) error
	// SetReceiving says whether incoming RTP is wanted. While it is not, the transport drops what it can before decryption, and may still hand
	// up packets.
	SetReceiving(wanted bool)
	// SetRate says how many datagrams of the client are let in within a second, instead of those of voice. More are a flood and dropped.
	SetRate(datagrams int)
	// Close ends the transport and waits until nothing of it runs any more. Its TransportHandler is not called afterwards.
	// It must not be called from the handler.
	Close() error
}

// TransportHandler is told what comes in on a Transport. ReceiveRTP and ReceiveRTCP get decrypted packets, each of the two from one goroutine
// at a time, and may use them until they return; they must not block. A packet need not have an SSRC that was offered.
type TransportHandler interface {
	// WantsRTP is asked before a packet is decrypted, on the goroutine that would hand it up. Its header has not been authenticated: it may lead to
	// dropping that packet, and to nothing else. Transports that cannot ask do not.
	WantsRTP(encrypted []byte) bool
	ReceiveRTP(packet []byte)
	ReceiveRTCP(packet []byte)
	// TransportConnected says that packets can be sent. It may be called again after an interruption.
	TransportConnected()
	// TransportGone says that the transport will not come back: the client closed it, or it failed for good. A client that merely
	// went silent is not gone; it may come back by an ICE restart.
	TransportGone()
}

// TransportParameters is what each side of a transport tells the other in its session description.
type TransportParameters struct {
	ICEUfrag    string
	ICEPassword string
	Fingerprint Fingerprint
}

// Fingerprint is the hash of a certificate (RFC 8122, section 5).
type Fingerprint struct {
	Algorithm string // lower case
	Value     string // upper-case hexadecimal pairs with colons
}

func (f Fingerprint) valid() bool {
	octets, known := map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}[f.Algorithm]
	if !known || len(f.Value) != 3*octets-1 {
		return false
	}
	for i, c := range f.Value {
		if i%3 == 2 && c != ':' || i%3 != 2 && !strings.ContainsRune("0123456789ABCDEF", c) {
			return false
		}
	}
	return true
}

func newFingerprint(algorithm, value string) Fingerprint {
	return Fingerprint{Algorithm: strings.ToLower(algorithm), Value: strings.ToUpper(value)}
}
