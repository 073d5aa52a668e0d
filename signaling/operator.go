package signaling

import (
	"encoding/json"
	"net/http"
	"time"
)

// RoomView is a room as operators see it.
type RoomView struct {
	Owner        string `json:"owner"`
	Epoch        uint64 `json:"epoch"`
	Participants int    `json:"participants"`
}

// Member is a node of the service as operators see it.
type Member struct {
	Name  string `json:"name"`
	Boot  string `json:"boot"`
	Addr  string `json:"addr"`
	State string `json:"state"` // "alive", or "leaving" while it drains
}

// LinkView is this node's connection to another one as operators see it.
type LinkView struct {
	Node    string    `json:"node"`
	RTT     float64   `json:"rttMs"` // smoothed
	Loss    float64   `json:"loss"`  // of the datagrams that came, 0 to 1
	Streams int       `json:"streams"`
	Since   time.Time `json:"since"`
}

type clusterView struct {
	Node    string              `json:"node"`
	Members []Member            `json:"members"`
	Rooms   map[string]RoomView `json:"rooms"`
	Links   []LinkView          `json:"links"`
}

// ClusterView serves what this node knows of the service as JSON; self is what a node that stands alone says of itself.
func (s *Server) ClusterView(self Member) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		view := clusterView{Node: s.cfg.Node, Rooms: map[string]RoomView{}, Links: []LinkView{}}
		if s.cluster == nil {
			self.Name, self.Boot, self.State = s.self.Name, s.self.Boot, memberState(s.Draining())
			view.Members = []Member{self}
			for name, r := range s.registry.allRooms() {
				view.Rooms[name] = RoomView{Owner: s.cfg.Node, Epoch: 1, Participants: r.size()}
			}
		} else {
			s.viewCluster(r, &view)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(view)
	})
}

func memberState(draining bool) string {
	if draining {
		return "leaving"
	}
	return "alive"
}

func (s *Server) viewCluster(r *http.Request, view *clusterView) {
	for _, n := range s.cluster.Members.Alive() {
		view.Members = append(view.Members, Member{
			Name: n.Name, Boot: n.Boot, Addr: n.Addr.String(), State: memberState(n.Draining),
		})
	}
	participants := s.allRooms(r.Context())
	for _, claim := range s.cluster.Directory.Claims() {
		view.Rooms[claim.Room] = RoomView{Owner: claim.Owner, Epoch: claim.Epoch, Participants: participants[claim.Room]}
	}
	for _, l := range s.cluster.Links.Status() {
		view.Links = append(view.Links, LinkView{
			Node: l.Peer.Name, RTT: float64(l.RTT.Microseconds()) / 1000, Loss: l.Loss, Streams: l.Streams, Since: l.Since,
		})
	}
}
