package signaling

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"hubbub/cluster"
	"hubbub/cluster/link"
)

// kindOnline asks a node who is online, as far as it knows.
const kindOnline = "online"

// online lists who is online on any node. Where presence is not shared, or its store is away, every node is asked for
// its own people, and who does not answer in time is left out.
func (s *Server) online(ctx context.Context) ([]onlineObject, error) {
	people, err := s.known(ctx)
	away := errors.Is(err, cluster.ErrUnavailable)
	if err != nil && !away {
		s.log.Warn("presence not read", "err", err)
		return nil, errUnavailable("presence cannot be read")
	}
	if away || s.cfg.Inbox == nil {
		ctx, cancel := context.WithTimeout(ctx, listTimeout)
		defer cancel()
		for _, theirs := range askAll[[]onlineObject](ctx, s, kindOnline, struct{}{}) {
			for _, o := range theirs {
				people.add(o)
			}
		}
	}
	listed := people.sorted()
	return listed[:min(len(listed), maxListed)], nil
}

// serveOnline answers as many as there is space for in an answer.
func serveOnline(ctx context.Context, s *Server, _ link.Peer, _ struct{}) ([]onlineObject, error) {
	people, err := s.known(ctx)
	if err != nil && !errors.Is(err, cluster.ErrUnavailable) {
		return nil, err
	}
	listed := people.sorted()
	size := len("[]")
	for i, o := range listed {
		encoded, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		if size += len(encoded) + len(","); size > link.MaxBody {
			return listed[:i], nil
		}
	}
	return listed, nil
}

// known are those of whom presence knows; with cluster.ErrUnavailable only this node's.
func (s *Server) known(ctx context.Context) (onlinePeople, error) {
	records, err := s.cfg.Presence.Online(ctx, "", maxListed)
	people := make(onlinePeople, len(records))
	for _, r := range records {
		people.add(onlineObject{ID: r.User, Name: r.Name, Room: publicRoom(r.Room)})
	}
	return people, err
}

// onlinePeople are users by id. One with several devices is there once, with the room of one that is in one.
type onlinePeople map[string]onlineObject

func (p onlinePeople) add(o onlineObject) {
	if known, ok := p[o.ID]; !ok || known.Room == "" {
		p[o.ID] = o
	}
}

func (p onlinePeople) sorted() []onlineObject {
	listed := make([]onlineObject, 0, len(p))
	for _, o := range p {
		listed = append(listed, o)
	}
	slices.SortFunc(listed, func(a, b onlineObject) int { return cmp.Compare(a.ID, b.ID) })
	return listed
}
