package bandwidth

import (
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
)

// BenchmarkEstimator is 100 ms of 3 Mbit/s with 5 % loss: 32 packets and the feedback of them, which is taken apart from the wire's bytes too.
func BenchmarkEstimator(b *testing.B) {
	const round = 32
	var raw [][]byte
	recorder := twcc.NewRecorder(1)
	for i := range 1 << 16 {
		if i%20 != 0 {
			recorder.Record(7, uint16(i), int64(i)*100_000/round)
		}
		if i%round == round-1 {
			for _, p := range recorder.BuildFeedbackPacket() {
				packet, err := p.Marshal()
				if err != nil {
					b.Fatal(err)
				}
				raw = append(raw, packet)
			}
		}
	}
	e := NewEstimator(Config{})
	now := time.Duration(0)
	number := uint16(0)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		for range round {
			now += 100 * time.Millisecond / round
			e.Sent(now, number, 1200, 0)
			number++
		}
		var f rtcp.TransportLayerCC
		if err := f.Unmarshal(raw[n%len(raw)]); err != nil {
			b.Fatal(err)
		}
		if err := e.Feedback(now, &f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAllocator(b *testing.B) {
	a := NewAllocator()
	demands := make([]Demand, 8)
	for i := range demands {
		demands[i] = Demand{Slot: i, Source: uint64(i), Layers: camera}
	}
	now := time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		now += 100 * time.Millisecond
		a.Allocate(now, 3000, demands)
	}
}
