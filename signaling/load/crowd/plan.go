//go:build linux

package crowd

import (
	"errors"
	"fmt"
	"time"

	"hubbub/signaling/load/stamp"
)

// Plan says who is there and what they do. People are numbered through all rooms; the first Speakers of each room have something to say.
type Plan struct {
	Rooms       int
	People      int // in each room
	Speakers    int // of those
	Microphones int // of those, the speakers included; the others offer to receive only
	Slots       int // voices that each can hear at once
	Sound       Sound
	Seed        uint64 // of the moments within an interval at which the speakers send
}

// Sound is what a speaker sends.
type Sound struct {
	Interval time.Duration // between two packets; 0: nothing is sent
	Bytes    int           // of payload
	Level    uint8         // -dBov (RFC 6464)
	Voice    bool
}

// Kinds of sound.
var (
	// Speech is Opus at 32 kbit/s.
	Speech = Sound{Interval: 20 * time.Millisecond, Bytes: 80, Level: 25, Voice: true}
	// Silence is a quiet room before an open microphone without DTX.
	Silence = Sound{Interval: 20 * time.Millisecond, Bytes: 80, Level: 127}
	// Comfort is the same with DTX: now and then a frame of comfort noise (RFC 7587, section 3.1.3).
	Comfort = Sound{Interval: 400 * time.Millisecond, Bytes: 2, Level: 127}
)

func (p Plan) check() error {
	switch {
	case p.Rooms < 1 || p.People < 1:
		return errors.New("there must be at least one room with one in it")
	case p.Speakers < 0 || p.Speakers > p.Microphones || p.Microphones > p.People:
		return fmt.Errorf("%d people with %d microphones, of whom %d speak: it cannot be", p.People, p.Microphones, p.Speakers)
	case p.Slots < 1:
		return errors.New("everyone needs a slot")
	case p.Sound.Bytes > 1000:
		return errors.New("a payload has at most 1000 bytes")
	}
	return nil
}

// total is how many people there are in all rooms.
func (p Plan) total() int { return p.Rooms * p.People }

func (p Plan) place(number int) int      { return number % p.People }
func (p Plan) speaks(number int) bool    { return p.place(number) < p.Speakers }
func (p Plan) publishes(number int) bool { return p.place(number) < p.Microphones }

// expected is how many speakers someone is to hear.
func (p Plan) expected(number int) int {
	if p.Sound.Bytes < stamp.Bytes || p.Sound.Level == Silence.Level {
		return 0 // silence is not forwarded
	}
	others := p.Speakers
	if p.speaks(number) {
		others--
	}
	return min(others, p.Slots)
}

// hears says whether a listener hears a speaker of the same room where nobody selects: those whose numbers come next, as many as there are
// slots, so that everyone is heard by equally many.
func (p Plan) hears(listener, speaker int) bool {
	if listener == speaker || !p.speaks(speaker) || listener/p.People != speaker/p.People {
		return false
	}
	if !p.speaks(listener) {
		return p.place(speaker) < p.Slots
	}
	ahead := (p.place(speaker) - p.place(listener) + p.Speakers) % p.Speakers
	return ahead <= p.Slots
}
