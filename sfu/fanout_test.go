package sfu

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pion/rtp"
)

// Three speak to two hundred, over all lanes at once, in bursts: everyone hears every packet of each, as one stream for each, in order and once.
func TestFanOut(t *testing.T) {
	const speakers, listeners, rounds, burst = 3, 200, 10, 5
	s := newTestSFU(t, Config{Lanes: 4})
	r := s.NewRouter()
	defer r.Close()

	talking := make([]*lightClient, speakers)
	for i := range talking {
		talking[i] = newLightClient(t, fmt.Sprint("speaker", i), nil)
		talking[i].join(s, r, 1, Attachment{CSRC: uint32(i + 1), Publishing: true})
	}
	var heard atomic.Int64
	lanes := make(map[*lane]bool)
	all := make([]*listener, listeners)
	for i := range all {
		all[i] = &listener{streams: make(map[uint32]*heardStream)}
		c := newLightClient(t, fmt.Sprint("listener", i), func(h *rtp.Header, payload []byte) {
			all[i].hear(h, string(payload))
			heard.Add(1)
		})
		c.join(s, r, speakers+1, Attachment{CSRC: uint32(100 + i)})
		lanes[c.peer.lane] = true
	}
	if len(lanes) != len(s.lanes) {
		t.Fatalf("listeners are on %d lanes of %d", len(lanes), len(s.lanes))
	}

	for round := range rounds {
		var speaking sync.WaitGroup
		for i, c := range talking {
			speaking.Go(func() {
				for n := range burst {
					c.speak(fmt.Appendf(nil, "%d says %d", i+1, round*burst+n), 20, true)
				}
			})
		}
		speaking.Wait()
		// The next burst comes when this one is through, so that nothing is lost however slow the machine is.
		want := int64((round + 1) * speakers * burst * listeners)
		eventually(t, fmt.Sprintf("%d packets are heard", want), func() bool { return heard.Load() >= want })
	}
	for i, l := range all {
		l.check(t, fmt.Sprint("listener", i), speakers, rounds*burst)
	}
}

// listener keeps what one client has heard, by the speaker's CSRC.
type listener struct {
	mu       sync.Mutex
	streams  map[uint32]*heardStream
	problems []string
}

type heardStream struct {
	ssrc uint32
	seq  uint16
	said []string
}

func (l *listener) hear(h *rtp.Header, payload string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(h.CSRC) != 1 {
		l.problems = append(l.problems, fmt.Sprintf("%q has the sources %v", payload, h.CSRC))
		return
	}
	stream := l.streams[h.CSRC[0]]
	if stream == nil {
		stream = &heardStream{ssrc: h.SSRC, seq: h.SequenceNumber - 1}
		l.streams[h.CSRC[0]] = stream
	}
	if h.SSRC != stream.ssrc || h.SequenceNumber != stream.seq+1 {
		l.problems = append(l.problems, fmt.Sprintf("%q is number %d of stream %d, after %d of %d",
			payload, h.SequenceNumber, h.SSRC, stream.seq, stream.ssrc))
	}
	stream.seq = h.SequenceNumber
	stream.said = append(stream.said, payload)
}

func (l *listener) check(t *testing.T, name string, speakers, packets int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.problems {
		t.Errorf("%s: %s", name, p)
	}
	if len(l.streams) != speakers {
		t.Errorf("%s hears %d of %d speakers", name, len(l.streams), speakers)
	}
	for csrc, stream := range l.streams {
		if len(stream.said) != packets {
			t.Errorf("%s has heard %d packets of %d from %d", name, len(stream.said), packets, csrc)
			continue
		}
		for n, said := range stream.said {
			if want := fmt.Sprintf("%d says %d", csrc, n); said != want {
				t.Errorf("%s heard %q from %d, want %q", name, said, csrc, want)
			}
		}
	}
}
