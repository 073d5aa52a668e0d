package link

import (
	"sync"
	"time"
)

const (
	// lossStep is how often it is noted how many packets were lost, lossSteps how many such notes make the window: what a link was like an hour
	// ago says nothing of what it is like.
	lossStep  = 10 * time.Second
	lossSteps = 6
)

// lossWindow tells which part of the packets of about the last minute was lost. Safe for concurrent use.
type lossWindow struct {
	mu    sync.Mutex
	notes []packetCounts // the oldest first, at most lossSteps
}

// packetCounts are those since a connection's beginning.
type packetCounts struct{ sent, lost uint64 }

// note is to be called every lossStep.
func (w *lossWindow) note(now packetCounts) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.notes) == lossSteps {
		copy(w.notes, w.notes[1:])
		w.notes = w.notes[:lossSteps-1]
	}
	w.notes = append(w.notes, now)
}

// fraction is what was lost since the oldest note, or since the beginning while there are not as many.
func (w *lossWindow) fraction(now packetCounts) float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var from packetCounts
	if len(w.notes) == lossSteps {
		from = w.notes[0]
	}
	if now.sent <= from.sent || now.lost < from.lost {
		return 0
	}
	return float64(now.lost-from.lost) / float64(now.sent-from.sent)
}
