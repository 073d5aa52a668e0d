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
	order     []int // of packets that come at the same time

	judge func(sound int, l Level) Verdict // instead of the Detectors

	switches int
	gated    int   // packets that no subscriber had to be asked about
	packets  int   // all
	spoken   []int // frames of true speech by source,
	unheard  []int // and those not forwarded
}

func newSimulation(seed uint64, slots int, sounds []sound) *simulation {
	s := &simulation{
		rnd:      rand.New(rand.NewPCG(seed, 1)),
		assigner: NewAssigner(1, slots),
		sounds:   sounds,
		spoken:   make([]int, len(sounds)),
		unheard:  make([]int, len(sounds)),
		now:      time.Hour,
	}
	for i := range sounds {
		s.order = append(s.order, i)
		s.detectors = append(s.detectors, NewDetector())
	}
	return s
}

// id is the source number of a sound; 1 is the subscriber.
func id(sound int) uint32 { return uint32(sound) + 2 }

// step lets 20 ms pass. Packets of a moment arrive in random order.
func (s *simulation) step() {
	s.rnd.Shuffle(len(s.order), func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
	for _, i := range s.order {
		f := s.sounds[i].next()
		heard := false
		if f.sent {
			s.packets++
			v := s.observe(i, f.level)
			if v.Forwardable(s.holds(i)) {
				var switched bool
				_, switched, heard = s.assigner.Place(s.now, id(i), v)
				if switched {
					s.switches++
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

func (s *simulation) observe(i int, l Level) Verdict {
	if s.judge != nil {
		return s.judge(i, l)
	}
	jitter := time.Duration(s.rnd.IntN(15)) * time.Millisecond
	return s.detectors[i].Observe(s.now+jitter, s.frame*960, l)
}

func (s *simulation) holds(i int) int {
	for slot := range s.assigner.Slots() {
		if s.assigner.Occupant(slot) == id(i) {
			return 1
		}
	}
	return 0
}

// crowd is people talking, who come first, and forty open microphones.
func crowd(seed uint64, talkers int, noise func(i int, m microphone) sound) ([]sound, *conversation) {
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
		sounds = append(sounds, noise(i, m))
	}
	return sounds, talk
}

func onlyHum(_ int, m microphone) sound { return &hum{m} }

// office is eight keyboards, three people who cough or slam doors twice a minute, two televisions, and hum.
func office(i int, m microphone) sound {
	switch {
	case i < 8:
		return &typist{microphone: m}
	case i < 11:
		return &banger{microphone: m, every: 1500}
	case i < 13:
		return newBabbler(m.rnd, m.flag, m.dtx)
	}
	return &hum{m}
}

// Slots must not flap: three people talk for a minute among forty open microphones, whose hum is up to -45 dBov and whose voice flags are
// right, stuck or never set. The figures are means of several conversations.
func TestThreeTalkersAmongFortyMicrophones(t *testing.T) {
	const conversations = 3
	t.Parallel()
	for _, test := range []struct {
		name     string
		noise    func(int, microphone) sound
		slots    int
		switches float64 // a minute, at most
		unheard  float64 // of what the talkers say, at most
	}{
		{"hum", onlyHum, 3, 3, 0.005},
		{"hum", onlyHum, 4, 3, 0.005},
		{"hum", onlyHum, 8, 3, 0.005},
		{"office", office, 3, 26, 0.02},
		{"office", office, 4, 22, 0.01},
		{"office", office, 8, 10, 0.002},
	} {
		t.Run(fmt.Sprintf("%s, %d slots", test.name, test.slots), func(t *testing.T) {
			var switches, worst, spoken, unheard, gated, packets int
			for seed := range uint64(conversations) {
				sounds, talk := crowd(seed, 3, test.noise)
				s := newSimulation(seed, test.slots, sounds)
				for range 5 * 50 { // the microphones are open before anyone talks
					s.step()
				}
				s.switches = 0
				for range 60 * 50 {
					talk.step()
					s.step()
				}
				switches += s.switches
				worst = max(worst, s.switches)
				gated, packets = gated+s.gated, packets+s.packets
				for i := range 3 {
					spoken, unheard = spoken+s.spoken[i], unheard+s.unheard[i]
				}
			}
			mean, lost := float64(switches)/conversations, float64(unheard)/float64(spoken)
			t.Logf("%.1f switches a minute, %d at worst; %.2f %% of speech unheard; %.0f %% of packets need no subscriber",
				mean, worst, 100*lost, 100*float64(gated)/float64(packets))
			if mean > test.switches || lost > test.unheard {
				t.Errorf("want at most %v switches, %v %% unheard", test.switches, 100*test.unheard)
			}
		})
	}
}

// The same room judged by the protocol's definition of quiet and nothing else, to show what the Detector is for: microphones whose voice
// flag is stuck never give their slots back.
func TestRoomNeedsMoreThanFlagsAndLevels(t *testing.T) {
	sounds, talk := crowd(0, 3, office)
	s := newSimulation(0, 3, sounds)
	flags := make([]bool, len(sounds))
	s.judge = func(i int, l Level) Verdict {
		flags[i] = flags[i] || l.Voice
		if l.Voice || !flags[i] && l.dBov() > audible {
			return Verdict{Activity: Loud, Voice: true}
		}
		return Verdict{Activity: Quiet}
	}
	for range 60 * 50 {
		talk.step()
		s.step()
	}
	unheard := float64(s.unheard[0]+s.unheard[1]+s.unheard[2]) / float64(s.spoken[0]+s.spoken[1]+s.spoken[2])
	t.Logf("%d switches, %.0f %% of speech unheard", s.switches, 100*unheard)
	if unheard < 0.2 {
		t.Error("the simulated room is too easy to test anything")
	}
}

// Six people who all want to talk at once share three slots: nobody is shut out, and the loudest are heard most.
func TestNobodyStarves(t *testing.T) {
	sounds, talk := crowd(1, 6, onlyHum)
	for i, p := range talk.talkers {
		p.turn, p.loudness = true, -22-float64(i)
	}
	s := newSimulation(1, 3, sounds)
	for range 120 * 50 {
		s.step()
	}
	for i := range 6 {
		heard := 1 - float64(s.unheard[i])/float64(s.spoken[i])
		t.Logf("%.0f dBov: %.0f %% heard", talk.talkers[i].loudness, 100*heard)
		if heard < 0.2 {
			t.Errorf("talker %d is heard %.0f %% of the time", i, 100*heard)
		}
	}
	t.Logf("%d switches a minute", s.switches/2)
}
