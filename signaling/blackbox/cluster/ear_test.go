package cluster

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"hubbub/signaling/client"
)

// sound is a frame that was heard.
type sound struct {
	number uint32 // of the speaker's frames
	at     time.Time
	seat   int    // the connection of the listener that it came by
	csrc   uint32 // whom the server says it is from
}

// ear keeps what a person heard, over all their connections, and what was wrong with it.
type ear struct {
	mu       sync.Mutex
	heard    map[uint32][]sound // by the voice's tag
	last     map[slotID]client.Packet
	problems []string
}

type slotID struct {
	seat int
	mid  string
}

func newEar() *ear {
	return &ear{heard: make(map[uint32][]sound), last: make(map[slotID]client.Packet)}
}

// hear takes a packet that came by the person's connection of this number.
func (e *ear) hear(seat int, p client.Packet) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(p.Payload) != headerBytes+frameSamples || len(p.CSRC) != 1 {
		e.complain("a packet of %d bytes with the CSRCs %v", len(p.Payload), p.CSRC)
		return
	}
	tag, number := binary.BigEndian.Uint32(p.Payload[1:]), binary.BigEndian.Uint32(p.Payload[5:])
	if level, purity := measure(p.Payload[headerBytes:], toneOf(tag)); level < -6 || purity < 0.95 {
		e.complain("frame %d of voice %d has %.1f dBFS, %.0f %% of it at %.0f Hz", number, tag, level, 100*purity, toneOf(tag))
	}
	id := slotID{seat, p.Mid}
	if before, ok := e.last[id]; ok && before.SSRC != p.SSRC {
		e.complain("slot %s: the SSRC changed from %d to %d", p.Mid, before.SSRC, p.SSRC)
	} else if step := int16(p.SequenceNumber - before.SequenceNumber); ok && step <= 0 {
		e.complain("slot %s: sequence number %d after %d", p.Mid, p.SequenceNumber, before.SequenceNumber)
	}
	p.Payload = nil // is the client's
	e.last[id] = p
	e.heard[tag] = append(e.heard[tag], sound{number, p.Arrived, seat, p.CSRC[0]})
}

func (e *ear) complain(format string, args ...any) {
	if len(e.problems) < 20 {
		e.problems = append(e.problems, fmt.Sprintf(format, args...))
	}
}

// measure returns how loud samples are, in dB of a full-scale sine, and which share of their energy is at a frequency
// (Goertzel's algorithm).
func measure(samples []byte, frequency float64) (level, purity float64) {
	var energy, s1, s2 float64
	k := 2 * math.Cos(2*math.Pi*frequency/sampleRate)
	for _, b := range samples {
		x := (float64(b) - 128) / 127
		energy += x * x
		s1, s2 = x+k*s1-s2, s1
	}
	if energy == 0 {
		return math.Inf(-1), 0
	}
	n := float64(len(samples))
	power := s1*s1 + s2*s2 - k*s1*s2
	return 10 * math.Log10(2*energy/n), 2 * power / (n * energy)
}

// since tells whether a frame of v has arrived after a moment.
func (e *ear) since(v *voice, moment time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.heard[v.tag]
	return len(all) > 0 && all[len(all)-1].at.After(moment)
}

// of returns the frames of v in the order of arrival, each once, and how many came again by the same connection.
func (e *ear) of(v *voice) (first []sound, again int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	known := make(map[uint32][]int)
	for _, s := range e.heard[v.tag] {
		seats := known[s.number]
		if slices.Contains(seats, s.seat) {
			again++
		}
		if len(seats) == 0 {
			first = append(first, s)
		}
		known[s.number] = append(seats, s.seat)
	}
	return first, again
}

// silence is the longest time between two moments for which nothing of v was heard although v talked: from when the
// frame after the last one heard should have come, to when one came. That v itself was held up does not count.
func (e *ear) silence(v *voice, from, to time.Time) (longest time.Duration, began time.Time) {
	sent := v.times()
	heard, _ := e.of(v)
	due := from
	until := func(end time.Time) {
		if d := end.Sub(due); d > longest {
			longest, began = d, due
		}
	}
	for _, s := range heard {
		if s.at.After(to) {
			break
		}
		if s.at.After(from) {
			until(s.at)
		}
		due = to
		if int(s.number) < len(sent) { // sent[number] is the frame after it
			transit := s.at.Sub(sent[s.number-1])
			due = sent[s.number].Add(transit)
		}
		if due.Before(from) {
			due = from
		}
	}
	until(to)
	return longest, began
}

// wantSound fails the test for everything that was wrong with what was heard.
func (e *ear) wantSound(t *testing.T, whose string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.problems {
		t.Errorf("%s heard %s", whose, p)
	}
}

func TestTheEarMeasuresTones(t *testing.T) {
	t.Parallel()
	for tag := range uint32(70) {
		samples := frame(tag, 1)[headerBytes:]
		level, purity := measure(samples, toneOf(tag))
		if want := 20 * math.Log10(amplitude/127.0); math.Abs(level-want) > 0.2 || purity < 0.99 {
			t.Errorf("%.0f Hz: %.2f dBFS, want %.2f; purity %.3f", toneOf(tag), level, want, purity)
		}
		if _, other := measure(samples, toneOf(tag+1)); other > 0.05 {
			t.Errorf("%.0f Hz has %.3f of its energy at %.0f Hz", toneOf(tag), other, toneOf(tag+1))
		}
	}
}

func TestTheEarMeasuresSilences(t *testing.T) {
	t.Parallel()
	began := time.Now()
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	v, e := newVoice(), newEar()
	for i := range 100 { // for two seconds
		v.sent = append(v.sent, at(20*i))
	}
	arrives := func(number, ms int) {
		e.heard[v.tag] = append(e.heard[v.tag], sound{number: uint32(number), at: at(ms)})
	}
	for number := 1; number <= 20; number++ {
		arrives(number, 20*number) // 20 ms under way
	}
	for number := 31; number <= 60; number++ { // ten frames are lost, the next ones take 50 ms
		arrives(number, 20*number+30)
	}
	arrives(60, 1400) // again, by another connection: not a sound of its own
	for _, c := range []struct {
		from, to, want int
	}{
		{0, 400, 20},
		{0, 1200, 650 - 420},
		{600, 1200, 50},
		{600, 1600, 1600 - 1250},
		{1700, 1900, 200},
	} {
		if got, _ := e.silence(v, at(c.from), at(c.to)); got != time.Duration(c.want)*time.Millisecond {
			t.Errorf("from %d to %d ms the longest silence is %s, want %d ms", c.from, c.to, got, c.want)
		}
	}
}
