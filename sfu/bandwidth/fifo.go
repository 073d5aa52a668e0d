package bandwidth

// fifo is a queue of packets in a ring that grows.
type fifo[T any] struct {
	ring  []queued[T]
	head  int
	len   int
	bytes int
}

type queued[T any] struct {
	item  T
	bytes int
}

func (f *fifo[T]) push(item T, bytes int) {
	if f.len == len(f.ring) {
		grown := make([]queued[T], max(2*len(f.ring), 16))
		n := copy(grown, f.ring[f.head:])
		copy(grown[n:], f.ring[:f.head])
		f.ring, f.head = grown, 0
	}
	f.ring[(f.head+f.len)%len(f.ring)] = queued[T]{item, bytes}
	f.len++
	f.bytes += bytes
}

// pop takes the oldest. The queue must not be empty.
func (f *fifo[T]) pop() queued[T] {
	q := f.ring[f.head]
	f.ring[f.head] = queued[T]{} // so that nothing is kept alive
	f.head = (f.head + 1) % len(f.ring)
	f.len--
	f.bytes -= q.bytes
	return q
}
