package sfu

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// An open microphone in a room whose slots are taken: most of its packets are dropped before they are decrypted, and its first word is heard
// whole, with nothing that looks like a loss to anyone.
func TestQuietMicrophonesAreNotDecrypted(t *testing.T) {
	s := newTestSFU(t, Config{Slots: 1, Transport: "lean"})
	r := s.NewRouter()
	defer r.Close()
	heard := make(chan rtp.Header, 64)
	listener := newLightClient(t, "listener", func(h *rtp.Header, _ []byte) { heard <- *h })
	quiet := newLightClient(t, "quiet", nil)
	other := newLightClient(t, "other", nil)
	quiet.join(s, r, 0, Attachment{CSRC: 2, Publishing: true})
	other.join(s, r, 0, Attachment{CSRC: 3, Publishing: true})
	listener.join(s, r, 1, Attachment{CSRC: 1}) // with fewer slots than others, so that nobody has one for good

	const packets, word = 400, 10
	in, silent := &quiet.peer.lane.counters.packetsIn, &quiet.peer.lane.counters.drops[dropSilent]
	before, dropped := in.Load(), silent.Load()
	for i := range uint64(packets) {
		quiet.speak([]byte("noise"), 75, false)
		eventually(t, "the packet has come", func() bool { return silent.Load()-dropped > i })
	}
	if decrypted := in.Load() - before; decrypted > packets/observeEvery+3 {
		t.Errorf("%d of %d quiet packets were decrypted", decrypted, packets)
	}
	select {
	case h := <-heard:
		t.Errorf("quiet is heard: %v", h)
	default:
	}

	for range word {
		quiet.speak([]byte("a word"), 25, true)
	}
	var last rtp.Header
	for i := range word {
		var h rtp.Header
		select {
		case h = <-heard:
		case <-time.After(patience):
			t.Fatalf("packet %d of the word is not heard", i)
		}
		if i > 0 && h.SequenceNumber != last.SequenceNumber+1 {
			t.Errorf("packet %d of the word has number %d after %d", i, h.SequenceNumber, last.SequenceNumber)
		}
		last = h
	}
	report, ok := quiet.peer.streams.Load().sources[0].stats.report(s.now())
	if !ok || report.TotalLost != 0 || report.FractionLost != 0 {
		t.Errorf("the sender is told of losses: %+v, %v", report, ok)
	}
}

// Packets of a forger, who has no keys, change nothing but the counters, whatever levels they claim.
func TestForgedLevelsSelectNobody(t *testing.T) {
	s := newTestSFU(t, Config{Slots: 1, Lanes: 1, Transport: "lean"})
	r := s.NewRouter()
	defer r.Close()
	heard := make(chan string, 64)
	listener := newLightClient(t, "listener", func(_ *rtp.Header, payload []byte) { heard <- string(payload) })
	victim := newLightClient(t, "victim", nil)
	other := newLightClient(t, "other", nil)
	victim.join(s, r, 0, Attachment{CSRC: 2, Publishing: true})
	other.join(s, r, 0, Attachment{CSRC: 3, Publishing: true})
	listener.join(s, r, 1, Attachment{CSRC: 1}) // with fewer slots than others, so that nobody has one for good
	hears := func(what string) {
		t.Helper()
		eventually(t, what+" is heard", func() bool {
			select {
			case got := <-heard:
				return got == what
			default:
				return false
			}
		})
	}
	other.speak([]byte("other"), 25, true)
	hears("other")

	transport := victim.peer.transport.(*leanTransport)
	path := *transport.path.Load()
	forge := func(level uint8, voice bool) {
		victim.next([]byte("forged, with what would be a tag"), level, voice)
		for range 3 {
			transport.receive(bytes.Clone(victim.packet), path)
		}
	}
	victim.speak([]byte("noise"), 75, false) // which begins the stream
	eventually(t, "it has come", func() bool { return s.drops(dropSilent) > 0 })
	seq, timestamp := victim.seq, victim.timestamp
	for range 50 {
		forge(10, true)
		forge(90, false)
	}
	if s.drops(dropMalformed) == 0 {
		t.Error("no forged packet was tried to decrypt")
	}
	if slots := listener.peer.Slots(); slots[0].Participant != "other" {
		t.Errorf("forged levels have brought about %v", slots)
	}
	victim.seq, victim.timestamp = seq, timestamp
	// Whom they claimed to be is still believed, once the other has been quiet for long enough.
	eventually(t, "the victim has the slot", func() bool {
		victim.speak([]byte("true"), 10, true)
		return listener.peer.Slots()[0].Participant == "victim"
	})
	hears("true")
}
