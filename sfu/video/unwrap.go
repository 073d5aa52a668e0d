package video

// maxJump is how far a sequence number may be from the newest to be believed at once. RFC 3550, appendix A.1, takes 3,000 ahead and 100
// behind; video has ten times the packets, and retransmissions come late.
const maxJump = 3000

// Unwrapper turns 16-bit sequence numbers of one incoming stream into numbers that do not wrap. The zero value is ready. It belongs to one goroutine.
type Unwrapper struct {
	started bool
	newest  uint64
	// The one sequence number that would prove that the stream goes on elsewhere, after a packet that fits nowhere.
	restart         uint16
	restartPossible bool
}

// Unwrap returns the packet's number; retransmitted packets are given by their original sequence number. ok is false for a packet more than 3,000
// away from the newest: it is to be dropped. A stream that really has jumped loses one packet by that and goes on, far ahead, with the second.
func (u *Unwrapper) Unwrap(seq uint16) (number uint64, ok bool) {
	if !u.started {
		u.started = true
		u.newest = 1<<16 + uint64(seq) // what came before the first is above zero too
		return u.newest, true
	}
	ahead := int64(int16(seq - uint16(u.newest)))
	if ahead >= -maxJump && ahead <= maxJump {
		number = u.newest + uint64(ahead)
		if ahead > 0 {
			u.newest = number
			u.restartPossible = false
		}
		return number, true
	}
	if !u.restartPossible || seq != u.restart {
		u.restart, u.restartPossible = seq+1, true
		return 0, false
	}
	u.restartPossible = false
	u.newest += 1<<16 + uint64(seq-uint16(u.newest))
	return u.newest, true
}
