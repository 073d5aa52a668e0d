package blackbox

import (
	"fmt"
	"testing"
	"time"
)

// eight is a room of eight with three slots each, in which everyone has been heard by everyone and it has been quiet since.
func eight(t *testing.T) []*person {
	t.Helper()
	room := unique("eight")
	var people []*person
	for i := range 8 {
		people = append(people, unlimited.guest(t, fmt.Sprintf("P%d", i)).withSlots(room, 3))
	}
	for _, p := range people {
		for _, other := range people {
			if other != p {
				other.wantHears(p)
			}
		}
		silence(450*time.Millisecond, p.voice)
	}
	return people
}

func voicesOf(people []*person) []*voice {
	var v []*voice
	for _, p := range people {
		v = append(v, p.voice)
	}
	return v
}

func TestEightPeopleWithThreeSlots(t *testing.T) {
	t.Parallel()
	people := eight(t)
	everyone := voicesOf(people)

	// One after the other: the first loud packet, or at the latest the second, reaches all.
	for _, p := range people {
		silence(450*time.Millisecond, everyone...)
		wantFirstWord(t, p, people)
	}

	// Three at once: all others hear all three.
	silence(450*time.Millisecond, everyone...)
	talkers, firsts := people[:3], make([]uint32, 3)
	for i, p := range talkers {
		firsts[i] = p.voice.count.Load() + 1
	}
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	for range 50 {
		for _, p := range talkers {
			p.voice.sayOne(t, loud, true)
		}
		<-tick.C
	}
	for i, p := range talkers {
		for _, other := range people {
			if other == p {
				continue
			}
			eventually(t, patience, "three talkers are heard whole", func() bool {
				return len(since(other.heard.of(p.voice, 0), firsts[i])) >= 49
			})
		}
	}
	for _, p := range people {
		wantContinuous(t, p)
		wantSlotsAgree(t, p, people)
	}
}

func wantFirstWord(t *testing.T, p *person, people []*person) {
	t.Helper()
	first := p.voice.say(t, 10, loud, true)
	for _, other := range people {
		if other == p {
			continue
		}
		eventually(t, patience, "the word is heard by everyone", func() bool {
			return len(since(other.heard.of(p.voice, 0), first)) >= 9
		})
		heard := since(other.heard.of(p.voice, 0), first)
		if heard[0].count > first+1 {
			t.Errorf("of %s, %s heard frame %d first", p.hello.User.Name, other.hello.User.Name, heard[0].count-first+1)
		}
		for i, s := range heard {
			if s.CSRC[0] != p.joined.Participant.CSRC {
				t.Errorf("the packet's CSRC is %d, want %d", s.CSRC[0], p.joined.Participant.CSRC)
			}
			if s.count != heard[0].count+uint32(i) {
				t.Errorf("%s lost a frame of %s before %d", other.hello.User.Name, p.hello.User.Name, s.count-first+1)
			}
		}
	}
}

// wantSlotsAgree compares whom each slot carried last with what signalling says of it.
func wantSlotsAgree(t *testing.T, p *person, people []*person) {
	t.Helper()
	ids := make(map[uint32]string)
	for _, other := range people {
		ids[other.joined.Participant.CSRC] = other.id()
	}
	last := make(map[string]string)
	for _, s := range p.heard.all() {
		last[s.Mid] = ids[s.CSRC[0]]
	}
	eventually(t, patience, "signalling says of each slot what the last packet's CSRC says", func() bool {
		now := slotsNow(p)
		for mid, id := range last {
			if now[mid].Participant != id || now[mid].Source != "microphone" {
				return false
			}
		}
		return true
	})
}

func TestWhoIsSpeakingIsNotCutOffByNoise(t *testing.T) {
	t.Parallel()
	people := eight(t)
	talkers, noisy, listener := people[:3], people[3:7], people[7]
	at := listener.heard.count()
	firsts := make([]uint32, 3)
	for i, p := range talkers {
		firsts[i] = p.voice.count.Load() + 1
	}
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	const frames = 100
	for n := range frames {
		for _, p := range talkers {
			p.voice.sayOne(t, 25, true)
		}
		for i, p := range noisy {
			switch {
			case n >= 40 && n < 43 && i == 0:
				p.voice.sayOne(t, 5, false) // a slammed door
			default:
				p.voice.sayOne(t, 55, false)
			}
		}
		<-tick.C
	}
	for i, p := range talkers {
		eventually(t, patience, "the talkers are heard", func() bool {
			return len(since(listener.heard.of(p.voice, at), firsts[i])) >= frames-1
		})
		last := uint32(0)
		for _, s := range since(listener.heard.of(p.voice, at), firsts[i]) {
			if last != 0 && s.count != last+1 {
				t.Errorf("%s was cut off between frames %d and %d", p.hello.User.Name, last-firsts[i], s.count-firsts[i])
			}
			last = s.count
		}
	}
	for _, p := range noisy {
		if n := len(listener.heard.of(p.voice, at)); n > 0 {
			t.Errorf("%d packets of noise were forwarded while all slots had speech", n)
		}
	}
	wantContinuous(t, listener)
}

func TestTimestampsFollowTheClockOverPauses(t *testing.T) {
	t.Parallel()
	room := unique("pauses")
	listener := guests.guest(t, "Listener").withSlots(room, 1)
	a := guests.guest(t, "Ada").withSlots(room, 1)
	b := guests.guest(t, "Bea").withSlots(room, 1)
	listener.wantHears(a)
	for _, p := range []*person{b, a, a, b} {
		silence(800*time.Millisecond, a.voice, b.voice)
		at := listener.heard.count()
		p.voice.say(t, 10, loud, true)
		eventually(t, patience, "the word is heard", func() bool { return listener.heard.count() >= at+9 })
		sounds := listener.heard.from(at - 1)
		elapsed := sounds[1].Arrived.Sub(sounds[0].Arrived)
		moved := time.Duration(sounds[1].Timestamp-sounds[0].Timestamp) * time.Second / 48_000
		if off := (moved - elapsed).Abs(); off > 150*time.Millisecond {
			t.Errorf("over a pause of %s the timestamp moved by %s", elapsed, moved)
		}
	}
	wantContinuous(t, listener)
}
