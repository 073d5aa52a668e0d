package signaling

import (
	"encoding/json"
	"fmt"

	"hubbub/cluster/link"
	"hubbub/cluster/ownership"
	"hubbub/signaling/replica"
)

// roomFrame is one frame of the stream that a node with people in a room has to the room's owner. One member is set.
//
//	node ──► owner                              owner ──► node
//	Hello                                       Route, and then Refused, or Want, or Welcome
//	Knowledge                                   (in answer to Want)
//	Command                                     Entry, or Reject
//	Ack                                         Moved
type roomFrame struct {
	Hello     *helloFrame       `json:"hello,omitempty"`
	Route     *uint32           `json:"route,omitempty"` // where the owner expects the media
	Refused   string            `json:"refused,omitempty"`
	Want      *replica.Position `json:"want,omitempty"` // the owner lacks what follows
	Knowledge *knowledge        `json:"knowledge,omitempty"`
	Welcome   *knowledge        `json:"welcome,omitempty"`
	Command   *replica.Command  `json:"command,omitempty"`
	Entry     *replica.Entry    `json:"entry,omitempty"`
	Ack       *replica.Position `json:"ack,omitempty"` // the node has applied this much
	Reject    *rejectFrame      `json:"reject,omitempty"`
	Moved     *ownership.Claim  `json:"moved,omitempty"` // the room has another owner now
}

// helloFrame is how a node presents itself.
type helloFrame struct {
	Room     string           `json:"room"`
	Epoch    uint64           `json:"epoch"` // of the claim that led here
	Position replica.Position `json:"position"`
	Route    uint32           `json:"route"` // where the node expects the media
}

// knowledge brings another replica up to date: by what it lacks, or by all there is.
type knowledge struct {
	Entries  []replica.Entry   `json:"entries,omitempty"`
	Snapshot *replica.Snapshot `json:"snapshot,omitempty"`
}

type rejectFrame struct {
	Request uint64 `json:"request"`
	Error   *Error `json:"error"`
}

// knowledgeSince is what a replica that is at a position lacks of r.
func knowledgeSince(r *replica.Replica, at replica.Position) *knowledge {
	if entries, ok := r.Since(at); ok {
		return &knowledge{Entries: entries}
	}
	s := r.Snapshot()
	return &knowledge{Snapshot: &s}
}

// writeFrame sends a frame. It does not wait; the error means that the stream has ended.
func writeFrame(s *link.Stream, f roomFrame) error {
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode a room's frame: %w", err)
	}
	return s.WriteFrame(b)
}

func readFrame(s *link.Stream) (roomFrame, error) {
	var f roomFrame
	b, err := s.ReadFrame()
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return f, fmt.Errorf("decode a room's frame: %w", err)
	}
	return f, nil
}
