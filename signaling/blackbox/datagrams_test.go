package blackbox

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

func TestRandomDatagramsOnTheMediaPortDoNotDisturbACall(t *testing.T) {
	t.Parallel()
	room := unique("datagrams")
	a := unlimited.guest(t, "Ada").withSlots(room, 2)
	b := unlimited.guest(t, "Bea").withSlots(room, 2)
	a.wantHears(b)
	b.wantHears(a)

	done := make(chan struct{})
	var attacking sync.WaitGroup
	attacking.Go(func() { attackUDP(t, unlimited.mediaPort, done) })
	attacking.Go(func() { attackTCP(unlimited.mediaPort, done) })
	at := a.heard.count()
	first := b.voice.say(t, 100, loud, true)
	close(done)
	attacking.Wait()
	eventually(t, patience, "all frames are heard", func() bool { return len(since(a.heard.of(b.voice, at), first)) == 100 })
	a.wantHears(b)
	b.wantHears(a)
	wantContinuous(t, a)
	for _, s := range a.heard.all() {
		if s.from != b.voice.tag {
			t.Fatal("something was heard that nobody of the room sent")
		}
	}
	// Newcomers still get in.
	c := unlimited.guest(t, "Cem").withSlots(room, 2)
	a.wantHears(c)
}

// attackUDP sends what the ports of the lanes do not expect until done is closed.
func attackUDP(t *testing.T, port int, done <-chan struct{}) {
	random := func(n int) []byte {
		b := make([]byte, n)
		_, _ = rand.Read(b) // never fails
		return b
	}
	with := func(head []byte, n int) []byte { return append(head, random(n)...) }
	stun := make([]byte, 20)
	binary.BigEndian.PutUint16(stun, 1)
	binary.BigEndian.PutUint32(stun[4:], 0x2112A442)
	datagrams := []func() []byte{
		func() []byte { return nil },
		func() []byte { return random(1) },
		func() []byte { return random(100) },
		func() []byte { return random(60_000) },
		func() []byte { return stun }, // a binding request without integrity
		func() []byte { return with([]byte{0, 1, 0xff, 0xff, 0x21, 0x12, 0xa4, 0x42}, 60) },      // lies about its length
		func() []byte { return with([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 80}, 80) }, // DTLS handshake
		func() []byte { return with([]byte{23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 80}, 80) },
		func() []byte { return with([]byte{0x80, 111}, 90) }, // RTP
		func() []byte { return with([]byte{0x9f, 111}, 12) }, // RTP whose header says more than there is
		func() []byte { return with([]byte{0x81, 201}, 30) }, // RTCP
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		for lane := range lanes {
			conn, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port + lane})
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = conn.Write(datagrams[n%len(datagrams)]()) // a refusal is as good as a drop
			_ = conn.Close()
		}
	}
}

// attackTCP does the same to the ICE-TCP port.
func attackTCP(port int, done <-chan struct{}) {
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		conn, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port+n%lanes))
		if err != nil {
			continue // refused: a defence too
		}
		open = append(open, conn)
		switch n % 3 {
		case 0:
			_, _ = conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		case 1:
			_, _ = conn.Write([]byte{0xff, 0xff, 0}) // RFC 4571: a frame of 65,535 bytes that never comes
		}
	}
}
