package sfu

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// simulation is a room whose time is the test's: each tick is 20 ms.
type simulation struct {
	t     *testing.T
	sfu   *SFU
	room  *Router
	clock atomic.Int64
	ids   uint32
}

func newSimulation(t *testing.T, slots int) *simulation {
	m := &simulation{t: t}
	m.clock.Store(int64(time.Hour))
	m.sfu = withFakeTransports(newTestSFUWithClock(t, Config{Slots: slots, Lanes: 2}, func() time.Duration { return time.Duration(m.clock.Load()) }))
	m.room = m.sfu.NewRouter()
	t.Cleanup(m.room.Close)
	return m
}

func (m *simulation) join(slots int) *fakeClient {
	m.ids++
	return joinFake(m.t, m.sfu, m.room, fmt.Sprint(m.ids), m.ids, slots)
}

// tick lets everything be sent that was handed over, then 20 ms pass.
func (m *simulation) tick() {
	settle(m.sfu)
	m.clock.Add(int64(20 * time.Millisecond))
}

func (m *simulation) switches() (total uint64) {
	for _, l := range m.sfu.lanes {
		total += l.counters.switches.Load()
	}
	return total
}

// of are the packets that came from someone.
func of(packets []rtp.Packet, csrc uint32) []rtp.Packet {
	return slices.DeleteFunc(packets, func(p rtp.Packet) bool { return p.CSRC[0] != csrc })
}

func TestFirstSyllableIsForwarded(t *testing.T) {
	m := newSimulation(t, 2)
	listener := m.join(2)
	clients := []*fakeClient{m.join(2), m.join(2), m.join(2), m.join(2)}
	for i, c := range clients {
		before := len(listener.transport.packets())
		for range 25 {
			c.send([]byte("sound"), 30, true)
			m.tick()
		}
		// While a slot is free the first packet goes through, when all are quiet at the latest the second.
		lost := 25 - (len(listener.transport.packets()) - before)
		if i < 2 && lost > 0 || lost > 1 {
			t.Errorf("%d packets of speaker %d were lost", lost, i)
		}
		for range 100 {
			m.tick()
		}
	}
}

func TestShortNoiseThrowsOutNobody(t *testing.T) {
	m := newSimulation(t, 1)
	listener := m.join(1)
	speaker, door := m.join(1), m.join(1)
	for i := range 150 {
		speaker.send([]byte("sound"), 35, true)
		if i >= 100 && i < 110 {
			door.send([]byte("bang"), 5, true)
		}
		m.tick()
	}
	if got := len(of(listener.transport.packets(), 3)); got != 0 {
		t.Errorf("%d packets of a slammed door", got)
	}
	if got := len(of(listener.transport.packets(), 2)); got < 149 {
		t.Errorf("%d packets of who was speaking", got)
	}
}

func TestSilentSourcesAreNotForwarded(t *testing.T) {
	m := newSimulation(t, 3)
	listener := m.join(3)
	open := m.join(3)
	for range 500 {
		open.send([]byte("noise"), 75, false)
		m.tick()
	}
	if got := len(listener.transport.packets()); got > 250 {
		t.Errorf("%d of 500 packets of an open microphone in silence", got)
	}
	before := listener.transport.packets()
	open.send([]byte("sound"), 30, true)
	m.tick()
	after := listener.transport.packets()
	if len(after) != len(before)+1 {
		t.Fatal("the first packet after silence was lost")
	}
	last, next := before[len(before)-1], after[len(after)-1]
	if next.SequenceNumber != last.SequenceNumber+1 {
		t.Errorf("sequence number %d after %d", next.SequenceNumber, last.SequenceNumber)
	}
	if silence := 500 - len(before); int32(next.Timestamp-last.Timestamp) < int32(silence*960*95/100) {
		t.Errorf("timestamps stood still for %d packets", silence)
	}
}

// Three people take turns among forty open microphones with noise, for a minute.
func TestNoisyRoom(t *testing.T) {
	m := newSimulation(t, 3)
	listeners := []*fakeClient{m.join(3), m.join(3)}
	speakers := []*fakeClient{m.join(3), m.join(3), m.join(3)}
	var noisy []*fakeClient
	for range 40 {
		noisy = append(noisy, m.join(0))
	}
	source := rand.New(rand.NewPCG(3, 4))
	talking := make([]int, len(speakers)) // ticks left
	pausing := make([]int, len(speakers))
	spoken := make([]int, len(speakers))
	spokenBefore, heardBefore := make([]int, len(speakers)), make([]int, len(speakers))
	heard := func(c *fakeClient) int {
		return len(of(listeners[0].transport.packets(), c.peer.subscriber.Load().participant.csrc))
	}
	const settling, minute = 250, 3000
	for now := range settling + minute {
		if now == settling { // by now it is known who is but noise
			for i, c := range speakers {
				spokenBefore[i], heardBefore[i] = spoken[i], heard(c)
			}
		}
		for i, c := range speakers {
			switch {
			case talking[i] > 0:
				talking[i]--
				spoken[i]++
				c.send([]byte("sound"), uint8(28+source.IntN(12)), true)
			case pausing[i] > 0:
				pausing[i]--
				c.skip() // DTX
			default:
				talking[i], pausing[i] = 25+source.IntN(150), 5+source.IntN(100)
				c.skip()
			}
		}
		for _, c := range noisy {
			c.send([]byte("noise"), uint8(52+source.IntN(8)), source.IntN(50) == 0)
		}
		m.tick()
	}
	perListener := float64(m.switches()) / float64(len(listeners)+len(speakers))
	t.Logf("%.1f switches a minute for each receiver", perListener)
	if perListener > 12 {
		t.Errorf("slots flap: %.1f switches a minute", perListener)
	}
	for i, c := range speakers {
		spoke, was := spoken[i]-spokenBefore[i], heard(c)-heardBefore[i]
		if was < spoke*99/100 {
			t.Errorf("speaker %d: %d packets heard of %d spoken", i, was, spoke)
		}
	}
}
