package link

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// BenchmarkDatagrams sends voice over loopback at the pace at which it comes: in each millisecond what is due. Both nodes are in this
// process, so the processor time is that of both ends.
func BenchmarkDatagrams(b *testing.B) {
	for _, perSecond := range []int{800, 8_000, 40_000} { // one busy room, ten, fifty
		b.Run(fmt.Sprintf("%d_a_second", perSecond), func(b *testing.B) {
			const size = 4 + 12 + 4 + 80 // room, RTP header, CSRC, 20 ms of Opus
			var mu sync.Mutex
			delays := hdrhistogram.New(1, int64(time.Second), 3)
			far := newMesh(b, "b", handler{datagram: func(_ Peer, p []byte) {
				delay := time.Now().UnixNano() - int64(binary.BigEndian.Uint64(p))
				mu.Lock()
				_ = delays.RecordValue(delay)
				mu.Unlock()
			}})
			near := newMesh(b, "a", handler{})
			if err := near.Ping(within(b), far.peer()); err != nil {
				b.Fatal(err)
			}
			to := far.peer()
			payload := make([]byte, size)
			b.ReportAllocs()
			cpu := processorTime(b)
			begun := time.Now()
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			b.ResetTimer()
			for sent := 0; sent < b.N; <-tick.C {
				due := min(b.N, int(time.Since(begun).Seconds()*float64(perSecond))+1)
				for ; sent < due; sent++ {
					binary.BigEndian.PutUint64(payload, uint64(time.Now().UnixNano()))
					if err := near.SendDatagram(to, payload); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.StopTimer()
			mu.Lock()
			defer mu.Unlock()
			b.ReportMetric(float64(processorTime(b)-cpu)/1e3/float64(b.N), "cpu-µs/datagram")
			b.ReportMetric(float64(delays.ValueAtQuantile(50))/1e3, "p50-µs")
			b.ReportMetric(float64(delays.ValueAtQuantile(99))/1e3, "p99-µs")
			b.ReportMetric(float64(delays.ValueAtQuantile(99.9))/1e3, "p99.9-µs")
			b.ReportMetric(100*float64(near.Status()[0].DatagramsDropped)/float64(b.N), "%dropped")
			b.ReportMetric(100*(1-float64(delays.TotalCount())/float64(b.N)), "%lost")
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func BenchmarkRequest(b *testing.B) {
	far, near := newMesh(b, "b", handler{}), newMesh(b, "a", handler{})
	body := make([]byte, 200)
	ctx := context.Background()
	if _, err := near.Request(ctx, far.peer(), "echo", body); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := near.Request(ctx, far.peer(), "echo", body); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFrames sends events one after another and waits for each to come back: the delay of a room's command.
func BenchmarkFrames(b *testing.B) {
	far := newMesh(b, "b", handler{stream: func(_ context.Context, s *Stream) {
		for {
			frame, err := s.ReadFrame()
			if err != nil || s.WriteFrame(frame) != nil {
				return
			}
		}
	}})
	near := newMesh(b, "a", handler{})
	s, err := near.Open(within(b), far.peer(), "echo")
	if err != nil {
		b.Fatal(err)
	}
	frame := make([]byte, 200)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.WriteFrame(frame); err != nil {
			b.Fatal(err)
		}
		if _, err := s.ReadFrame(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDial makes connections: keys, certificates and their proofs at both ends.
func BenchmarkDial(b *testing.B) {
	far := newMesh(b, "b", handler{})
	for b.Loop() {
		near := newMesh(b, "a", handler{})
		if err := near.Ping(context.Background(), far.peer()); err != nil {
			b.Fatal(err)
		}
		_ = near.Close()
	}
}
