package cluster

import "context"

// SessionRecord is one connection of a user, a device, wherever it is.
type SessionRecord struct {
	Session string // unique
	User    string
	Name    string
	Room    string // "" while in none
	Node    string // that holds the connection
}

// Presence knows every session that is connected.
type Presence interface {
	// Put adds a session, or replaces what is known of it.
	Put(ctx context.Context, s SessionRecord) error
	// Remove takes a session out; one that is not there is no error.
	Remove(ctx context.Context, session string) error
	// Sessions returns all sessions of a user, in no particular order.
	Sessions(ctx context.Context, user string) ([]SessionRecord, error)
	// Online returns up to limit sessions in a room, or anywhere when room is ""; limit 0 means all. Which
	// ones, and in which order, is not defined. A user with two devices has two sessions.
	Online(ctx context.Context, room string, limit int) ([]SessionRecord, error)
}
