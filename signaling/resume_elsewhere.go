package signaling

import (
	"context"
	"sync"
	"time"

	"hubbub/cluster"
	"hubbub/cluster/link"
	"hubbub/signaling/replica"
)

// kindSession asks a node what it knows of a session.
const kindSession = "session"

const (
	// sessionTimeout bounds the asking: a client waits for it.
	sessionTimeout = 1500 * time.Millisecond
	// homeTimeout is how long the node that had the session may take, of that. It is mostly asked when it has just died.
	homeTimeout = 400 * time.Millisecond
)

type sessionQuestion struct {
	Sessions []string `json:"sessions"` // it, and those that it continues
	User     string   `json:"user"`
	// Void says that another session has taken its place.
	Void bool `json:"void,omitempty"`
}

type sessionAnswer struct {
	Node      replica.Node `json:"node"`
	Resumable bool         `json:"resumable"` // it is the node's own
	Seated    bool         `json:"seated"`    // in a room of which the node has a replica
}

func serveSession(_ context.Context, s *Server, _ link.Peer, q sessionQuestion) (sessionAnswer, error) {
	a := sessionAnswer{Node: s.self, Seated: s.isSeated(q.Sessions)}
	for _, id := range q.Sessions {
		known := s.registry.find(id)
		if known == nil || known.user.ID != q.User {
			continue
		}
		a.Resumable = true
		if q.Void {
			s.retire(known)
		}
	}
	return a, nil
}

// isSeated tells whether one of the sessions has a seat in a room that this node knows.
func (s *Server) isSeated(sessions []string) bool {
	for _, r := range s.registry.allRooms() {
		if r.seats(sessions) {
			return true
		}
	}
	return false
}

func (r *liveRoom) seats(sessions []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.replica == nil {
		return false
	}
	for _, id := range sessions {
		if _, seated := r.replica.BySession(id); seated {
			return true
		}
	}
	return false
}

// resumeFromElsewhere answers the session that continues one of another node, nil when that cannot be continued any more. The
// node that had it decides; when that does not answer, those who have its room do. One that was in no room is taken at the
// string's word for as long as the grace time lasts.
func (s *Server) resumeFromElsewhere(ctx context.Context, c resumeClaims) *session {
	if s.cluster == nil || c.Node == s.self.Name && c.Boot == s.self.Boot {
		return nil
	}
	ids := append([]string{c.ID}, c.Continues...)
	ctx, cancel := context.WithTimeout(ctx, sessionTimeout)
	defer cancel()
	resumed := &session{
		id: newID(), user: userObject{ID: c.Subject, Name: c.Name}, grants: c.Grants, guest: c.Guest, foreign: ids,
	}
	q := sessionQuestion{Sessions: ids, User: c.Subject}
	if home, alive := s.nodeOf(replica.Node{Name: c.Node, Boot: c.Boot}); alive {
		if a, err := s.askHome(ctx, home, q); err == nil {
			if !a.Resumable {
				return nil
			}
			return resumed
		}
	}
	resumed.dead = true
	if s.isSeated(ids) || s.seatedElsewhere(ctx, q) || s.departed.within(replica.Node{Name: c.Node, Boot: c.Boot}, s.cfg.Grace) {
		return resumed
	}
	return nil
}

func (s *Server) askHome(ctx context.Context, home cluster.Node, q sessionQuestion) (sessionAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, homeTimeout)
	defer cancel()
	return askNode[sessionAnswer](ctx, s, home, kindSession, q)
}

func (s *Server) seatedElsewhere(ctx context.Context, q sessionQuestion) bool {
	for _, a := range askAll[sessionAnswer](ctx, s, kindSession, q) {
		if a.Seated {
			return true
		}
	}
	return false
}

// voidElsewhere ends the sessions of other nodes that one of this node has taken the place of.
func (s *Server) voidElsewhere(c resumed) {
	if s.cluster == nil || len(c.sessions) == 0 {
		return
	}
	s.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, sessionTimeout)
		defer cancel()
		askAll[sessionAnswer](ctx, s, kindSession, sessionQuestion{Sessions: c.sessions, User: c.user, Void: true})
	})
}

// resumed are sessions of other nodes that one of this node continues.
type resumed struct {
	user     string
	sessions []string
}

// maxDeparted bounds the nodes that are remembered.
const maxDeparted = 1024

// departures remembers which nodes have gone, and when. The zero value is empty. Safe for concurrent use.
type departures struct {
	mu   sync.Mutex
	when map[replica.Node]time.Time
}

// note remembers that a node has gone just now.
func (d *departures) note(n replica.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.when == nil || len(d.when) >= maxDeparted {
		d.when = make(map[replica.Node]time.Time)
	}
	d.when[n] = time.Now()
}

// within tells whether a node has gone less than a time ago.
func (d *departures) within(n replica.Node, limit time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, gone := d.when[n]
	return gone && time.Since(at) <= limit
}

// MemberChanged is to be told of the other nodes' coming and going, as cluster.MembersConfig.OnChange is.
func (s *Server) MemberChanged(e cluster.MemberEvent) {
	if e.Kind == cluster.MemberLeft {
		s.departed.note(replica.Node{Name: e.Node.Name, Boot: e.Node.Boot})
	}
}

// LinkLost is to be told when the last connection to a node has ended, as link.Config.ConnectionLost is. It does not wait.
func (s *Server) LinkLost(p link.Peer) { s.departed.note(replica.Node{Name: p.Name, Boot: p.Boot}) }
