//go:build linux

package crowd

import (
	"fmt"
	"net/netip"
	"sync/atomic"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v4/packetio"
	"golang.org/x/sys/unix"

	"hubbub/signaling/client"
)

const (
	// receiveBuffer is room for about a thousand packets, should the generator be late.
	receiveBuffer = 1 << 20
	// handshakeQueue bounds the DTLS datagrams that wait to be read.
	handshakeQueue = 32
)

// person is one participant. What is not atomic is set before the receiving or the sending goroutine gets to use it.
type person struct {
	number int
	socket int // non-blocking UDP

	in  atomic.Pointer[srtp.Context] // used by the receiving goroutine
	out *srtp.Context                // used by the sending one

	header rtp.Header // of the packet that is being received
	sends  rtp.Header // of the packet that is being sent
	level  uint8      // id of the level extension, 0: not negotiated

	// Of those who came in by the protocol:
	client  *client.Client
	ice     iceAgent
	checked chan struct{}    // a check has been answered
	pipe    *packetio.Buffer // DTLS that came in
	conn    *dtls.Conn
}

func newPerson(number int) (*person, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	p := &person{number: number, socket: socket, checked: make(chan struct{}, 1), pipe: packetio.NewBuffer()}
	p.pipe.SetLimitCount(handshakeQueue)
	p.sends = rtp.Header{Version: 2, PayloadType: opusPayloadType, SSRC: ssrcOf(number)}
	if err := p.prepareSocket(); err != nil {
		_ = unix.Close(socket) // unused yet
		return nil, err
	}
	return p, nil
}

func (p *person) prepareSocket() error {
	_ = unix.SetsockoptInt(p.socket, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer) // less is no error
	if err := unix.SetsockoptInt(p.socket, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("timestamps: %w", err)
	}
	if err := unix.Bind(p.socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return nil
}

// address is where the participant's socket is.
func (p *person) address() (netip.AddrPort, error) {
	name, err := unix.Getsockname(p.socket)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("the address of participant %d: %w", p.number, err)
	}
	local, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("the address of participant %d is %T", p.number, name)
	}
	return netip.AddrPortFrom(netip.AddrFrom4(local.Addr), uint16(local.Port)), nil
}

// send gives a datagram to the kernel. What it does not take is lost, as in any network.
func (p *person) send(datagram []byte) { _, _ = unix.Write(p.socket, datagram) }

// ssrcOf keeps participants apart, and from what is used as zero.
func ssrcOf(number int) uint32 { return 1_000_000 + uint32(number) }
