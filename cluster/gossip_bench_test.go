package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hubbub/cluster/ownership"
)

// BenchmarkGossip measures how long it takes until claims that one node makes at once are known to all, among real nodes in one process.
// It is meant for -benchtime 1x; docs/ownership.md has the figures.
func BenchmarkGossip(b *testing.B) {
	for _, size := range []int{3, 8, 16} {
		for _, claims := range []int{1, 1000, 10_000} {
			b.Run(fmt.Sprintf("mail/nodes=%d/claims=%d", size, claims), func(b *testing.B) {
				benchmarkSpread(b, newTestNet().cluster(b, size), claims)
			})
		}
		for _, claims := range []int{1, 1000} { // what there is when mail is lost
			b.Run(fmt.Sprintf("gossip/nodes=%d/claims=%d", size, claims), func(b *testing.B) {
				cluster := newTestNet()
				cluster.gossipAlone = true
				benchmarkSpread(b, cluster.cluster(b, size), claims)
			})
		}
	}
}
func benchmarkSpread(b *testing.B, nodes []*testNode, claims int) {
	times := map[int]int{1: 200, 1000: 5, 10_000: 3}[claims]
	var took []time.Duration
	known := 0
	for b.Loop() {
		for range times {
			known += claims
			took = append(took, spread(b, nodes, claims, known))
		}
	}
	slices.Sort(took)
	var sum time.Duration
	for _, d := range took {
		sum += d
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(sum)/float64(len(took)), "mean-ms")
	b.ReportMetric(ms(took[len(took)/2]), "median-ms")
	b.ReportMetric(ms(took[len(took)-1]), "worst-ms")
}

// spread has the first node open so many rooms at once, and waits until all know as many as there then are.
func spread(b *testing.B, nodes []*testNode, claims, known int) time.Duration {
	d := nodes[0].dir
	began := time.Now()
	d.mu.Lock()
	for i := range claims {
		room := fmt.Sprintf("team-meeting-%06d", known-i)
		if _, err := d.grant(room, d.self, 0); err != nil {
			b.Fatal(err)
		}
		d.held[room] = struct{}{}
	}
	d.mu.Unlock()
	waitUntilEvery(b, 200*time.Microsecond, "all know all claims", func() bool {
		return !slices.ContainsFunc(nodes, func(n *testNode) bool { return n.knows() < known })
	})
	return time.Since(began)
}

// BenchmarkPushPull measures what each side of a push/pull does for 100,000 rooms.
func BenchmarkPushPull(b *testing.B) {
	nodes := newTestNet().cluster(b, 1)
	d := nodes[0].dir
	var f ownership.Frame
	for i := range 100_000 {
		f.Add(Claim{Room: fmt.Sprintf("team-meeting-%06d", i), Owner: fmt.Sprintf("10.0.0.%d:7946", i%16), Boot: "0123456789abcdef", Epoch: 1}, 0)
	}
	d.merge(f.Bytes())
	b.Run("write", func(b *testing.B) {
		var size int
		for b.Loop() {
			size = len(d.state())
		}
		b.ReportMetric(float64(size), "bytes")
	})
	b.Run("merge", func(b *testing.B) {
		state := d.state()
		for b.Loop() {
			d.merge(state)
		}
	})
}
