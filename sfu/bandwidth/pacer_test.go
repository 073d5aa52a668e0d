package bandwidth

import (
	"testing"
	"time"
)

// drain pops what may leave in a time, looking each step, and calls f of each packet.
func drain(p *Pacer[int], from, span, step time.Duration, f func(now time.Duration, item int, probe uint32)) {
	for now := from; now < from+span; now += step {
		for {
			item, probe, ok := p.Pop(now)
			if !ok {
				break
			}
			f(now, item, probe)
		}
	}
}

func TestPacerSpreadsPackets(t *testing.T) {
	for _, step := range []time.Duration{time.Millisecond, 8 * time.Millisecond} {
		p := NewPacer[int](1_000_000)
		for i := range 50 {
			if !p.Push(i, 1000) {
				t.Fatalf("refuses packet %d", i)
			}
		}
		bytes := map[time.Duration]int{}
		next := 0
		last := time.Duration(0)
		drain(p, time.Hour, time.Second, step, func(now time.Duration, item int, _ uint32) {
			if item != next {
				t.Fatalf("packet %d comes before %d", item, next)
			}
			next++
			bytes[now.Truncate(100*time.Millisecond)] += 1000
			last = now
		})
		for at, n := range bytes {
			if most := 1_200_000/8/10 + 1_200_000/8/100 + 1000; n > most {
				t.Errorf("step %v: %d bytes in the 100 ms from %v, want %d at most", step, n, at, most)
			}
		}
		if took := last - time.Hour; next != 50 || took < 300*time.Millisecond || took > 340*time.Millisecond {
			t.Errorf("step %v: %d packets in %v", step, next, took)
		}
	}
}

func TestPacerSendsRetransmissionsFirst(t *testing.T) {
	p := NewPacer[int](100_000)
	p.Push(1, 1000)
	p.Push(2, 1000)
	p.PushFirst(3, 1000)
	var got []int
	drain(p, 0, time.Second, time.Millisecond, func(_ time.Duration, item int, _ uint32) { got = append(got, item) })
	if len(got) != 3 || got[0] != 3 || got[1] != 1 {
		t.Errorf("order %v", got)
	}
}

func TestPacerBounds(t *testing.T) {
	fill := func(push func(int, int) bool, bytes int) (n int) {
		for n < 5000 && push(n, bytes) {
			n++
		}
		return n
	}
	slow, fast := NewPacer[int](100_000), NewPacer[int](5_000_000)
	if n := fill(slow.Push, 1024); n != 32 {
		t.Errorf("takes %d KiB at 100 kbit/s, want those of a key frame", n)
	}
	if n := fill(fast.Push, 1000); n != 750 {
		t.Errorf("takes %d kB at 5 Mbit/s, want those of a second", n)
	}
	if n := fill(NewPacer[int](100_000_000).Push, 10); n != 1024 {
		t.Errorf("takes %d small packets", n)
	}
	if n := fill(slow.PushFirst, 1024); n != 8 {
		t.Errorf("takes %d KiB of retransmissions at 100 kbit/s", n)
	}
	if n := fill(fast.PushFirst, 1000); n != 128 {
		t.Errorf("takes %d retransmissions at 5 Mbit/s", n)
	}
	if n := fast.Len(); n != 878 {
		t.Errorf("%d packets wait", n)
	}
	dropped := 0
	fast.Clear(func(int) { dropped++ })
	slow.Clear(nil)
	if dropped != 878 || fast.Len() != 0 || slow.Len() != 0 || !fast.Push(1, 1000) {
		t.Errorf("%d dropped", dropped)
	}
}

func TestPacerPads(t *testing.T) {
	p := NewPacer[int](300_000)
	probe := Probe{ID: 9, Rate: 900_000, Bytes: 5600, Packets: 5}
	if _, _, ok := p.Padding(0); ok || p.Wait(0) >= 0 {
		t.Error("pads without a probe")
	}
	p.Start(probe)
	packets, bytes, media := 0, 0, 0
	var last time.Duration
	for now := time.Duration(0); now < time.Second; now += time.Millisecond {
		if now == 20*time.Millisecond {
			p.Push(1, 1000)
		}
		for {
			if _, id, ok := p.Pop(now); ok {
				if id != 9 {
					t.Errorf("a picture's packet is of probe %d", id)
				}
				media++
				packets, bytes, last = packets+1, bytes+1000, now
			} else if n, id, ok := p.Padding(now); ok {
				if n != 700 || id != 9 {
					t.Errorf("pads with %d bytes for probe %d", n, id)
				}
				p.Padded(now, n)
				packets, bytes, last = packets+1, bytes+n, now
			} else {
				break
			}
		}
	}
	if media != 1 || packets < 8 || bytes < 5600 || bytes > 5600+1000 {
		t.Errorf("%d packets, %d bytes, %d of pictures", packets, bytes, media)
	}
	if last < 35*time.Millisecond || last > 55*time.Millisecond {
		t.Errorf("took %v", last)
	}
	if p.Wait(time.Second) >= 0 {
		t.Error("goes on after the probe")
	}
	p.Push(1, 1000)
	if _, id, _ := p.Pop(2 * time.Second); id != 0 {
		t.Errorf("a packet after the probe is of probe %d", id)
	}
	p.Start(probe)
	p.Padded(3*time.Second, 0)
	if _, _, ok := p.Padding(4 * time.Second); ok {
		t.Error("pads although there is nothing to pad with")
	}
}

func TestPacerWait(t *testing.T) {
	p := NewPacer[int](1_000_000) // 150 bytes in a millisecond
	for i := range 4 {
		p.Push(i, 1500)
	}
	now := time.Hour
	for range 4 {
		now += p.Wait(now)
		if _, _, ok := p.Pop(now); !ok {
			t.Fatalf("nothing comes after Wait at %v", now)
		}
	}
	if took := now - time.Hour; took != 20*time.Millisecond { // two packets make up for 10 ms
		t.Errorf("took %v", took)
	}
	if p.Wait(now) >= 0 {
		t.Error("waits for nothing")
	}
}
