package speech

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// simulation is one subscriber's view of a room.
type simulation struct {
	rnd       *rand.Rand
	assigner  *Assigner
	sounds    []sound
	detectors []*Detector
	now       time.Duration
	frame     uint32

	switches  int
	gated     int   // packets that no subscriber had to be asked about
	packets   int   // all
	spoken    []int // frames of true speech by source,
	unheard   []int // and those not forwarded
	frequency map[uint32]int
}

func newSimulation(seed uint64, slots int, sounds []sound) *simulation {
	s := &simulation{
		rnd:      rand.New(rand.NewPCG(seed, 1)),
		assigner: NewAssigner(1, slots),
		sounds:   sounds,
		spoken:   make([]int, len(sounds)),
		unheard:  make([]int, len(sounds)),
		now:      time.Hour,

		frequency: map[uint32]int{},
	}
	for range sounds {
		s.detectors = append(s.detectors, NewDetector())
	}
	return s
}

// id is the source number of a sound; 1 is the subscriber.
func id(sound int) uint32 { return uint32(sound) + 2 }

// step lets 20 ms pass. Packets of a moment arrive in random order.
func (s *simulation) step() {
	for _, i := range s.rnd.Perm(len(s.sounds)) {
		f := s.sounds[i].next()
		heard := false
		if f.sent {
			s.packets++
			v := s.detectors[i].Observe(s.now+time.Duration(s.rnd.IntN(15))*time.Millisecond, s.frame*960, f.level)
			if v.Forwardable(s.holds(i)) {
				var switched bool
				_, switched, heard = s.assigner.Place(s.now, id(i), v)
				if switched {
					s.switches++
					s.frequency[id(i)]++
				}
			} else {
				s.gated++
			}
		}
		if f.speaking {
			s.spoken[i]++
			if !heard {
				s.unheard[i]++
			}
		}
	}
	s.now += 20 * time.Millisecond
	s.frame++
}

func (s *simulation) holds(i int) int {
	for slot := range s.assigner.Slots() {
		if s.assigner.Occupant(slot) == id(i) {
			return 1
		}
	}
	return 0
}

// crowd is three people talking and forty open microphones. The talkers come first.
func crowd(seed uint64, talkers int) ([]sound, *conversation) {
	rnd := func(i uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 100+i)) }
	mic := rnd(0)
	talk := &conversation{rnd: rnd(1)}
	var sounds []sound
	for i := range talkers {
		t := &talker{
			microphone: microphone{rnd: rnd(uint64(2 + i)), noise: -58 + 5*mic.NormFloat64(), flag: flagging(i % 3), dtx: i%3 == 0},
			loudness:   -26 + 2*mic.NormFloat64(),
		}
		talk.talkers = append(talk.talkers, t)
		sounds = append(sounds, t)
	}
	for i := range 40 {
		flag := flagging(i % 3)
		m := microphone{rnd: rnd(uint64(50 + i)), noise: -60 + 15*mic.Float64(), flag: flag, dtx: flag == flagWorks}
		switch {
		case i < 26:
			sounds = append(sounds, &hum{m})
		case i < 34:
			sounds = append(sounds, &typist{microphone: m})
		case i < 37:
			sounds = append(sounds, &banger{microphone: m, every: 1500})
		case i < 38:
			sounds = append(sounds, &hum{m})
		default:
			sounds = append(sounds, newBabbler(m.rnd, flag, m.dtx))
		}
	}
	return sounds, talk
}

// Slots must not flap: three people talk for a minute among forty open microphones with hum up to -45 dBov, keyboards, slammed doors and
// televisions.
func TestThreeTalkersAmongFortyMicrophones(t *testing.T) {
	for _, slots := range []int{3, 4, 8} {
		t.Run(fmt.Sprint(slots, " slots"), func(t *testing.T) {
			const seeds = 20
			total, worst, spoken, unheard, gated, packets := 0, 0, 0, 0, 0, 0
			for seed := range uint64(seeds) {
				sounds, talk := crowd(seed, 3)
				s := newSimulation(seed, slots, sounds)
				for range 5 * 50 { // the microphones are open before anyone talks
					s.step()
				}
				s.switches = 0
				clear(s.frequency)
				for range 60 * 50 {
					talk.step()
					s.step()
				}
				total += s.switches
				worst = max(worst, s.switches)
				gated, packets = gated+s.gated, packets+s.packets
				for i := range 3 {
					spoken, unheard = spoken+s.spoken[i], unheard+s.unheard[i]
				}
				if testing.Verbose() {
					t.Log(seed, s.switches, s.spoken[:3], s.unheard[:3], s.frequency)
				}
			}
			t.Logf("%d slots: %.1f switches a minute (worst %d); %.2f %% of speech unheard; %.0f %% of packets need no subscriber",
				slots, float64(total)/seeds, worst, 100*float64(unheard)/float64(spoken), 100*float64(gated)/float64(packets))
		})
	}
}
