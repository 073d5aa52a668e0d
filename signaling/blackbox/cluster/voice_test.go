package cluster

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hubbub/signaling/client"
)

const (
	frameTime = 20 * time.Millisecond
	loudness  = 20 // -dBov, as the level extension says

	// The server forwards payloads without looking at them, so a frame carries plain samples behind a header of its own: what an
	// ear makes of it is exactly what came through, without a codec's tricks.
	sampleRate   = 8000
	frameSamples = sampleRate / 50
	amplitude    = 100 // of 127
	headerBytes  = 9   // Opus TOC, tag, number
)

var tags atomic.Uint32

// toneOf is the frequency of a voice in Hz: a whole number of periods in a frame, so that its energy can be told from that of
// every other tone in one frame.
func toneOf(tag uint32) float64 { return 300 + 50*float64(tag%70) }

// voice is someone who talks: a tone of their own in numbered frames, into every microphone that they have open.
type voice struct {
	tag uint32

	mu      sync.Mutex
	mics    []*client.Media
	sent    []time.Time // when each frame was sent; frames are numbered from 1
	began   time.Time
	clock   time.Duration // how far the microphones' clocks have come since
	talking sync.WaitGroup
	done    chan struct{} // nil while silent
}

func newVoice() *voice { return &voice{tag: tags.Add(1)} }

// into sets the microphones that the voice goes into.
func (v *voice) into(mics ...*client.Media) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mics = mics
}

// talk goes on until hush.
func (v *voice) talk() {
	v.done = make(chan struct{})
	v.talking.Go(func() {
		tick := time.NewTicker(frameTime)
		defer tick.Stop()
		for {
			select {
			case <-v.done:
				return
			case <-tick.C:
				v.say()
			}
		}
	})
}

func (v *voice) hush() {
	if v.done != nil {
		close(v.done)
		v.talking.Wait()
		v.done = nil
	}
}

// say sends one frame. A microphone that is closed or not connected yet loses it, as a real one would.
func (v *voice) say() {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	if v.began.IsZero() {
		v.began = now
	}
	// A microphone's clock runs on while this process is held up.
	if behind := now.Sub(v.began) - v.clock; behind > 4*frameTime {
		behind = behind.Round(frameTime)
		v.clock += behind
		for _, m := range v.mics {
			m.Pause(behind)
		}
	}
	v.clock += frameTime
	v.sent = append(v.sent, now)
	payload := frame(v.tag, uint32(len(v.sent)))
	for _, m := range v.mics {
		_ = m.Send(client.Frame{Payload: payload, Level: loudness, Voice: true})
	}
}

// times are when the frames so far were sent.
func (v *voice) times() []time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.sent)
}

func frame(tag, number uint32) []byte {
	payload := make([]byte, headerBytes, headerBytes+frameSamples)
	payload[0] = 0x78 // Opus TOC: CELT, fullband, 20 ms, mono
	binary.BigEndian.PutUint32(payload[1:], tag)
	binary.BigEndian.PutUint32(payload[5:], number)
	step := 2 * math.Pi * toneOf(tag) / sampleRate
	for i := range frameSamples {
		payload = append(payload, byte(128+math.Round(amplitude*math.Sin(step*float64(i)))))
	}
	return payload
}
