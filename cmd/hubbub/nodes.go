package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// nodesCommand shows the nodes of a cluster, and the links of the asked one to the others.
type nodesCommand struct {
	inspection
}

// Run prints a line for each node.
func (c *nodesCommand) Run(stdout io.Writer) error {
	view, err := c.fetch()
	if err != nil {
		return err
	}
	owned, participants := make(map[string]int), make(map[string]int)
	for _, room := range view.Rooms {
		owned[room.Owner]++
		participants[room.Owner] += room.Participants
	}
	links := make(map[string]linkView)
	for _, l := range view.Links {
		links[l.Node] = l
	}
	slices.SortFunc(view.Members, func(a, b memberView) int { return strings.Compare(a.Name, b.Name) })
	var t table
	t.row("NODE", "STATE", "ADDRESS", "ROOMS OWNED", "PEOPLE IN THEM", "LINK RTT", "LOSS", "STREAMS", "LINKED FOR")
	for _, m := range view.Members {
		rtt, loss, streams, age := "-", "-", "-", "-"
		if l, ok := links[m.Name]; ok {
			rtt, loss, streams = fmt.Sprintf("%.1f ms", l.RTT), fmt.Sprintf("%.1f %%", 100*l.Loss), strconv.Itoa(l.Streams)
			age = time.Since(l.Since).Round(time.Second).String()
		}
		name := m.Name
		if name == view.Node {
			name += " (asked)"
		}
		t.row(name, m.State, m.Addr, owned[m.Name], participants[m.Name], rtt, loss, streams, age)
	}
	return c.print(stdout, struct {
		Node    string       `json:"node"`
		Members []memberView `json:"members"`
		Links   []linkView   `json:"links"`
	}{view.Node, view.Members, view.Links}, &t)
}
