package cluster

import (
	"context"
	"errors"
)

// ErrUnavailable says that the store which all nodes share cannot be reached just now. It comes at once or within half a
// second; the store is looked for in the background.
var ErrUnavailable = errors.New("the cluster's store is unavailable")

// SessionRecord is one connection of a user, a device, wherever it is.
type SessionRecord struct {
	Session string // unique
	User    string
	Name    string
	Room    string // "" while in none
	Device  string // what the client calls itself; "" when it does not
	Node    string // that holds the connection
	Boot    string // of that node: another start of it is another node
}

// Presence knows every session that is connected, to whichever node. A session belongs to the node that put it.
type Presence interface {
	// Put adds a session of this node, or replaces what is known of it. That is known here when it returns, and
	// everywhere as soon as the store can be reached: not reaching it is no error.
	Put(ctx context.Context, s SessionRecord) error
	// Remove takes a session of this node out; one that is not there is no error, nor is a store that cannot be reached.
	Remove(ctx context.Context, session string) error
	// Sessions returns all sessions of a user, in no particular order. With ErrUnavailable it returns those of this node.
	Sessions(ctx context.Context, user string) ([]SessionRecord, error)
	// Online returns up to limit sessions in a room, or anywhere when room is ""; limit 0 means all. Which
	// ones, and in which order, is not defined. A user with two devices has two sessions. With ErrUnavailable it
	// returns those of this node.
	Online(ctx context.Context, room string, limit int) ([]SessionRecord, error)
}
