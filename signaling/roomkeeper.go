package signaling

import (
	"time"

	"hubbub/signaling/replica"
)

// open begins a room on this node.
func (s *Server) open(r *liveRoom) {
	r.replica = replica.New(r.name, time.Now(), replica.Config{
		Limit: s.cfg.RoomLimit, Grace: s.cfg.Grace, History: roomHistory, Guests: len(s.keys) == 0,
	})
	r.own(1)
}
