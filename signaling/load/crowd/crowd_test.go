//go:build linux

package crowd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"hubbub/sfu/floor"
)

var serverBinary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "crowd")
	if err != nil {
		panic(err)
	}
	serverBinary = filepath.Join(dir, "hubbub")
	build := exec.Command("go", "build", "-o", serverBinary, "hubbub/cmd/hubbub")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// launch starts a server and answers the address of its WebSocket.
func launch(t *testing.T, transport string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), serverBinary, "serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0",
		"--media-port=0", "--media-ip=127.0.0.1", "--limits=off", "--transport="+transport)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the server: %v", err)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	address := regexp.MustCompile(`[0-9.]+:[0-9]+`).FindString(line)
	if err != nil || address == "" {
		t.Fatalf("the server said %q: %v", line, err)
	}
	return "ws://" + address + "/v1/signal"
}

func open(t *testing.T, plan Plan) *Crowd {
	t.Helper()
	c, err := Open(plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// listen lets a crowd that is in talk until a listener has heard some packets of everyone.
func listen(t *testing.T, c *Crowd) Heard {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c.Talk()
	if err := c.AwaitHearing(ctx); err != nil {
		t.Fatal(err)
	}
	c.Count()
	c.ear.mu.Lock()
	for _, voices := range c.ear.voices {
		clear(voices)
	}
	c.ear.mu.Unlock()
	if err := c.AwaitHearing(ctx); err != nil {
		t.Fatal(err)
	}
	return c.Heard()
}

func TestCrowdHearsItselfThroughTheServer(t *testing.T) {
	for _, transport := range []string{"lean", "pion"} {
		t.Run(transport, func(t *testing.T) {
			url := launch(t, transport)
			c := open(t, Plan{Rooms: 2, People: 4, Speakers: 2, Microphones: 3, Slots: 2, Sound: Speech})
			joins, err := c.JoinHubbub(t.Context(), url, 3, 0)
			if err != nil {
				t.Fatal(err)
			}
			for i, j := range joins {
				if j.Answered <= 0 || j.Connected < j.Answered {
					t.Errorf("participant %d was answered after %v and connected after %v", i, j.Answered, j.Connected)
				}
			}
			heard := listen(t, c)
			// Two listeners hear two, two speakers one, in two rooms.
			if heard.Packets < 12 || heard.Foreign > 0 || heard.Latency.P50 <= 0 || heard.Latency.P99 > 10*time.Second {
				t.Errorf("heard %+v", heard)
			}
		})
	}
}

func TestCrowdHearsItselfThroughTheFloor(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, Plan{Rooms: 2, People: 5, Speakers: 5, Microphones: 5, Slots: 3, Sound: Speech})
	peers, err := c.FloorPeers()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- floor.Serve(conn, peers) }()
	address, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.EnterFloor(address); err != nil {
		t.Fatal(err)
	}
	if heard := listen(t, c); heard.Packets < 30 || heard.Foreign > 0 {
		t.Errorf("heard %+v", heard)
	}
	if err := errors.Join(conn.Close(), <-served); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesPlansThatMakeNoSense(t *testing.T) {
	for _, plan := range []Plan{
		{People: 1, Slots: 1},
		{Rooms: 1, Slots: 1},
		{Rooms: 1, People: 2, Slots: 1, Speakers: 1},
		{Rooms: 1, People: 2, Slots: 1, Microphones: 3},
		{Rooms: 1, People: 2},
		{Rooms: 1, People: 2, Slots: 1, Sound: Sound{Bytes: 1001}},
	} {
		if c, err := Open(plan); err == nil {
			t.Errorf("%+v was opened", plan)
			_ = c.Close()
		}
	}
}

func TestReadAnswerRefusesWhatCannotBeReached(t *testing.T) {
	const head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
	for _, text := range []string{
		"",
		head,
		head + "a=candidate:1 1 udp 1 ::1 7880 typ host\r\n",
		head + "a=candidate:1 1 tcp 1 127.0.0.1 7880 typ host tcptype passive\r\n",
	} {
		if a, err := readAnswer(text); err == nil {
			t.Errorf("%q was read as %+v", text, a)
		}
	}
	a, err := readAnswer(head + "a=ice-ufrag:u\r\na=ice-pwd:p\r\na=candidate:1 1 udp 1 127.0.0.1 7880 typ host\r\na=extmap:3 " + levelURI + "\r\n")
	want := answer{ufrag: "u", password: "p", address: netip.MustParseAddrPort("127.0.0.1:7880"), levelID: 3}
	if err != nil || a != want {
		t.Errorf("read %+v (%v), want %+v", a, err, want)
	}
}

func TestEveryoneIsHeardByEquallyManyOnTheFloor(t *testing.T) {
	for _, plan := range []Plan{
		{Rooms: 2, People: 20, Speakers: 20, Slots: 8},
		{Rooms: 1, People: 3, Speakers: 3, Slots: 8},
		{Rooms: 3, People: 15, Speakers: 3, Slots: 8},
	} {
		t.Run(fmt.Sprintf("%+v", plan), func(t *testing.T) {
			plan.Sound = Speech
			by := make(map[int]int)
			for listener := range plan.total() {
				heard := 0
				for speaker := range plan.total() {
					if plan.hears(listener, speaker) {
						heard++
						by[speaker]++
					}
				}
				if heard != plan.expected(listener) {
					t.Errorf("%d hears %d, want %d", listener, heard, plan.expected(listener))
				}
			}
			for speaker, listeners := range by {
				if listeners != by[0] {
					t.Errorf("%d is heard by %d, the first by %d", speaker, listeners, by[0])
				}
			}
		})
	}
}
