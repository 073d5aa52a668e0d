package bandwidth

import "time"

// baseWindow is how long the least delay counts as that of an empty queue. Clocks drift apart by a millisecond meanwhile.
const baseWindow = 10 * time.Second

// queueDelay is how long a queue stands on the way: the least delay of the packets in the last two reports, so that the burst of a key frame
// is none, beyond the least of the last ten to twenty seconds.
type queueDelay struct {
	began      time.Duration // of the window, by the sender's clock
	base, last time.Duration // in this window and the one before
	started    bool

	current, before time.Duration // in this report and the one before
	heard           bool          // whether this report has any
}

func (q *queueDelay) reset() { *q = queueDelay{} }

func (q *queueDelay) add(sent, arrived time.Duration) {
	delay := arrived - sent // of two clocks: only differences mean anything
	switch {
	case !q.started:
		*q = queueDelay{began: sent, base: delay, last: delay, before: delay, started: true}
	case sent-q.began > baseWindow:
		q.began, q.last, q.base = sent, q.base, delay
	}
	q.base = min(q.base, delay)
	if !q.heard || delay < q.current {
		q.current, q.heard = delay, true
	}
}

// standing ends a report and returns how long the queue is.
func (q *queueDelay) standing() time.Duration {
	least := q.before
	if q.heard {
		least = min(least, q.current)
		q.before, q.heard = q.current, false
	}
	return least - min(q.base, q.last)
}
