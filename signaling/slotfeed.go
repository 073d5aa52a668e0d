package signaling

import (
	"slices"
	"sync"

	"hubbub/sfu"
)

// slotFeed tells a session which participant each slot of its media carries. It
// holds the changes back while an answer that has the slots in it is being made,
// so that no change overtakes that answer. A nil feed, of a participant without
// media, does nothing. Safe for concurrent use.
type slotFeed struct {
	mu      sync.Mutex
	session *session
	held    bool
	waiting []sfu.Slot // the newest of each mid, while held
}

// changed is called by the media with the slots that changed.
func (f *slotFeed) changed(slots []sfu.Slot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.held {
		f.tell(slots)
		return
	}
	for _, s := range slots {
		i := slices.IndexFunc(f.waiting, func(w sfu.Slot) bool { return w.Mid == s.Mid })
		if i < 0 {
			f.waiting = append(f.waiting, s)
		} else {
			f.waiting[i] = s
		}
	}
}

func (f *slotFeed) hold() {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = true
}

// release lets changes pass, to this session from now on.
func (f *slotFeed) release(s *session) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.session, f.held = s, false
	if len(f.waiting) > 0 {
		f.tell(f.waiting)
		f.waiting = nil
	}
}

func (f *slotFeed) tell(slots []sfu.Slot) {
	f.session.notify(encodeNotification("slots", struct {
		Slots []slotObject `json:"slots"`
	}{slotsOnWire(slots)}))
}
