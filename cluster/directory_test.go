package cluster

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestOneOwner opens the same new room on all nodes at once, over and over.
func TestOneOwner(t *testing.T) {
	nodes := newTestNet().cluster(t, 5)
	for i := range 200 {
		room := fmt.Sprintf("room-%d", i)
		claims := make([]Claim, len(nodes))
		start := make(chan struct{})
		var all sync.WaitGroup
		for j, n := range nodes {
			all.Go(func() {
				<-start
				var err error
				if claims[j], err = n.dir.Locate(t.Context(), room); err != nil {
					t.Errorf("locate: %v", err)
				}
			})
		}
		close(start)
		all.Wait()
		for j, c := range claims {
			if c != claims[0] {
				t.Fatalf("node %d was told %+v, node 0 %+v", j, c, claims[0])
			}
		}
	}
	began := time.Now()
	for i := range 200 {
		room := fmt.Sprintf("room-%d", i)
		waitUntil(t, "all agree on "+room, func() bool { _, ok := agreed(nodes, room); return ok })
	}
	t.Log("agreed after", time.Since(began))
}
