package sfu

import (
	"slices"
	"sync"
)

// slotEvents tells owners of peers which slots have changed, from a goroutine of its own: lanes do not wait for owners. What changes
// more than once before its owner is told is told once, so the queue has every subscriber once at most.
type slotEvents struct {
	mu    sync.Mutex
	queue []*subscriber
	wake  chan struct{}
	stop  chan struct{}
	done  sync.WaitGroup
}

func newSlotEvents() *slotEvents {
	e := &slotEvents{wake: make(chan struct{}, 1), stop: make(chan struct{})}
	e.done.Go(e.run)
	return e
}

func (e *slotEvents) close() {
	close(e.stop)
	e.done.Wait()
}

// changed is called when a subscriber's current slots may differ from what its owner was told.
func (e *slotEvents) changed(s *subscriber) {
	s.mu.Lock()
	queue := s.onSlots != nil && !s.queued && !slices.Equal(s.current, s.told)
	s.queued = s.queued || queue
	s.mu.Unlock()
	if !queue {
		return
	}
	e.mu.Lock()
	e.queue = append(e.queue, s)
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *slotEvents) run() {
	for {
		select {
		case <-e.wake:
		case <-e.stop:
			return
		}
		e.mu.Lock()
		queue := e.queue
		e.queue = nil
		e.mu.Unlock()
		for _, s := range queue {
			if onSlots, changes := s.takeChanges(); len(changes) > 0 {
				onSlots(changes)
			}
		}
	}
}

// takeChanges returns what is to be told now.
func (s *subscriber) takeChanges() (onSlots func([]Slot), changes []Slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queued = false
	if s.onSlots == nil {
		return nil, nil
	}
	for _, slot := range s.current {
		if !slices.Contains(s.told, slot) {
			changes = append(changes, slot)
		}
	}
	s.told = s.current
	return s.onSlots, changes
}

// listen begins to tell the owner of changes from the present state on.
func (s *subscriber) listen(onSlots func([]Slot)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onSlots, s.told = onSlots, s.current
}
