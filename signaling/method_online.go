package signaling

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// maxListed bounds the answers of users and rooms.
const maxListed = 5000

type onlineObject struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Room string `json:"room,omitempty"`
}

// users lists who is online, in one room or anywhere.
func users(ctx context.Context, c *call, p *params) (any, error) {
	name := p.optionalString("room")
	if err := p.err(); err != nil {
		return nil, err
	}
	var listed []onlineObject
	var err error
	if p.has("room") {
		listed, err = usersOfRoom(ctx, c, name)
	} else {
		listed, err = usersAnywhere(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	return struct {
		Users []onlineObject `json:"users"`
	}{listed}, nil
}

func usersOfRoom(ctx context.Context, c *call, name string) ([]onlineObject, error) {
	if err := checkIdentifier("room", name); err != nil {
		return nil, err
	}
	at := c.session.whereabouts()
	outside := at == nil || at.room.name != name
	switch {
	case outside && !c.session.grants.List:
		return nil, errForbidden("the token does not allow to list")
	case outside && isCallRoom(name):
		return nil, errNotFound("no such room")
	}
	listed, found := c.server.roster(ctx, name)
	if !found {
		return nil, errNotFound("no such room")
	}
	return listed, nil
}

func usersAnywhere(ctx context.Context, c *call) ([]onlineObject, error) {
	if !c.session.grants.List {
		return nil, errForbidden("the token does not allow to list")
	}
	return c.server.online(ctx)
}

type roomSummary struct {
	Name         string `json:"name"`
	Participants int    `json:"participants"`
}

// rooms lists the rooms that have someone in them.
func rooms(ctx context.Context, c *call, _ *params) (any, error) {
	if !c.session.grants.List {
		return nil, errForbidden("the token does not allow to list")
	}
	listed := []roomSummary{}
	for name, n := range c.server.allRooms(ctx) {
		if !isCallRoom(name) {
			listed = append(listed, roomSummary{Name: name, Participants: n})
		}
	}
	slices.SortFunc(listed, func(a, b roomSummary) int { return cmp.Compare(a.Name, b.Name) })
	if len(listed) > maxListed {
		listed = listed[:maxListed]
	}
	return struct {
		Rooms []roomSummary `json:"rooms"`
	}{listed}, nil
}

// ping lets clients that cannot see WebSocket pings measure the round trip.
func ping(context.Context, *call, *params) (any, error) {
	return struct {
		Time int64 `json:"time"`
	}{millis(time.Now())}, nil
}
