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
		silence()
	}
	return people
}

func TestEightPeopleWithThreeSlots(t *testing.T) {
	t.Parallel()
	people := eight(t)

	// One after the other: the first loud packet, or at the latest the second, reaches all.
	for _, p := range people {
		silence()
		wantFirstWord(t, p, people)
	}

	// Three at once: all others hear all three.
	silence()
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
			if other != p {
				wantWhole(t, other, p, firsts[i], 50)
			}
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
		if other != p {
			wantWhole(t, other, p, first, 10)
		}
	}
}

// wantWhole waits until listener has heard the n frames of speaker from first on, all but perhaps the very first.
func wantWhole(t *testing.T, listener, speaker *person, first uint32, n int) {
	t.Helper()
	var heard []uint32
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(frameTime); ; <-tick.C {
		heard = heard[:0]
		for _, s := range since(listener.heard.of(speaker.voice, 0), first) {
			heard = append(heard, s.count-first)
			if s.CSRC[0] != speaker.joined.Participant.CSRC {
				t.Fatalf("the packet's CSRC is %d, want %d", s.CSRC[0], speaker.joined.Participant.CSRC)
			}
		}
		if len(heard) > 0 && int(heard[len(heard)-1]) >= n-1 || time.Now().After(deadline) {
			tick.Stop()
			break
		}
	}
	missing := n - len(heard)
	if missing > 1 || missing == 1 && heard[0] != 1 {
		t.Errorf("of %d frames of %s, %s heard these: %v", n, speaker.hello.User.Name, listener.hello.User.Name, heard)
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
			case n < 10: // the talkers come first
			case n >= 40 && n < 43 && i == 0:
				p.voice.sayOne(t, 5, false) // a slammed door
			default:
				p.voice.sayOne(t, 55, false)
			}
		}
		<-tick.C
	}
	for i, p := range talkers {
		wantWhole(t, listener, p, firsts[i], frames)
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
		silence()
		at := listener.heard.count()
		p.voice.say(t, 10, loud, true)
		eventually(t, patience, "the word is heard", func() bool { return listener.heard.count() >= at+9 })
		sounds := listener.heard.from(at - 1)
		elapsed := sounds[1].Arrived.Sub(sounds[0].Arrived)
		moved := time.Duration(sounds[1].Timestamp-sounds[0].Timestamp) * time.Second / 48_000
		if off := (moved - elapsed).Abs(); off > 350*time.Millisecond {
			t.Errorf("over a pause of %s the timestamp moved by %s", elapsed, moved)
		}
	}
	wantContinuous(t, listener)
}

func TestAQuietSlotGoesToANewSpeakersFirstPacketsHoweverShortTheWord(t *testing.T) {
	t.Parallel()
	room := unique("short-words")
	listener := unlimited.guest(t, "Listener").withSlots(room, 1)
	var people []*person
	for i := range 3 {
		people = append(people, unlimited.guest(t, fmt.Sprintf("P%d", i)).withSlots(room, 1))
	}
	for _, p := range people {
		listener.wantHears(p)
		silence()
	}
	for range 4 {
		for _, p := range people {
			silence()
			first := p.voice.say(t, 4, loud, true)
			wantWhole(t, listener, p, first, 4)
		}
	}
}
