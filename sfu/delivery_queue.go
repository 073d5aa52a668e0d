package sfu

import "sync/atomic"

// deliveryQueue is a bounded queue from many goroutines to one, without locks: the array of D. Vyukov's bounded MPMC queue
// (1024cores.net, 2010). Whoever puts something in waits for nobody, so that one lane is never held up by another.
type deliveryQueue struct {
	cells []deliveryCell
	_     [64]byte      // apart from what others write
	tail  atomic.Uint64 // the next place to put something
	_     [64]byte
	head  atomic.Uint64 // the next place to take something from
}

type deliveryCell struct {
	// turn is the place when the cell is empty and waits for it, and one more when it is full.
	turn atomic.Uint64
	delivery
}

func newDeliveryQueue(length int) *deliveryQueue {
	q := &deliveryQueue{cells: make([]deliveryCell, length)}
	for i := range q.cells {
		q.cells[i].turn.Store(uint64(i))
	}
	return q
}

func (q *deliveryQueue) cell(place uint64) *deliveryCell { return &q.cells[place%uint64(len(q.cells))] }

// put adds an item, or reports false when the queue is full. Safe for concurrent use.
func (q *deliveryQueue) put(d delivery) bool {
	for {
		place := q.tail.Load()
		c := q.cell(place)
		switch turn := c.turn.Load(); {
		case turn < place:
			return false
		case turn == place && q.tail.CompareAndSwap(place, place+1):
			c.delivery = d
			c.turn.Store(place + 1)
			return true
		}
		// Somebody else has taken the place.
	}
}

// take removes the oldest item. It is for one goroutine at a time.
func (q *deliveryQueue) take() (d delivery, ok bool) {
	place := q.head.Load()
	c := q.cell(place)
	if c.turn.Load() != place+1 {
		return d, false
	}
	d, c.delivery = c.delivery, delivery{}
	c.turn.Store(place + uint64(len(q.cells)))
	q.head.Store(place + 1)
	return d, true
}

// ready says whether there is something to take. Safe for concurrent use.
func (q *deliveryQueue) ready() bool {
	place := q.head.Load()
	return q.cell(place).turn.Load() == place+1
}
