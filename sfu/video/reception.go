package video

import "time"

const (
	// receptionWindow is how many numbers are remembered in order to recognise duplicates.
	receptionWindow = 1024
	// maxMissing is how far behind the newest something may be missing, which bounds how much is.
	maxMissing = 250
	// patience is how long a packet may be missing. Receivers freeze long before.
	patience = time.Second
	// What is out of order by less than this is not yet missing. Wi-Fi reorders by one or two packets.
	reorderDelay, reorderPackets = 5 * time.Millisecond, 3

	minAskInterval = 20 * time.Millisecond
	maxAsked       = 10
)

// Reception finds out what is missing of one incoming stream. The zero value is ready. It belongs to one goroutine.
type Reception struct {
	started   bool
	newest    uint64
	seen      [receptionWindow / 64]uint64 // a bit for each of the last numbers
	missing   []missingPacket              // rising, at most maxMissing
	abandoned bool
}

type missingPacket struct {
	number       uint64
	since, asked time.Duration
	times        int
}

// Observe takes note of a packet that came, by its number from the Unwrapper, whether as itself or as a retransmission. fresh is false when it came before or is
// too old to tell (more than 1,024 behind the newest): it is then to be dropped. late is true of a fresh packet that is not the newest. What is missing before the
// beginning of a key frame (Facts.Keyframe) is no longer asked for.
func (r *Reception) Observe(now time.Duration, number uint64, keyframe bool) (fresh, late bool) {
	if r.started && number <= r.newest {
		fresh = r.newest-number < receptionWindow && !r.has(number)
		if fresh {
			r.mark(number)
			r.found(number, keyframe)
		}
		return fresh, fresh
	}
	if !r.started {
		r.started, r.newest = true, number-1
	}
	for m := max(r.newest+1, number-min(number, receptionWindow)); m < number; m++ {
		r.seen[m/64%uint64(len(r.seen))] &^= 1 << (m % 64)
	}
	r.expect(now, number)
	r.newest = number
	r.mark(number)
	if keyframe {
		r.missing = r.missing[:0]
	}
	return true, false
}

// expect makes room for a new newest number: what is between is missing, and what falls out of the window is given up.
func (r *Reception) expect(now time.Duration, number uint64) {
	if number-r.newest > maxMissing {
		r.missing, r.abandoned = r.missing[:0], true
		return
	}
	expired := 0
	for expired < len(r.missing) && number-r.missing[expired].number > maxMissing {
		expired++
	}
	if expired > 0 {
		r.abandoned = true
		r.missing = r.missing[:copy(r.missing, r.missing[expired:])]
	}
	for m := r.newest + 1; m < number; m++ {
		if r.missing == nil {
			r.missing = make([]missingPacket, 0, maxMissing)
		}
		r.missing = append(r.missing, missingPacket{number: m, since: now})
	}
}

// found takes what came late off the list of what is missing, and what is before it too if nothing before it matters any longer.
func (r *Reception) found(number uint64, keyframe bool) {
	kept := r.missing[:0]
	for _, m := range r.missing {
		if m.number > number || m.number < number && !keyframe {
			kept = append(kept, m)
		}
	}
	r.missing = kept
}

func (r *Reception) has(number uint64) bool {
	return r.seen[number/64%uint64(len(r.seen))]&(1<<(number%64)) != 0
}

func (r *Reception) mark(number uint64) {
	r.seen[number/64%uint64(len(r.seen))] |= 1 << (number % 64)
}

// AppendMissing appends the sequence numbers that are to be asked for (generic NACK, RFC 4585, section 6.2.1) now, rising, to dst, 250 at most. A packet is asked for when it has been
// missing for 5 ms or is three behind the newest, and again each round trip (20 ms at least), ten times at most. rtt is 0 where it is not known.
func (r *Reception) AppendMissing(dst []uint16, now, rtt time.Duration) []uint16 {
	kept := r.missing[:0]
	for _, m := range r.missing {
		if now-m.since >= patience {
			r.abandoned = true
			continue
		}
		due := m.times < maxAsked && now-m.asked >= max(rtt, minAskInterval)
		if m.times == 0 {
			due = now-m.since >= reorderDelay || r.newest-m.number >= reorderPackets
		}
		if due {
			m.asked = now
			m.times++
			dst = append(dst, uint16(m.number))
		}
		kept = append(kept, m)
	}
	r.missing = kept
	return dst
}

// Waiting says whether anything is missing, so that AppendMissing is worth its call.
func (r *Reception) Waiting() bool { return len(r.missing) > 0 }

// Abandoned says, once, that something was given up since the last call: it was missing for a second, or is more than 250 packets behind. Only a key frame
// helps then.
func (r *Reception) Abandoned() bool {
	abandoned := r.abandoned
	r.abandoned = false
	return abandoned
}
