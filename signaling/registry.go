package signaling

import (
	"container/list"
	"maps"
	"slices"
	"sync"
	"time"
)

// What the registry remembers at most. A client can make sessions and rooms only
// up to these numbers.
const (
	maxConnections = 20_000
	maxSessions    = 30_000 // connected or within their grace time
	maxRooms       = 10_000
	maxDevices     = 16 // connections of one user
)

// registry knows the sessions and the rooms of this node. Safe for concurrent
// use.
type registry struct {
	mu       sync.Mutex
	sessions map[string]*session   // by session id, until void or expired
	byUser   map[string][]*session // those that have a connection, the oldest first
	rooms    map[string]*liveRoom
	// broken holds the sessions without a connection in the order in which they
	// broke, which is the order in which their grace time ends.
	broken  *list.List
	waiting map[*session]*list.Element
	// fellDue tells the sweeper that broken is no longer empty.
	fellDue chan struct{}
}

func newRegistry() *registry {
	return &registry{
		sessions: make(map[string]*session),
		byUser:   make(map[string][]*session),
		rooms:    make(map[string]*liveRoom),
		broken:   list.New(),
		waiting:  make(map[*session]*list.Element),
		fellDue:  make(chan struct{}, 1),
	}
}

// add registers a session that has just connected.
func (g *registry) add(s *session) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.sessions) >= maxSessions {
		return errUnavailable("the node has as many sessions as it may")
	}
	if len(g.byUser[s.user.ID]) >= maxDevices {
		return errUnavailable("this user has %d connections already", maxDevices)
	}
	g.sessions[s.id] = s
	g.byUser[s.user.ID] = append(g.byUser[s.user.ID], s)
	return nil
}

// find answers a session that can still be resumed, or nil.
func (g *registry) find(id string) *session {
	g.mu.Lock()
	s := g.sessions[id]
	g.mu.Unlock()
	if s == nil || s.isVoid() {
		return nil
	}
	return s
}

// forget removes a session that cannot be resumed any more. While it has a
// connection it stays among those of its user.
func (g *registry) forget(s *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, s.id)
	if e := g.waiting[s]; e != nil {
		g.broken.Remove(e)
		delete(g.waiting, s)
	}
}

// disconnected takes a session away from its user's connections. If it may come
// back it waits for that.
func (g *registry) disconnected(s *session, mayReturn bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	devices := slices.DeleteFunc(g.byUser[s.user.ID], func(o *session) bool { return o == s })
	if len(devices) == 0 {
		delete(g.byUser, s.user.ID)
	} else {
		g.byUser[s.user.ID] = devices
	}
	if g.sessions[s.id] == nil {
		return
	}
	if !mayReturn {
		delete(g.sessions, s.id)
		return
	}
	g.waiting[s] = g.broken.PushBack(s)
	signal(g.fellDue)
}

// expired takes out the sessions that broke at or before a time, and says when
// the next one did (zero: none is waiting).
func (g *registry) expired(brokenBy time.Time) (gone []*session, next time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for e := g.broken.Front(); e != nil; e = g.broken.Front() {
		s := e.Value.(*session)
		if at := s.brokenAt(); at.After(brokenBy) {
			return gone, at
		}
		g.broken.Remove(e)
		delete(g.waiting, s)
		delete(g.sessions, s.id)
		gone = append(gone, s)
	}
	return gone, time.Time{}
}

// devices answers the sessions of a user that have a connection.
func (g *registry) devices(user string) []*session {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.byUser[user])
}

// expects tells whether a user has a connection, or had one and may come back.
func (g *registry) expects(user string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.byUser[user]) > 0 {
		return true
	}
	for s := range g.waiting {
		if s.user.ID == user {
			return true
		}
	}
	return false
}

// connected answers all sessions that have a connection.
func (g *registry) connected() []*session {
	g.mu.Lock()
	defer g.mu.Unlock()
	var connected []*session
	for _, devices := range g.byUser {
		connected = append(connected, devices...)
	}
	return connected
}

// room answers a living room, or nil.
func (g *registry) room(name string) *liveRoom {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rooms[name]
}

// openRoom answers a living room or makes it.
func (g *registry) openRoom(name string, open func() *liveRoom) (*liveRoom, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r := g.rooms[name]; r != nil {
		return r, nil
	}
	if len(g.rooms) >= maxRooms {
		return nil, errUnavailable("the node has as many rooms as it may")
	}
	r := open()
	g.rooms[name] = r
	return r, nil
}

// dropRoom forgets a room that has ended.
func (g *registry) dropRoom(r *liveRoom) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rooms[r.name] == r {
		delete(g.rooms, r.name)
	}
}

// allRooms answers the living rooms by name.
func (g *registry) allRooms() map[string]*liveRoom {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.rooms)
}

// size counts sessions and rooms.
func (g *registry) size() (sessions, rooms int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.sessions), len(g.rooms)
}
