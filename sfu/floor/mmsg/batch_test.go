//go:build linux

package mmsg

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// socket is a UDP socket on loopback, with timestamps.
func socket(t *testing.T) (fd int, address netip.AddrPort) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(name.(*unix.SockaddrInet4).Port))
}

func TestBatchSendsToManyAndReceivesAll(t *testing.T) {
	sender, from := socket(t)
	first, toFirst := socket(t)
	second, toSecond := socket(t)
	out, before := NewBatch(4, 100), time.Now()
	for i := range out.Len() {
		to := toFirst
		if i%2 == 1 {
			to = toSecond
		}
		out.Address(i, copy(out.Buffer(i), fmt.Sprintf("datagram %d", i)), to)
	}
	if n, err := out.Send(sender, 0, out.Len()); n != out.Len() || err != nil {
		t.Fatalf("sent %d of %d: %v", n, out.Len(), err)
	}
	for k, socket := range []int{first, second} {
		in := NewBatch(8, 100)
		n, err := in.Receive(socket) // loopback delivers before sendmmsg returns
		if n != 2 || err != nil {
			t.Fatalf("socket %d received %d datagrams: %v", k, n, err)
		}
		for i := range n {
			if got, want := string(in.Datagram(i)), fmt.Sprintf("datagram %d", k+2*i); got != want {
				t.Errorf("received %q, want %q", got, want)
			}
			if in.From(i) != from {
				t.Errorf("came from %v, want %v", in.From(i), from)
			}
			at, ok := in.Arrived(i)
			if !ok || at.Before(before.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
				t.Errorf("arrived at %v (%t), sent at %v", at, ok, before)
			}
		}
		if _, err := in.Receive(socket); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("an empty socket answers %v, want EAGAIN", err)
		}
	}
}

func TestBatchUnderstandsForeignAddresses(t *testing.T) {
	fd, address := socket(t)
	conn, err := net.Dial("udp4", address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	in := NewBatch(1, 3)
	if n, err := in.Receive(fd); n != 1 || err != nil {
		t.Fatalf("received %d datagrams: %v", n, err)
	}
	if got := string(in.Datagram(0)); got != "hel" {
		t.Errorf("received %q, want what there was room for", got)
	}
	if got, want := in.From(0).String(), conn.LocalAddr().String(); got != want {
		t.Errorf("came from %s, want %s", got, want)
	}
}
