package bandwidth

import "time"

const (
	// Sent packets are remembered for remembered at least, as long as they are no more than maxHistory: 3,000 a second is more than a subscriber ever gets.
	remembered = 2 * time.Second
	minHistory = 1 << 8
	maxHistory = 1 << 13
)

type fate uint8

const (
	unsent fate = iota
	inFlight
	lost // reported as not received, which a later report may correct
	received
)

// sentPacket is what is remembered of a packet until its feedback comes.
type sentPacket struct {
	at     time.Duration
	probe  uint32
	bytes  int32
	number uint16
	fate   fate
}

// history is the packets sent last, by their numbers: a ring that grows with the rate.
type history struct{ packets []sentPacket }

func newHistory() history { return history{packets: make([]sentPacket, minHistory)} }

func (h *history) add(p sentPacket) {
	slot := h.slot(p.number)
	if slot.fate != unsent && p.at-slot.at < remembered && len(h.packets) < maxHistory {
		h.grow()
		slot = h.slot(p.number)
	}
	*slot = p
}

func (h *history) slot(number uint16) *sentPacket { return &h.packets[int(number)&(len(h.packets)-1)] }

func (h *history) grow() {
	old := h.packets
	h.packets = make([]sentPacket, 2*len(old))
	for i := range old {
		if p := &old[i]; p.fate != unsent {
			*h.slot(p.number) = *p
		}
	}
}

// find returns the packet with that number, or nil if it was not sent or is forgotten.
func (h *history) find(number uint16) *sentPacket {
	if p := h.slot(number); p.fate != unsent && p.number == number {
		return p
	}
	return nil
}
