package bandwidth

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
)

// sentHistory is n packets from a number on, one each millisecond.
func sentHistory(first uint16, n int) history {
	h := newHistory()
	for i := range n {
		h.add(sentPacket{at: time.Duration(i) * time.Millisecond, number: first + uint16(i), bytes: 1000, fate: inFlight})
	}
	return h
}

func small(deltas ...int64) (list []*rtcp.RecvDelta) {
	for _, d := range deltas {
		list = append(list, &rtcp.RecvDelta{Type: rtcp.TypeTCCPacketReceivedSmallDelta, Delta: d})
	}
	return list
}

func TestFeedbackReader(t *testing.T) {
	h := sentHistory(65534, 6)
	r := feedbackReader{}
	restarted, err := r.read(&rtcp.TransportLayerCC{
		BaseSequenceNumber: 65533, // never sent
		PacketStatusCount:  6, ReferenceTime: 10,
		PacketChunks: []rtcp.PacketStatusChunk{
			&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 2},
			&rtcp.StatusVectorChunk{SymbolSize: rtcp.TypeTCCSymbolSizeTwoBit, SymbolList: []uint16{
				rtcp.TypeTCCPacketNotReceived, rtcp.TypeTCCPacketReceivedLargeDelta, rtcp.TypeTCCPacketReceivedWithoutDelta,
				rtcp.TypeTCCPacketReceivedSmallDelta, rtcp.TypeTCCPacketReceivedSmallDelta, // the last is beyond the count
			}},
		},
		RecvDeltas: small(1000, 2000, -500, 250),
	}, &h)
	if err != nil || !restarted {
		t.Fatalf("restarted %v, error %v", restarted, err)
	}
	const base = 640 * time.Millisecond
	want := []report{
		{h.find(65534), base + 3*time.Millisecond, true},
		{h.find(65535), base + 3*time.Millisecond, false},
		{h.find(0), base + 2500*time.Microsecond, true},
		{h.find(2), base + 2750*time.Microsecond, true},
	}
	if !slices.Equal(r.reports, want) {
		t.Errorf("reports %+v, want %+v", r.reports, want)
	}
}

func TestFeedbackReaderRefuses(t *testing.T) {
	run := func(symbol, length uint16) rtcp.PacketStatusChunk {
		return &rtcp.RunLengthChunk{PacketStatusSymbol: symbol, RunLength: length}
	}
	var noRun *rtcp.RunLengthChunk
	var noVector *rtcp.StatusVectorChunk
	for name, f := range map[string]*rtcp.TransportLayerCC{
		"of nothing":            {},
		"of too many":           {PacketStatusCount: maxHistory + 1, PacketChunks: []rtcp.PacketStatusChunk{run(0, 0x1fff), run(0, 0x1fff)}},
		"with too few statuses": {PacketStatusCount: 5, PacketChunks: []rtcp.PacketStatusChunk{run(0, 4)}},
		"without chunks":        {PacketStatusCount: 5},
		"with a missing time":   {PacketStatusCount: 2, PacketChunks: []rtcp.PacketStatusChunk{run(1, 2)}, RecvDeltas: small(250)},
		"with an empty time":    {PacketStatusCount: 1, PacketChunks: []rtcp.PacketStatusChunk{run(1, 1)}, RecvDeltas: []*rtcp.RecvDelta{nil}},
		"with an empty chunk":   {PacketStatusCount: 1, PacketChunks: []rtcp.PacketStatusChunk{nil}},
		"with an empty run":     {PacketStatusCount: 1, PacketChunks: []rtcp.PacketStatusChunk{noRun}},
		"with an empty vector":  {PacketStatusCount: 1, PacketChunks: []rtcp.PacketStatusChunk{noVector}},
	} {
		t.Run(name, func(t *testing.T) {
			e := NewEstimator(Config{})
			for i := range uint16(10) {
				e.Sent(time.Duration(i)*time.Millisecond, i, 1000, 0)
			}
			if err := e.Feedback(time.Second, f); !errors.Is(err, ErrMalformed) {
				t.Errorf("error %v", err)
			}
			if e.Rate(2*time.Second) != defaultInitial/2 {
				t.Error("it counted as feedback")
			}
		})
	}
}

func TestReferenceTimeWraps(t *testing.T) {
	h := sentHistory(0, 4)
	r := feedbackReader{}
	at := func(reference uint32) time.Duration {
		t.Helper()
		_, err := r.read(&rtcp.TransportLayerCC{
			PacketStatusCount: 1, ReferenceTime: reference, RecvDeltas: small(0),
			PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 1}},
		}, &h)
		if err != nil {
			t.Fatal(err)
		}
		return r.reports[0].arrival
	}
	before := at(0xffffff)
	if after := at(1); after-before != 2*referenceUnit {
		t.Errorf("two units later is %v later", after-before)
	}
	if again := at(0xffffff); again != before {
		t.Errorf("a late report is of %v instead of %v", again, before)
	}
}

// What was sent in the same place of the ring before is not taken for what the report is about.
func TestHistoryForgets(t *testing.T) {
	h := newHistory()
	for i := range 40_000 {
		h.add(sentPacket{at: time.Duration(i) * 100 * time.Microsecond, number: uint16(i), fate: inFlight}) // 10,000 a second
	}
	if len(h.packets) != maxHistory {
		t.Errorf("remembers %d packets", len(h.packets))
	}
	if h.find(39_999) == nil || h.find(40_000-maxHistory) == nil {
		t.Error("has forgotten a packet too early")
	}
	if h.find(39_999-maxHistory) != nil || h.find(40_000) != nil {
		t.Error("finds what it should not")
	}
	slow := newHistory()
	for i := range 10_000 {
		slow.add(sentPacket{at: time.Duration(i) * 20 * time.Millisecond, number: uint16(i), fate: inFlight})
	}
	if len(slow.packets) != minHistory {
		t.Errorf("remembers %d packets at a low rate", len(slow.packets))
	}
}

// A packet that was reported lost and then came is not lost.
func TestLatePacketIsNotLost(t *testing.T) {
	e := NewEstimator(Config{})
	recorder := twcc.NewRecorder(1)
	feedback := func(now time.Duration) {
		t.Helper()
		for _, p := range recorder.BuildFeedbackPacket() {
			if err := e.Feedback(now, p.(*rtcp.TransportLayerCC)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range uint16(10) {
		now := time.Duration(i) * 10 * time.Millisecond
		e.Sent(now, i, 1000, 0)
		if i != 4 {
			recorder.Record(7, i, now.Microseconds())
		}
	}
	feedback(100 * time.Millisecond)
	if loss := e.Loss(); loss != 0.1 {
		t.Errorf("loss %v with one of ten missing", loss)
	}
	recorder.Record(7, 4, 110_000)
	feedback(200 * time.Millisecond)
	if loss := e.Loss(); loss != 0 {
		t.Errorf("loss %v after the missing one came", loss)
	}
}

// FuzzFeedback: whatever a subscriber reports, the estimate stays within its bounds.
func FuzzFeedback(f *testing.F) {
	recorder := twcc.NewRecorder(1)
	for i := range uint16(300) {
		if i%9 != 0 {
			recorder.Record(7, i, int64(i)*4000)
		}
	}
	for _, p := range recorder.BuildFeedbackPacket() {
		raw, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, raw)
	}
	f.Add([]byte{0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 255, 255, 255, 0, 0x20, 1, 0, 0}, []byte{})
	f.Add([]byte{0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 255, 255, 0, 0, 0, 0, 0x1f, 255, 0, 0}, []byte{})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		cfg := Config{Initial: 300_000, Min: 50_000, Max: 5_000_000}
		e := NewEstimator(cfg)
		now := time.Hour
		for round := range uint16(4) {
			for i := range uint16(100) {
				now += 3 * time.Millisecond
				e.Sent(now, round*100+i, 900, uint32(i/90))
			}
			e.Probe(now, 4_000_000)
			for _, raw := range [][]byte{first, second} {
				var packet rtcp.TransportLayerCC
				if packet.Unmarshal(raw) == nil {
					_ = e.Feedback(now, &packet) // it may be wrong
				}
			}
			if rate := e.Rate(now); rate < cfg.Min || rate > cfg.Max {
				t.Fatalf("the rate is %d", rate)
			}
			if e.RTT() < 0 || e.Loss() < 0 || e.Loss() > 1 {
				t.Fatalf("RTT %v, loss %v", e.RTT(), e.Loss())
			}
		}
	})
}
