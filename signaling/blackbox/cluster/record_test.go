package cluster

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"hubbub/signaling/client"
)

// event is a notification about the room's state.
type event struct {
	method      string
	at          time.Time
	version     int
	participant client.Participant // joined, updated
	left        client.LeftEvent
}

// record is the room as one connection saw it: the snapshot of join, and every event applied to it, in the way that
// the protocol asks of clients.
type record struct {
	mu      sync.Mutex
	joined  bool
	version int
	people  map[string]client.Participant
	events  []event
	resyncs []string      // events that did not follow the one before, and what was wrong with them
	gap     chan struct{} // gets something when the client should join again for a snapshot
}

func newRecord() *record { return &record{gap: make(chan struct{}, 1)} }

// add takes a notification; those about anything else than the room's state are ignored.
func (r *record) add(n client.Notification) {
	e := event{method: n.Method, at: time.Now()}
	var err error
	switch n.Method {
	case "participant_joined", "participant_updated":
		var p client.ParticipantEvent
		err = n.Decode(&p)
		e.version, e.participant = p.Version, p.Participant
	case "participant_left":
		err = n.Decode(&e.left)
		e.version = e.left.Version
	case "room_updated":
		var u client.RoomEvent
		err = n.Decode(&u)
		e.version = u.Version
	default:
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.resyncs = append(r.resyncs, err.Error())
		return
	}
	r.events = append(r.events, e)
	if !r.joined {
		return
	}
	if e.version != r.version+1 {
		r.resyncs = append(r.resyncs, fmt.Sprintf("version %d (%s) follows %d", e.version, e.method, r.version))
		select {
		case r.gap <- struct{}{}:
		default:
		}
	}
	r.apply(e)
}

func (r *record) apply(e event) {
	r.version = e.version
	switch e.method {
	case "participant_joined", "participant_updated":
		r.people[e.participant.ID] = e.participant
	case "participant_left":
		delete(r.people, e.left.ID)
	}
}

// expect is for before join is sent: what comes from now on waits for its answer, which start takes.
func (r *record) expect() (mark int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.joined = false
	return len(r.events)
}

// start begins with a snapshot. Events that came after its request was sent, and that are newer, happened to it already.
func (r *record) start(snapshot client.Room, mark int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.joined, r.version = true, snapshot.Version
	r.people = make(map[string]client.Participant)
	for _, p := range snapshot.Participants {
		r.people[p.ID] = p
	}
	for _, e := range r.events[mark:] {
		if e.version > snapshot.Version {
			r.apply(e)
		}
	}
}

// roster is who is in the room, and the version of the room that this is of.
func (r *record) roster() (people map[string]client.Participant, version int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.people), r.version
}

// saw returns the first event that matches.
func (r *record) saw(match func(event) bool) (event, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.events, match); i >= 0 {
		return r.events[i], true
	}
	return event{}, false
}

// course is everything that happened to the room.
func (r *record) course() []event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// irregular lists the events whose version did not follow.
func (r *record) irregular() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.resyncs)
}
