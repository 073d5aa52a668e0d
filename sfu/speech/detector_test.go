package speech

import (
	"testing"
	"time"
)

func TestParseLevel(t *testing.T) {
	for _, test := range []struct {
		extension []byte
		want      Level
	}{
		{nil, Level{}},
		{[]byte{}, Level{}},
		{[]byte{0x00}, Level{Present: true}},
		{[]byte{0x7f}, Level{Present: true, Attenuation: 127}},
		{[]byte{0x9e}, Level{Present: true, Voice: true, Attenuation: 30}},
		{[]byte{0x9e, 0xff}, Level{Present: true, Voice: true, Attenuation: 30}},
	} {
		if got := ParseLevel(test.extension); got != test.want {
			t.Errorf("ParseLevel(%x) = %+v, want %+v", test.extension, got, test.want)
		}
	}
}

// What the protocol calls voice, and what it does not.
func TestVoice(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(*stream)
		level  Level
		want   bool
	}{
		{"flag set, soft", nil, voiceAt(-70), true},
		{"flag never set, above -60", nil, at(-59), true},
		{"flag never set, at -60", nil, at(-60), false},
		{"flag set once, not now, loud", func(s *stream) { s.packet(voiceAt(-30)) }, at(-30), false},
		{"constant noise, flag never set", func(s *stream) { s.packets(2*time.Second, at(-45)) }, at(-45), false},
		{"constant noise, flag stuck", func(s *stream) { s.packets(4*time.Second, voiceAt(-45)) }, voiceAt(-46), false},
		{"above constant noise, flag stuck", func(s *stream) { s.packets(4*time.Second, voiceAt(-55)) }, voiceAt(-45), true},
		{"a long tone", func(s *stream) { s.packets(time.Minute, voiceAt(-30)) }, voiceAt(-30), true},
		{"a long tone, flag never set", func(s *stream) { s.packets(time.Minute, at(-40)) }, at(-40), true},
		{"muted, then noise", func(s *stream) {
			s.packets(2*time.Second, at(-45))
			s.packets(time.Minute, at(-127))
		}, at(-44), false},
		{"no level, nor any before", func(s *stream) { s.packet(Level{}) }, Level{}, true},
		{"no level, first after a pause", func(s *stream) {
			s.packets(time.Second, Level{})
			s.pause(400 * time.Millisecond)
		}, Level{}, false},
		{"no level, but there was one", func(s *stream) { s.packet(at(-80)) }, Level{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStream()
			if test.before != nil {
				test.before(s)
			}
			if got := s.packet(test.level); got.Voice != test.want {
				t.Errorf("got %+v, want voice %v", got, test.want)
			}
		})
	}
}

// What a source sends, and what its last packets entitle it to.
func TestActivity(t *testing.T) {
	for _, test := range []struct {
		name string
		play func(*stream) Verdict
		want Activity
	}{
		{"first packet of a sound", func(s *stream) Verdict { return s.packet(voiceAt(-30)) }, Onset},
		{"second packet of a sound", func(s *stream) Verdict {
			s.packet(voiceAt(-30))
			return s.packet(voiceAt(-30))
		}, Loud},
		{"second packet after noise", func(s *stream) Verdict {
			s.packets(5*time.Second, at(-50))
			s.packet(at(-30))
			return s.packet(at(-33))
		}, Loud},
		{"a click dies away", func(s *stream) Verdict {
			s.packets(time.Second, at(-70))
			s.packet(at(-30))
			return s.packet(at(-45))
		}, Onset},
		{"a third click of two packets", func(s *stream) Verdict {
			s.packets(time.Second, at(-70))
			for range 3 {
				s.packet(at(-30))
				s.packet(at(-30))
				s.packets(200*time.Millisecond, at(-70))
			}
			s.packet(at(-30))
			return s.packet(at(-30))
		}, Onset},
		{"speech after clicks", func(s *stream) Verdict {
			s.packets(time.Second, at(-70))
			for range 3 {
				s.packet(at(-30))
				s.packet(at(-30))
				s.packets(200*time.Millisecond, at(-70))
			}
			return s.packets(140*time.Millisecond, at(-30))
		}, Loud},
		{"noise not known yet", func(s *stream) Verdict { return s.packets(200*time.Millisecond, at(-43)) }, Loud},
		{"noise", func(s *stream) Verdict { return s.packets(2*time.Second, at(-45)) }, Quiet},
		{"faint speech", func(s *stream) Verdict {
			s.packets(time.Second, at(-70))
			return s.packets(100*time.Millisecond, at(-50))
		}, Background},
		{"a long tone", func(s *stream) Verdict { return s.packets(5*time.Second, voiceAt(-30)) }, Loud},
		{"a stream without levels that pauses", func(s *stream) Verdict {
			s.packets(4*time.Second, Level{})
			s.pause(300 * time.Millisecond)
			return s.packets(time.Second, Level{})
		}, Loud},
		{"a stream without levels that never does", func(s *stream) Verdict { return s.packets(6*time.Second, Level{}) }, Background},
		{"a pause for breath", func(s *stream) Verdict {
			s.packets(time.Second, voiceAt(-30))
			return s.packets(2900*time.Millisecond, at(-70))
		}, Quiet},
		{"a long silence", func(s *stream) Verdict {
			s.packets(time.Second, voiceAt(-30))
			return s.packets(3100*time.Millisecond, at(-70))
		}, Silent},
		{"a long silence in DTX", func(s *stream) Verdict {
			s.packets(time.Second, voiceAt(-30))
			for range 10 {
				s.pause(400 * time.Millisecond)
				s.packet(at(-65))
			}
			return s.packet(at(-65))
		}, Silent},
		{"never a sound", func(s *stream) Verdict { return s.packets(4*time.Second, at(-90)) }, Silent},
		{"a sound after a long silence", func(s *stream) Verdict {
			s.packets(10*time.Second, at(-70))
			return s.packet(voiceAt(-30))
		}, Onset},
		{"a sound without the flag after a long silence", func(s *stream) Verdict {
			s.packet(voiceAt(-30))
			s.packets(10*time.Second, at(-70))
			return s.packet(at(-35))
		}, Quiet},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.play(newStream()); got.Activity != test.want {
				t.Errorf("got %v (%+v), want %v", got.Activity, got, test.want)
			}
		})
	}
}

func TestEstablished(t *testing.T) {
	for _, test := range []struct {
		name string
		play func(*stream) Verdict
		want bool
	}{
		{"a slammed door", func(s *stream) Verdict { return s.packets(300*time.Millisecond, voiceAt(-10)) }, false},
		{"a cough", func(s *stream) Verdict {
			s.packets(200*time.Millisecond, voiceAt(-15))
			s.packets(200*time.Millisecond, at(-70))
			return s.packets(200*time.Millisecond, voiceAt(-15))
		}, false},
		{"half a second", func(s *stream) Verdict { return s.packets(520*time.Millisecond, voiceAt(-30)) }, true},
		{"syllables", func(s *stream) (v Verdict) {
			for range 5 {
				s.packets(80*time.Millisecond, voiceAt(-50))
				v = s.packets(160*time.Millisecond, voiceAt(-30))
			}
			return v
		}, true},
		{"typing", func(s *stream) (v Verdict) {
			s.packets(time.Second, at(-70))
			for range 100 {
				s.packets(100*time.Millisecond, at(-70))
				v = s.packets(40*time.Millisecond, at(-30))
			}
			return v
		}, false},
		{"a new sentence after a pause", func(s *stream) Verdict {
			s.packets(2*time.Second, voiceAt(-30))
			s.pause(2 * time.Second)
			return s.packets(100*time.Millisecond, voiceAt(-30))
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.play(newStream()); got.Established != test.want {
				t.Errorf("got %+v, want established %v", got, test.want)
			}
		})
	}
}

// The gaps of DTX are silence: they end speech, and they leave the loudness as it was.
func TestGapsAreNotChargedToTheLevel(t *testing.T) {
	s := newStream()
	before := s.packets(3*time.Second, voiceAt(-30)).Loudness
	for _, gap := range []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 3 * time.Second, time.Hour} {
		s.pause(gap)
		if v := s.packet(voiceAt(-30)); v.Loudness != before || v.Established != (gap < time.Second) {
			t.Errorf("after a gap of %v: %+v, want loudness %v", gap, v, before)
		}
		s.packets(3*time.Second, voiceAt(-30))
	}
}

func TestLoudness(t *testing.T) {
	s := newStream()
	if v := s.packets(100*time.Millisecond, voiceAt(-20)); v.Loudness != -20 {
		t.Errorf("of the first packets: %v, want -20 at once", v.Loudness)
	}
	v := s.packets(3*time.Second, voiceAt(-35))
	if v.Loudness < -35 || v.Loudness > -33 {
		t.Errorf("after three seconds of -35: %v", v.Loudness)
	}
	if v := s.packets(100*time.Millisecond, voiceAt(0)); v.Loudness > -32 {
		t.Errorf("after a bang in speech: %v, want it to count for little", v.Loudness)
	}
}

// A network that stands still and then delivers everything at once must not change the judgement.
func TestBursts(t *testing.T) {
	steady, bursty := newStream(), newStream()
	for i := range 500 {
		level := voiceAt(-25 - 3*(i%7))
		if i%50 > 35 {
			level = at(-70)
		}
		arrival := bursty.now
		bursty.now -= time.Duration(i%10) * 20 * time.Millisecond // ten packets at a time
		want, got := steady.packet(level), bursty.packet(level)
		bursty.now = arrival + 20*time.Millisecond
		if got != want {
			t.Fatalf("packet %d: %+v, in bursts %+v", i, want, got)
		}
	}
}

// Late packets and a stream that begins anew are no silence and no speech.
func TestTimestampsThatGoBack(t *testing.T) {
	s := newStream()
	want := s.packets(2*time.Second, voiceAt(-30))
	s.timestamp -= 3 * 960
	if got := s.packet(voiceAt(-30)); got != want {
		t.Errorf("late packet: %+v, want %+v", got, want)
	}
	s.timestamp -= 1 << 30
	if got := s.packet(voiceAt(-30)); got.Activity < Background {
		t.Errorf("stream begun anew: %+v", got)
	}
}
