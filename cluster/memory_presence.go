package cluster

import (
	"context"
	"iter"
	"maps"
	"sync"
)

// MemoryPresence is the Presence of a node that is alone. It grows with that node's sessions, which are bounded elsewhere.
type MemoryPresence struct {
	mu       sync.RWMutex
	sessions map[string]SessionRecord
	users    index
	rooms    index
}

// index has the ids of the sessions that share a user or a room; no entry is empty.
type index map[string]map[string]struct{}

// NewMemoryPresence makes an empty presence.
func NewMemoryPresence() *MemoryPresence {
	return &MemoryPresence{sessions: make(map[string]SessionRecord), users: make(index), rooms: make(index)}
}

// Put implements Presence.
func (p *MemoryPresence) Put(_ context.Context, s SessionRecord) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(s.Session)
	p.sessions[s.Session] = s
	p.users.add(s.User, s.Session)
	if s.Room != "" {
		p.rooms.add(s.Room, s.Session)
	}
	return nil
}

// Remove implements Presence.
func (p *MemoryPresence) Remove(_ context.Context, session string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(session)
	return nil
}

// Sessions implements Presence.
func (p *MemoryPresence) Sessions(_ context.Context, user string) ([]SessionRecord, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return take(0, p.records(p.users[user])), nil
}

// Online implements Presence.
func (p *MemoryPresence) Online(_ context.Context, room string, limit int) ([]SessionRecord, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if room == "" {
		return take(limit, maps.Values(p.sessions)), nil
	}
	return take(limit, p.records(p.rooms[room])), nil
}

func (p *MemoryPresence) remove(session string) {
	s, ok := p.sessions[session]
	if !ok {
		return
	}
	delete(p.sessions, session)
	p.users.remove(s.User, session)
	p.rooms.remove(s.Room, session)
}

// records yields what is known of these sessions.
func (p *MemoryPresence) records(ids map[string]struct{}) iter.Seq[SessionRecord] {
	return func(yield func(SessionRecord) bool) {
		for id := range ids {
			if !yield(p.sessions[id]) {
				return
			}
		}
	}
}

// take collects up to limit of them; 0 means all.
func take(limit int, all iter.Seq[SessionRecord]) []SessionRecord {
	var some []SessionRecord
	for s := range all {
		some = append(some, s)
		if len(some) == limit {
			break
		}
	}
	return some
}

func (x index) add(key, session string) {
	if x[key] == nil {
		x[key] = make(map[string]struct{})
	}
	x[key][session] = struct{}{}
}

func (x index) remove(key, session string) {
	delete(x[key], session)
	if len(x[key]) == 0 {
		delete(x, key)
	}
}
