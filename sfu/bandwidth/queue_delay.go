package bandwidth

import "time"

// baseWindow is how long the least delay counts as that of an empty queue. Clocks drift apart by a millisecond meanwhile.
const baseWindow = 10 * time.Second

// queueDelay is how long packets wait on their way: the delay of the newest beyond the least of the last ten to twenty seconds.
type queueDelay struct {
	began       time.Duration // of the window, by the sender's clock
	least, last time.Duration // in this window and the one before
	newest      time.Duration
	started     bool
}

func (q *queueDelay) reset() { *q = queueDelay{} }

func (q *queueDelay) add(sent, arrived time.Duration) {
	delay := arrived - sent // of two clocks: only differences mean anything
	switch {
	case !q.started:
		*q = queueDelay{began: sent, least: delay, last: delay, started: true}
	case sent-q.began > baseWindow:
		q.began, q.last, q.least = sent, q.least, delay
	}
	q.least = min(q.least, delay)
	q.newest = delay
}

func (q *queueDelay) value() time.Duration { return q.newest - min(q.least, q.last) }
