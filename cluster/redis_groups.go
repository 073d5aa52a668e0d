package cluster

import (
	"encoding/json"
	"fmt"
	"slices"
)

// group names the sessions that a user, a room or a node has, as a hash and a sorted set in Redis (presence_put.lua). Both are in
// one slot of a Redis Cluster, by what is in braces.
type group string

// nodesGroup has, in place of sessions, an entry for each node that has any.
const nodesGroup group = "hubbub:{nodes}"

func userGroup(user string) group       { return group("hubbub:{user:" + user + "}") }
func roomGroup(room string) group       { return group("hubbub:{room:" + room + "}") }
func nodeGroup(node, boot string) group { return group("hubbub:{node:" + nodeEntry(node, boot) + "}") }

// nodeEntry is what a start of a node is called in nodesGroup.
func nodeEntry(node, boot string) string { return node + "/" + boot }

func (g group) keys() []string {
	return []string{string(g) + ":sessions", string(g) + ":deadlines"}
}

// writtenSession is a session with its record as it stands in Redis.
type writtenSession struct {
	SessionRecord
	encoded string
}

// storedSession is a SessionRecord as Redis has it; nodes of different versions read each other's. A node's entry has its last two
// fields alone.
type storedSession struct {
	Session string `json:"session,omitempty"`
	User    string `json:"user,omitempty"`
	Name    string `json:"name,omitempty"`
	Room    string `json:"room,omitempty"`
	Device  string `json:"device,omitempty"`
	Node    string `json:"node"`
	Boot    string `json:"boot"`
}

func encodeSession(s SessionRecord) string {
	encoded, err := json.Marshal(storedSession(s))
	if err != nil {
		panic(err) // not for strings
	}
	return string(encoded)
}

func decodeSession(encoded string) (SessionRecord, error) {
	var s storedSession
	if err := json.Unmarshal([]byte(encoded), &s); err != nil {
		return SessionRecord{}, fmt.Errorf("decoding a session: %w", err)
	}
	return SessionRecord(s), nil
}

// groups are those that a session is in.
func (s writtenSession) groups() []group {
	in := []group{userGroup(s.User), nodeGroup(s.Node, s.Boot)}
	if s.Room != "" {
		in = append(in, roomGroup(s.Room))
	}
	return in
}

// writes puts sessions of this node into their groups, with one call for each group.
func (p *RedisPresence) writes(sessions ...writtenSession) []*scriptCall {
	if len(sessions) == 0 {
		return nil
	}
	lifetime := p.cfg.Lifetime.Milliseconds()
	node := &scriptCall{script: presencePut, keys: nodesGroup.keys(), args: []any{
		lifetime, nodeEntry(p.cfg.Node, p.cfg.Boot), p.encodedNode,
	}}
	calls := []*scriptCall{node}
	byGroup := make(map[group]*scriptCall)
	for _, s := range sessions {
		for _, g := range s.groups() {
			c := byGroup[g]
			if c == nil {
				c = &scriptCall{script: presencePut, keys: g.keys(), args: []any{lifetime}}
				byGroup[g] = c
				calls = append(calls, c)
			}
			c.args = append(c.args, s.Session, s.encoded)
		}
	}
	return calls
}

// removals takes sessions out of all their groups.
func removals(sessions ...writtenSession) []*scriptCall {
	var calls []*scriptCall
	byGroup := make(map[group]*scriptCall)
	for _, s := range sessions {
		for _, g := range s.groups() {
			c := byGroup[g]
			if c == nil {
				c = removal(g)
				byGroup[g] = c
				calls = append(calls, c)
			}
			c.args = append(c.args, s.Session)
		}
	}
	return calls
}

// departures takes a session out of the groups that it is no longer in.
func departures(before, now writtenSession) []*scriptCall {
	var calls []*scriptCall
	for _, g := range before.groups() {
		if !slices.Contains(now.groups(), g) {
			calls = append(calls, removal(g, before.Session))
		}
	}
	return calls
}

// removal takes sessions out of a group.
func removal(from group, sessions ...any) *scriptCall {
	return &scriptCall{script: presenceRemove, keys: from.keys(), args: sessions}
}
