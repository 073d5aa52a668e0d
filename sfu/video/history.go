package video

import "time"

// History keeps what was last sent in a slot, so that it can be sent once more when the receiver asks for it (NACK, RFC 4585). T is what the caller needs to do so, typically a
// reference to a packet's buffer that all slots share. It belongs to one goroutine.
type History[T any] struct {
	entries []sentPacket[T]
	release func(T)
}

type sentPacket[T any] struct {
	out      Out
	packet   T
	kept     bool
	resent   bool
	resentAt time.Duration
}

// NewHistory returns a History of the last size packets, a power of two up to 32,768. release is called once for each packet that was put in, when newer ones
// take its place or Clear is called; it may be nil.
func NewHistory[T any](size int, release func(T)) *History[T] {
	if size <= 0 || size > 1<<15 || size&(size-1) != 0 {
		panic("video: the size of a History must be a power of two up to 32768")
	}
	if release == nil {
		release = func(T) {}
	}
	return &History[T]{entries: make([]sentPacket[T], size), release: release}
}

// Put keeps a packet that is sent as out. Packets that came late are put in with their number like all others; one that is older than everything
// kept is released at once.
func (h *History[T]) Put(out Out, packet T) {
	e := &h.entries[int(out.Number)&(len(h.entries)-1)]
	if e.kept {
		if int16(out.Number-e.out.Number) < 0 {
			h.release(packet)
			return
		}
		h.release(e.packet)
	}
	*e = sentPacket[T]{out: out, packet: packet, kept: true}
}

// Get returns the packet that was sent as number, for sending it once more. ok is false when it is no longer kept, was never sent, or was resent less than a round trip ago: the
// receiver cannot have known of that when it asked. rtt is the measured round-trip time, 0 if there is none.
func (h *History[T]) Get(now time.Duration, number uint16, rtt time.Duration) (out Out, packet T, ok bool) {
	e := &h.entries[int(number)&(len(h.entries)-1)]
	if !e.kept || e.out.Number != number || e.resent && now-e.resentAt < rtt {
		return Out{}, packet, false
	}
	e.resent, e.resentAt = true, now
	return e.out, e.packet, true
}

// Clear releases everything.
func (h *History[T]) Clear() {
	for i := range h.entries {
		if h.entries[i].kept {
			h.release(h.entries[i].packet)
		}
		h.entries[i] = sentPacket[T]{}
	}
}
