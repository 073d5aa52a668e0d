package sfu

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

const (
	// receiveBuffer is asked for on UDP sockets: at 20,000 packets/s, 100 bytes and the kernel's overhead, about 200 ms. The kernel may give
	// less (net.core.rmem_max).
	receiveBuffer = 4 << 20
	sendBuffer    = 4 << 20

	// freePortAttempts is how often other numbers are tried when any port would do but it has to be free for every address, UDP and TCP.
	freePortAttempts = 20
)

// socket is one address of a lane: UDP and TCP on one port.
type socket struct {
	udp *net.UDPConn
	tcp *net.TCPListener
}

func (s socket) close() error {
	return errors.Join(s.udp.Close(), s.tcp.Close())
}

// openSockets binds one port, UDP and TCP, at every address. Port 0 is any one that is free.
func openSockets(addresses []netip.Addr, port int) ([]socket, error) {
	for attempt := 1; ; attempt++ {
		sockets, err := openSocketsAt(addresses, port)
		if err == nil || port != 0 || attempt == freePortAttempts || !errors.Is(err, syscall.EADDRINUSE) {
			return sockets, err
		}
	}
}

func openSocketsAt(addresses []netip.Addr, port int) (sockets []socket, err error) {
	for _, a := range addresses {
		s, err := openSocket(a, port)
		if err != nil {
			for _, s := range sockets {
				err = errors.Join(err, s.close())
			}
			return nil, fmt.Errorf("listen for media: %w", err)
		}
		sockets = append(sockets, s)
		port = s.udp.LocalAddr().(*net.UDPAddr).Port
	}
	return sockets, nil
}

func openSocket(a netip.Addr, port int) (socket, error) {
	family := "4"
	if a.Is6() {
		family = "6"
	}
	udp, err := net.ListenUDP("udp"+family, &net.UDPAddr{IP: a.AsSlice(), Port: port})
	if err != nil {
		return socket{}, err
	}
	// A kernel that gives less is no error.
	_ = udp.SetReadBuffer(receiveBuffer)
	_ = udp.SetWriteBuffer(sendBuffer)
	port = udp.LocalAddr().(*net.UDPAddr).Port
	tcp, err := net.ListenTCP("tcp"+family, &net.TCPAddr{IP: a.AsSlice(), Port: port})
	if err != nil {
		return socket{}, errors.Join(err, udp.Close())
	}
	return socket{udp: udp, tcp: tcp}, nil
}
