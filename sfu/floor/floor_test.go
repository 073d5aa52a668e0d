//go:build linux

package floor

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"
)

func keys(fill byte) Keys {
	return Keys{Key: bytes.Repeat([]byte{fill}, 16), Salt: bytes.Repeat([]byte{fill + 1}, 12)}
}

func listen(t *testing.T) (*net.UDPConn, netip.AddrPort) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestServeForwardsToListenersWithTheirOwnKeys(t *testing.T) {
	conn, address := listen(t)
	sockets := make([]*net.UDPConn, 4)
	peers := make([]Peer, len(sockets))
	for i := range peers {
		sockets[i], peers[i].Address = listen(t)
		peers[i].Sends, peers[i].Receives = keys(byte(10*i+1)), keys(byte(10*i+5))
	}
	peers[0].Listeners = []int{1, 2} // not 3
	peers[3].Listeners = []int{1}
	served := make(chan error, 1)
	go func() { served <- Serve(conn, peers) }()

	speak := func(from int, ssrc uint32, payload string) {
		t.Helper()
		out, err := peers[from].Sends.context()
		if err != nil {
			t.Fatal(err)
		}
		plain, err := (&rtp.Packet{
			Header: rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: 7, SSRC: ssrc}, Payload: []byte(payload),
		}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := out.EncryptRTP(nil, plain, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sockets[from].WriteToUDPAddrPort(sealed, address); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(at int, want ...string) {
		t.Helper()
		in, err := peers[at].Receives.context()
		if err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, datagram)
		for _, text := range want {
			if err := sockets[at].SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			n, err := sockets[at].Read(buffer)
			if err != nil {
				t.Fatalf("peer %d: %v", at, err)
			}
			var packet rtp.Packet
			plain, err := in.DecryptRTP(nil, buffer[:n], nil)
			if err == nil {
				err = packet.Unmarshal(plain)
			}
			if err != nil || string(packet.Payload) != text {
				t.Errorf("peer %d heard %q (%v), want %q", at, packet.Payload, err, text)
			}
		}
	}
	stranger, _ := listen(t)
	if _, err := stranger.WriteToUDPAddrPort([]byte("nobody's"), address); err != nil {
		t.Fatal(err)
	}
	if _, err := sockets[0].WriteToUDPAddrPort([]byte("not to be decrypted"), address); err != nil {
		t.Fatal(err)
	}
	speak(0, 100, "from the first")
	hear(2, "from the first")
	speak(3, 103, "from the last")
	hear(1, "from the first", "from the last")

	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("Serve goes on although its socket is closed")
	}
}
