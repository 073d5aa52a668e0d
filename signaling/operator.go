package signaling

import (
	"encoding/json"
	"net/http"
)

// RoomView is a room as operators see it.
type RoomView struct {
	Owner        string `json:"owner"`
	Epoch        int    `json:"epoch"`
	Participants int    `json:"participants"`
}

// Member is a node of the service as operators see it.
type Member struct {
	Name  string `json:"name"`
	Boot  string `json:"boot"`
	Addr  string `json:"addr"`
	State string `json:"state"`
}

type clusterView struct {
	Node    string              `json:"node"`
	Members []Member            `json:"members"`
	Rooms   map[string]RoomView `json:"rooms"`
}

// ClusterView serves what this node knows of the service as JSON: of a node that
// stands alone, itself and its rooms.
func (s *Server) ClusterView(self Member) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		self.State = "alive"
		if s.Stopping() {
			self.State = "leaving"
		}
		view := clusterView{Node: s.cfg.Node, Members: []Member{self}, Rooms: map[string]RoomView{}}
		for name, r := range s.registry.allRooms() {
			view.Rooms[name] = RoomView{Owner: s.cfg.Node, Epoch: 1, Participants: r.size()}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(view)
	})
}
