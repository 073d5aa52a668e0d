package sfu

import (
	"runtime"
	"sync"
	"testing"
)

func TestDeliveryQueueIsBoundedAndInOrder(t *testing.T) {
	const length = 4
	q := newDeliveryQueue(length)
	packets := make([]*packet, length+1)
	for i := range packets {
		packets[i] = new(packet)
	}
	for round := range 3 * length {
		if q.ready() {
			t.Fatalf("round %d: ready while empty", round)
		}
		for i := range length {
			if !q.put(delivery{packet: packets[i]}) {
				t.Fatalf("round %d: item %d does not fit", round, i)
			}
		}
		if q.put(delivery{packet: packets[length]}) {
			t.Fatalf("round %d: an item beyond the bound", round)
		}
		for i := range length {
			if d, ok := q.take(); !ok || d.packet != packets[i] {
				t.Fatalf("round %d: item %d is %v, %v", round, i, d, ok)
			}
		}
		if _, ok := q.take(); ok {
			t.Fatalf("round %d: something is left", round)
		}
		// The next round begins elsewhere in the array.
		q.put(delivery{packet: packets[0]})
		q.take()
	}
}

// Many put at once: nothing is lost or doubled, and what one puts stays in order.
func TestDeliveryQueueWithManyWriters(t *testing.T) {
	const writers, each = 8, 2000
	q := newDeliveryQueue(16)
	var done sync.WaitGroup
	for w := range writers {
		done.Go(func() {
			for i := range each {
				for !q.put(delivery{packet: &packet{length: w*each + i}}) {
					runtime.Gosched()
				}
			}
		})
	}
	next := make([]int, writers)
	for taken := 0; taken < writers*each; {
		d, ok := q.take()
		if !ok {
			runtime.Gosched()
			continue
		}
		taken++
		w, i := d.packet.length/each, d.packet.length%each
		if next[w] != i {
			t.Fatalf("writer %d: item %d, not %d", w, i, next[w])
		}
		next[w]++
	}
	done.Wait()
	if q.ready() {
		t.Error("something is left")
	}
}
