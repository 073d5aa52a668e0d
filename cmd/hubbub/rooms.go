package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// roomsCommand shows all rooms of a cluster, and which node owns each.
type roomsCommand struct {
	inspection
}

// Run prints a line for each room.
func (c *roomsCommand) Run(stdout io.Writer) error {
	view, err := c.fetch()
	if err != nil {
		return err
	}
	var t table
	t.row("ROOM", "OWNER", "EPOCH", "PARTICIPANTS")
	for _, name := range slices.Sorted(maps.Keys(view.Rooms)) {
		room := view.Rooms[name]
		t.row(name, room.Owner, room.Epoch, room.Participants)
	}
	return c.print(stdout, view.Rooms, &t)
}

// whereCommand shows which node owns a room.
type whereCommand struct {
	inspection
	Room string `arg:"" help:"The room's name."`
}

// Run prints the room's owner. A room that the asked node does not know is an error.
func (c *whereCommand) Run(stdout io.Writer) error {
	view, err := c.fetch()
	if err != nil {
		return err
	}
	room, ok := view.Rooms[c.Room]
	if !ok {
		return fmt.Errorf("node %s knows no room %q", view.Node, c.Room)
	}
	address := "-"
	if i := slices.IndexFunc(view.Members, func(m memberView) bool { return m.Name == room.Owner }); i >= 0 {
		address = view.Members[i].Addr
	}
	var t table
	t.row("ROOM", "OWNER", "ADDRESS", "EPOCH", "PARTICIPANTS")
	t.row(c.Room, room.Owner, address, room.Epoch, room.Participants)
	return c.print(stdout, struct {
		Room string `json:"room"`
		Addr string `json:"addr"`
		roomView
	}{c.Room, address, room}, &t)
}
