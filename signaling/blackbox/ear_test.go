package blackbox

import (
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubbub/signaling/client"
)

const frameTime = 20 * time.Millisecond

// sound is a packet that someone heard. Its payload tells whose it was and the how-manieth, which only the test knows:
// the server sees headers.
type sound struct {
	client.Packet
	from  uint32 // voice.tag of the speaker
	count uint32 // of the speaker's frames, from 1
}

// ear keeps what a person hears.
type ear struct {
	mu     sync.Mutex
	sounds []sound
}

func (e *ear) hear(p client.Packet) {
	s := sound{Packet: p}
	if len(p.Payload) >= 9 {
		s.from, s.count = binary.BigEndian.Uint32(p.Payload[1:]), binary.BigEndian.Uint32(p.Payload[5:])
	}
	s.Payload = nil // is the client's
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sounds = append(e.sounds, s)
}

func (e *ear) all() []sound { return e.from(0) }

// from returns the sounds from index i on.
func (e *ear) from(i int) []sound {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]sound(nil), e.sounds[i:]...)
}

func (e *ear) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.sounds)
}

// of returns what was heard of one voice, from index i on.
func (e *ear) of(v *voice, i int) []sound {
	var out []sound
	for _, s := range e.from(i) {
		if s.from == v.tag {
			out = append(out, s)
		}
	}
	return out
}

// voice sends frames that can be told from all others. Its clock runs on while it sends nothing, as a microphone's does.
type voice struct {
	media *client.Media
	tag   uint32
	count atomic.Uint32

	mu    sync.Mutex
	began time.Time     // when the first frame was sent
	clock time.Duration // how far the frames' timestamps have come since
}

func newVoice(m *client.Media) *voice { return &voice{media: m, tag: uint32(serial.Add(1))} }

// sayOne sends one frame and returns its number.
func (v *voice) sayOne(t *testing.T, level uint8, speech bool) uint32 {
	t.Helper()
	v.keepTime()
	n := v.count.Add(1)
	payload := make([]byte, 60)
	payload[0] = 0x78 // Opus TOC: CELT, fullband, 20 ms, mono
	binary.BigEndian.PutUint32(payload[1:], v.tag)
	binary.BigEndian.PutUint32(payload[5:], n)
	if err := v.media.Send(client.Frame{Payload: payload, Level: level, Voice: speech}); err != nil {
		t.Fatalf("sending sound: %v", err)
	}
	return n
}

// keepTime moves the microphone's clock on when it has fallen behind the real one: a pause, or a test that was held up.
func (v *voice) keepTime() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.began.IsZero() {
		v.began = time.Now()
	}
	if behind := time.Since(v.began) - v.clock; behind > 4*frameTime {
		behind = behind.Round(frameTime)
		v.media.Pause(behind)
		v.clock += behind
	}
	v.clock += frameTime
}

// say sends n frames in real time, and returns the number of the first.
func (v *voice) say(t *testing.T, n int, level uint8, speech bool) (first uint32) {
	t.Helper()
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	first = v.sayOne(t, level, speech)
	for range n - 1 {
		<-tick.C
		v.sayOne(t, level, speech)
	}
	return first
}

// talk goes on in the background until the function that it returns is called.
func (v *voice) talk(t *testing.T, level uint8, speech bool) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var talking sync.WaitGroup
	talking.Go(func() {
		tick := time.NewTicker(frameTime)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				v.sayOne(t, level, speech)
			}
		}
	})
	stop = sync.OnceFunc(func() {
		close(done)
		talking.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// silence lets so much time pass with nobody sending that every voice is quiet: 400 ms, and more on a busy machine. Only
// real time ages a voice.
func silence() { <-time.After(700 * time.Millisecond) }

const loud = 20 // -dBov of someone speaking

func loopbackOnly(ip net.IP) bool { return ip.IsLoopback() }

// device makes media that send from loopback.
func device(t *testing.T, e client.EngineConfig, cfg client.MediaConfig) (*client.Media, *ear) {
	t.Helper()
	e.LocalIP = loopbackOnly
	engine, err := client.NewEngine(e)
	if err != nil {
		t.Fatal(err)
	}
	heard := new(ear)
	cfg.OnPacket = heard.hear
	m, err := engine.NewMedia(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, heard
}

// inWith joins a room with this media and waits until sound can flow.
func (p *person) inWith(room string, e client.EngineConfig, cfg client.MediaConfig) *person {
	p.t.Helper()
	p.joinWith(client.JoinParams{Room: room}, e, cfg)
	return p
}

func (p *person) joinWith(params client.JoinParams, e client.EngineConfig, cfg client.MediaConfig) {
	p.t.Helper()
	p.media, p.heard = device(p.t, e, cfg)
	p.voice = newVoice(p.media)
	joined, err := p.media.Join(within(p.t, patience), p.Client, params)
	if err != nil {
		p.t.Fatalf("%s joins %s: %v", p.hello.User.Name, params.Room, err)
	}
	p.joined = joined
	if err := p.media.Connected(within(p.t, patience)); err != nil {
		p.t.Fatalf("%s: %v", p.hello.User.Name, err)
	}
}

// withSlots joins with a microphone and n slots.
func (p *person) withSlots(room string, n int) *person {
	p.t.Helper()
	return p.inWith(room, client.EngineConfig{}, client.MediaConfig{Slots: n})
}

// wantHears sends frames of from until p has heard one sent after the call.
func (p *person) wantHears(from *person) {
	p.t.Helper()
	first := from.voice.count.Load() + 1
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		from.voice.sayOne(p.t, loud, true)
		for _, s := range p.heard.of(from.voice, 0) {
			if s.count >= first {
				return
			}
		}
	}
	p.t.Fatalf("%s does not hear %s", p.hello.User.Name, from.hello.User.Name)
}

// wantDeafTo sends frames of from for a while, none of which may reach p, while another of the room is heard.
func (p *person) wantDeafTo(from, other *person) {
	p.t.Helper()
	first := from.voice.count.Load() + 1
	at := p.heard.count()
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	for range 25 {
		from.voice.sayOne(p.t, loud, true)
		<-tick.C
	}
	p.wantHears(other) // whatever was forwarded has arrived before it
	for _, s := range p.heard.of(from.voice, at) {
		if s.count >= first {
			p.t.Fatalf("%s hears frame %d of %s", p.hello.User.Name, s.count-first, from.hello.User.Name)
		}
	}
}

// wantContinuous checks what the protocol promises of every slot's stream.
func wantContinuous(t *testing.T, p *person) {
	t.Helper()
	type last struct {
		s     sound
		first sound
	}
	slots := make(map[string]last)
	for _, s := range p.heard.all() {
		if len(s.CSRC) != 1 {
			t.Fatalf("slot %s: a packet has the CSRCs %v, want one", s.Mid, s.CSRC)
		}
		if s.CSRC[0] == p.joined.Participant.CSRC || s.from == p.voice.tag {
			t.Fatalf("slot %s: %s hears their own voice", s.Mid, p.hello.User.Name)
		}
		l, ok := slots[s.Mid]
		if !ok {
			slots[s.Mid] = last{s, s}
			continue
		}
		if s.SSRC != l.s.SSRC {
			t.Fatalf("slot %s: the SSRC changed from %d to %d", s.Mid, l.s.SSRC, s.SSRC)
		}
		if s.SequenceNumber != l.s.SequenceNumber+1 {
			t.Fatalf("slot %s: sequence number %d follows %d", s.Mid, s.SequenceNumber, l.s.SequenceNumber)
		}
		if step := int32(s.Timestamp - l.s.Timestamp); step < 960 {
			t.Fatalf("slot %s: the timestamp moves by %d", s.Mid, step)
		}
		l.s = s
		slots[s.Mid] = l
	}
	// Over the whole of a slot's life the timestamps follow the clock.
	for mid, l := range slots {
		elapsed := l.s.Arrived.Sub(l.first.Arrived)
		ticks := time.Duration(l.s.Timestamp-l.first.Timestamp) * time.Second / 48_000
		if off := (elapsed - ticks).Abs(); off > 500*time.Millisecond {
			t.Errorf("slot %s: in %s the timestamps moved by %s", mid, elapsed, ticks)
		}
	}
}

// slotsNow is whom p's slots carry, by mid, as signalling has said so far.
func slotsNow(p *person) map[string]client.Slot {
	p.t.Helper()
	now := make(map[string]client.Slot)
	for _, s := range p.joined.Slots {
		now[s.Mid] = s
	}
	for _, e := range allTold[client.SlotsEvent](p, "slots") {
		for _, s := range e.Slots {
			now[s.Mid] = s
		}
	}
	return now
}
