package load

import (
	"testing"
	"time"

	"hubbub/signaling/client"
	"hubbub/signaling/load/stamp"
)

// arrival is a packet of one speaker and what it took to arrive.
type arrival struct {
	speaker, number uint32
	sent, transit   time.Duration
}

func hearAll(arrivals []arrival) *ear {
	var now time.Duration
	e := newEar(func() time.Duration { return now })
	e.count()
	for _, a := range arrivals {
		now = a.sent + a.transit
		payload := make([]byte, stamp.Bytes)
		stamp.Stamp{Speaker: a.speaker, Number: a.number, Sent: a.sent}.Put(payload)
		e.hear(client.Packet{Payload: payload})
	}
	return e
}

// speech is n packets of a speaker, each 1 ms on its way.
func speech(speaker uint32, first, n int) []arrival {
	var all []arrival
	for i := first; i < first+n; i++ {
		all = append(all, arrival{speaker, uint32(i), time.Duration(i) * frame, time.Millisecond})
	}
	return all
}

func TestEarCountsWhatIsMissing(t *testing.T) {
	without := func(all []arrival, from, to int) []arrival {
		return append(append([]arrival{}, all[:from]...), all[to:]...)
	}
	for _, tt := range []struct {
		name                 string
		arrivals             []arrival
		received, lost, gaps uint64
		longest              time.Duration
	}{
		{"everything arrives", speech(1, 0, 100), 100, 0, 0, 0},
		{"the first packet need not have the number 0", speech(1, 700, 10), 10, 0, 0, 0},
		{"numbers wrap around", append(speech(1, 1<<32-3, 3), speech(1, 1<<32, 3)...), 6, 0, 0, 0},
		{"one is lost", without(speech(1, 0, 100), 50, 51), 99, 1, 0, 0},
		{"six are lost", without(speech(1, 0, 100), 50, 56), 94, 6, 1, 7 * frame},
		{"a speaker without a slot loses nothing", without(speech(1, 0, 400), 100, 300), 200, 0, 0, 0},
		{"two speakers count apart", append(speech(1, 0, 10), speech(2, 5, 10)...), 20, 0, 0, 0},
		{"a repeated packet counts once", append(speech(1, 0, 10), speech(1, 9, 1)...), 10, 0, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := hearAll(tt.arrivals).total
			want := tally{received: tt.received, lost: tt.lost, gaps: tt.gaps, longestGap: tt.longest}
			if got != want {
				t.Errorf("heard %+v, want %+v", got, want)
			}
		})
	}
}

func TestEarMeasuresLatencyAndJitter(t *testing.T) {
	var arrivals []arrival
	for i := range 1000 {
		transit := 2 * time.Millisecond
		if i%2 == 1 {
			transit = 4 * time.Millisecond
		}
		arrivals = append(arrivals, arrival{1, uint32(i), time.Duration(i) * frame, transit})
	}
	e := hearAll(arrivals)
	if median := e.latency.ValueAtQuantile(50); median < 1980 || median > 2020 {
		t.Errorf("median latency %d µs, want 2000", median)
	}
	if most := e.latency.Max(); most < 3960 || most > 4040 {
		t.Errorf("longest latency %d µs, want 4000", most)
	}
	// Each step differs by 2 ms, to which the smoothed jitter converges.
	if jitter := time.Duration(e.speakers[1].jitter); jitter < 1990*time.Microsecond || jitter > 2010*time.Microsecond {
		t.Errorf("jitter %v, want 2ms", jitter)
	}
}

func TestEarIgnoresWhatIsNoneOfOurs(t *testing.T) {
	e := newEar(func() time.Duration { return 0 })
	e.count()
	e.hear(client.Packet{Payload: []byte("short")})
	if e.total.received != 0 || e.total.foreign != 1 {
		t.Errorf("heard %+v", e.total)
	}
}
