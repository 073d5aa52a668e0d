package signaling

import (
	"context"
	"maps"
	"time"

	"hubbub/cluster/link"
)

// Kinds of requests to other nodes.
const (
	kindRoster = "roster" // who is in a room of the node's
	kindRooms  = "rooms"  // which rooms the node owns
)

// listTimeout bounds the asking of other nodes for what a client wants listed.
const listTimeout = time.Second

type rosterQuestion struct {
	Room string `json:"room"`
}

type rosterAnswer struct {
	Found bool           `json:"found"`
	Users []onlineObject `json:"users"`
}

func serveRoster(_ context.Context, s *Server, _ link.Peer, q rosterQuestion) (rosterAnswer, error) {
	r := s.registry.room(q.Room)
	if r == nil {
		return rosterAnswer{}, nil
	}
	return rosterAnswer{Found: true, Users: usersIn(r)}, nil
}

func usersIn(r *liveRoom) []onlineObject {
	listed := []onlineObject{}
	for _, p := range r.participants() {
		listed = append(listed, onlineObject{ID: p.User, Name: p.Name, Room: r.name})
	}
	return listed
}

// roster lists the users of a room, wherever it is; false when there is none.
func (s *Server) roster(ctx context.Context, name string) ([]onlineObject, bool) {
	if r := s.registry.room(name); r != nil && r.size() > 0 {
		return usersIn(r), true
	}
	if s.cluster == nil {
		return nil, false
	}
	claim, known := s.cluster.Directory.Known(name)
	if !known {
		return nil, false
	}
	owner, alive := s.cluster.Members.Find(claim.Owner)
	if !alive {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	a, err := askNode[rosterAnswer](ctx, s, owner, kindRoster, rosterQuestion{Room: name})
	if err != nil {
		s.log.Debug("roster not asked", "err", err)
		return nil, false
	}
	return a.Users, a.Found
}

func serveRooms(_ context.Context, s *Server, _ link.Peer, _ struct{}) (map[string]int, error) {
	return s.ownedRooms(), nil
}

// ownedRooms counts the participants of this node's rooms, on all nodes.
func (s *Server) ownedRooms() map[string]int {
	owned := make(map[string]int)
	for name, r := range s.registry.allRooms() {
		if n := r.size(); n > 0 && r.isOwn() {
			owned[name] = n
		}
	}
	return owned
}

func (r *liveRoom) isOwn() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.authority != nil && r.authority.owns()
}

// allRooms counts the participants of the rooms of all nodes.
func (s *Server) allRooms(ctx context.Context) map[string]int {
	all := make(map[string]int)
	for name, r := range s.registry.allRooms() {
		if n := r.size(); n > 0 {
			all[name] = n
		}
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	for _, theirs := range askAll[map[string]int](ctx, s, kindRooms, struct{}{}) {
		maps.Copy(all, theirs)
	}
	return all
}
