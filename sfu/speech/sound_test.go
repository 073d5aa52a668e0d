package speech

import (
	"math"
	"math/rand/v2"
)

// The generators below make what a microphone's RTP stream says of its sound, one call for every 20 ms. They are seeded, so that a
// simulation's figures can be compared from run to run.

// frame is 20 ms of a source. A frame that is not sent is a DTX gap.
type frame struct {
	sent     bool
	level    Level
	speaking bool // what is true, for the tests to compare with
}

type sound interface{ next() frame }

// flagging is how a sender sets the voice flag.
type flagging int

const (
	flagWorks flagging = iota // set while there is voice, and for a moment after
	flagStuck                 // always set: a browser without DTX
	flagNever
	noLevels // no extension at all
)

// microphone turns loudness into frames as a browser does: noise floor added, voice flag with hangover, DTX when there is
// none.
type microphone struct {
	rnd   *rand.Rand
	noise float64 // dBov
	flag  flagging
	dtx   bool

	drift    float64
	hangover int
	silence  int
}

func (m *microphone) hear(dBov float64, voiced, speaking bool) frame {
	m.drift = m.drift*0.98 + m.rnd.NormFloat64()*0.15
	noise := m.noise + m.drift + m.rnd.NormFloat64()*0.7
	level := 10 * math.Log10(math.Pow(10, dBov/10)+math.Pow(10, noise/10))
	if voiced {
		m.hangover = 6
	} else if m.hangover > 0 {
		m.hangover--
	}
	active := m.hangover > 0
	if active {
		m.silence = 0
	} else {
		m.silence++
	}
	f := frame{sent: true, speaking: speaking, level: Level{
		Present:     m.flag != noLevels,
		Voice:       m.flag == flagStuck || m.flag == flagWorks && active,
		Attenuation: uint8(min(max(math.Round(-level), 0), 127)),
	}}
	if m.dtx && m.silence > 10 && m.silence%20 != 0 {
		f.sent = false
	}
	return f
}

// talker speaks in turns: phrases of syllables, with breaths before and pauses between them. Whether it has the turn is
// decided elsewhere.
type talker struct {
	microphone
	loudness float64
	turn     bool

	phrase   int // frames left of this phrase
	wait     int // frames left of silence
	breath   int
	syllable int
	length   int
	peak     float64
}

func (t *talker) next() frame {
	const silence = -100
	switch {
	case t.wait > 0:
		t.wait--
		return t.hear(silence, false, false)
	case !t.turn && t.phrase == 0:
		return t.hear(silence, false, false)
	case t.breath > 0:
		if t.breath--; t.breath == 0 {
			t.phrase = 30 + t.rnd.IntN(120) // 0.6 to 3 s
			t.length = 0
		}
		return t.hear(-52+t.rnd.NormFloat64()*2, false, false)
	case t.phrase == 0:
		t.breath = 5 + t.rnd.IntN(8)
		return t.hear(silence, false, false)
	}
	if t.phrase--; t.phrase == 0 {
		t.wait = 8 + t.rnd.IntN(30) // 0.16 to 0.76 s
	}
	if t.syllable >= t.length {
		t.syllable, t.length = 0, 6+t.rnd.IntN(8) // 120 to 260 ms
		t.peak = t.loudness + t.rnd.NormFloat64()*4
		if t.rnd.IntN(5) == 0 { // a stop consonant or the gap between words
			t.peak = silence
			t.length = 2 + t.rnd.IntN(4)
		}
	}
	at := (float64(t.syllable) + 0.5) / float64(t.length)
	t.syllable++
	if t.peak == silence {
		return t.hear(silence, true, false)
	}
	envelope := t.peak - 18*math.Pow(2*at-0.8, 2)
	return t.hear(envelope+t.rnd.NormFloat64()*1.5, true, true)
}

// hum is an open microphone in a room where nothing happens.
type hum struct{ microphone }

func (h *hum) next() frame { return h.hear(-100, false, false) }

// typist is an open microphone beside a keyboard: clicks of one or two packets, in bouts.
type typist struct {
	microphone
	bout, rest, click int
	apart             int
	level             float64
}

func (t *typist) next() frame {
	switch {
	case t.rest > 0:
		t.rest--
	case t.bout == 0:
		t.bout, t.rest = 100+t.rnd.IntN(400), 50+t.rnd.IntN(500)
	default:
		t.bout--
		if t.apart--; t.apart <= 0 { // about seven keys a second
			t.apart = 4 + t.rnd.IntN(7)
			t.click = 1 + t.rnd.IntN(2)
			t.level = -36 + t.rnd.NormFloat64()*5
		}
	}
	if t.click > 0 {
		t.click--
		level := t.level
		t.level -= 14
		return t.hear(level, true, false)
	}
	return t.hear(-100, false, false)
}

// banger is an open microphone where a door slams or someone coughs now and then.
type banger struct {
	microphone
	every int // frames between bangs, on average
	left  int
	level float64
}

func (b *banger) next() frame {
	if b.left == 0 && b.rnd.IntN(b.every) == 0 {
		b.left = 8 + b.rnd.IntN(7) // 160 to 280 ms
		b.level = -14 + b.rnd.NormFloat64()*3
	}
	if b.left > 0 {
		b.left--
		b.level -= 1.5
		return b.hear(b.level, true, false)
	}
	return b.hear(-100, false, false)
}

// babbler is an open microphone with a television or people somewhere behind it: weak speech that never takes turns.
func newBabbler(rnd *rand.Rand, flag flagging, dtx bool) *talker {
	return &talker{microphone: microphone{rnd: rnd, noise: -62, flag: flag, dtx: dtx}, loudness: -52, turn: true}
}

// conversation gives the turn to one of its talkers after the other, with overlaps and short assents.
type conversation struct {
	rnd     *rand.Rand
	talkers []*talker
	left    int
	holder  int
}

func (c *conversation) step() {
	if c.left--; c.left <= 0 {
		c.left = 100 + c.rnd.IntN(300) // 2 to 8 s
		c.holder = c.rnd.IntN(len(c.talkers))
	}
	for i, t := range c.talkers {
		t.turn = i == c.holder || t.turn && c.rnd.IntN(15) != 0 || c.rnd.IntN(600) == 0
	}
}
