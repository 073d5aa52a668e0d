package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

func TestReceptionReport(t *testing.T) {
	var stats receptionStats
	if _, ok := stats.report(0); ok {
		t.Error("a report on nothing")
	}
	now := time.Second
	for _, seq := range []uint16{65533, 65534, 0, 65535, 1, 4} { // 2 and 3 are lost
		stats.observe(now, &rtpHeader{ssrc: 9, seq: seq, timestamp: uint32(seq) * 960}, 0)
		now += 20 * time.Millisecond
	}
	stats.noteSenderReport(now, &rtcp.SenderReport{SSRC: 9, NTPTime: 0x1234_5678_9abc_def0})
	stats.noteSenderReport(now, &rtcp.SenderReport{SSRC: 10, NTPTime: 1})
	got, ok := stats.report(now + 500*time.Millisecond)
	if !ok || got.SSRC != 9 || got.LastSequenceNumber != 1<<16|4 || got.TotalLost != 2 || got.FractionLost != 2*256/8 ||
		got.LastSenderReport != 0x5678_9abc || got.Delay != 1<<15 {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := stats.report(now); ok {
		t.Error("a report although nothing came since the last")
	}
	stats.observe(now, &rtpHeader{ssrc: 9, seq: 5}, 0)
	if got, _ := stats.report(now); got.FractionLost != 0 || got.TotalLost != 2 {
		t.Errorf("next: %+v", got)
	}
	stats.observe(now, &rtpHeader{ssrc: 11, seq: 100}, 0)
	if got, _ := stats.report(now); got.SSRC != 11 || got.TotalLost != 0 || got.LastSequenceNumber != 100 {
		t.Errorf("another stream: %+v", got)
	}
}

func TestNTPTime(t *testing.T) {
	if got := ntpTime(time.Unix(0, 500_000_000)); got != 2208988800<<32|1<<31 {
		t.Errorf("%x", got)
	}
}

// Sender reports are of slots that carry something, receiver reports go to who sends.
func TestReports(t *testing.T) {
	s := newFakeSFU(t, Config{Slots: 3, Lanes: 1})
	r := s.NewRouter()
	defer r.Close()
	speaker := joinFake(t, s, r, "speaker", 1, 1)
	listener := joinFake(t, s, r, "listener", 2, 3)
	for range 10 {
		speaker.send([]byte("sound"), 20, true)
	}
	settle(s)
	s.lanes[0].do(func() {
		for _, c := range []*fakeClient{speaker, listener} {
			c.peer.subscriber.Load().reportedAt = -senderReportInterval
			c.peer.report(s.now())
		}
	})
	received := listener.transport.reports()
	if len(received) != 1 {
		t.Fatalf("reports to the listener: %v", received)
	}
	sender, ok := received[0].(*rtcp.SenderReport)
	if !ok || sender.PacketCount != 10 || sender.OctetCount != 50 || sender.SSRC != listener.peer.slots[0].ssrc {
		t.Errorf("sender report: %+v", received[0])
	}
	last := listener.transport.packets()[9]
	if ahead := int32(sender.RTPTime - last.Timestamp); ahead < 0 || ahead > 60*opusClock {
		t.Errorf("RTP time is %d after the last packet's", ahead)
	}
	received = speaker.transport.reports()
	if len(received) != 1 {
		t.Fatalf("reports to the speaker: %v", received)
	}
	if receiver, ok := received[0].(*rtcp.ReceiverReport); !ok || len(receiver.Reports) != 1 || receiver.Reports[0].SSRC != 5000 {
		t.Errorf("receiver report: %+v", received[0])
	}
}

func TestMetrics(t *testing.T) {
	s := newFakeSFU(t, Config{Slots: 3, Lanes: 2})
	r := s.NewRouter()
	defer r.Close()
	speaker := joinFake(t, s, r, "speaker", 1, 1)
	joinFake(t, s, r, "listener", 2, 3)
	for range 10 {
		speaker.send([]byte("sound"), 20, true)
	}
	speaker.peer.SetPublishing(false)
	speaker.send([]byte("sound"), 20, true)
	settle(s)

	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(s); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				if l.GetName() != "lane" {
					name += " " + l.GetValue()
				}
			}
			got[name] += metricValue(m)
		}
	}
	for name, want := range map[string]float64{
		"hubbub_sfu_peers": 2, "hubbub_sfu_rooms": 1, "hubbub_sfu_packets_total in": 11, "hubbub_sfu_packets_total out": 10,
		"hubbub_sfu_payload_bytes_total in": 55, "hubbub_sfu_payload_bytes_total out": 50, "hubbub_sfu_dropped_packets_total muted": 1, "hubbub_sfu_selection_switches_total": 0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, not %v", name, got[name], want)
		}
	}
	if got["hubbub_sfu_forwarding_delay_seconds"] < 10 {
		t.Errorf("%v delays", got["hubbub_sfu_forwarding_delay_seconds"])
	}
}

func metricValue(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	default:
		return float64(m.Histogram.GetSampleCount())
	}
}
