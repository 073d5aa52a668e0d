package client

import (
	"encoding/json"
	"fmt"
)

// User is who someone is, in every room and on every device.
type User struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Participant is a user in a room.
type Participant struct {
	ID         string            `json:"id"` // unique in the room, kept across reconnects within the grace time
	User       string            `json:"user"`
	Name       string            `json:"name"`
	CSRC       uint32            `json:"csrc"` // names the participant in RTP packets
	Role       string            `json:"role"` // "host", "speaker", "listener"
	Muted      bool              `json:"muted"`
	Hand       bool              `json:"hand"`
	Camera     bool              `json:"camera"`
	Screen     bool              `json:"screen"`
	State      string            `json:"state"`    // "active", "reconnecting"
	JoinedAt   int64             `json:"joinedAt"` // ms since 1970
	Attributes map[string]string `json:"attributes"`
}

// Room is the snapshot of a room.
type Room struct {
	Name         string        `json:"name"`
	Participants []Participant `json:"participants"`
	Version      int           `json:"version"`
	CreatedAt    int64         `json:"createdAt"` // ms since 1970
	Limit        int           `json:"limit"`     // participants
}

// Participant finds a participant by id.
func (r Room) Participant(id string) (Participant, bool) {
	for _, p := range r.Participants {
		if p.ID == id {
			return p, true
		}
	}
	return Participant{}, false
}

// Message is a message of a room's chat.
type Message struct {
	ID          string `json:"id"`
	Seq         int    `json:"seq"` // counts the room's messages from 1
	Participant string `json:"participant"`
	User        User   `json:"user"`
	Text        string `json:"text"`
	Time        int64  `json:"time"` // ms since 1970
}

// Whisper is a message to one user.
type Whisper struct {
	ID   string `json:"id"`
	From User   `json:"from"`
	To   string `json:"to"` // user id
	Text string `json:"text"`
	Time int64  `json:"time"` // ms since 1970
	Room string `json:"room,omitempty"`
}

// Call is one user's wish to talk with another one, and what became of it.
type Call struct {
	ID        string `json:"id"`
	From      User   `json:"from"`
	To        User   `json:"to"`
	Media     string `json:"media"`     // "audio", "video"
	Room      string `json:"room"`      // to be joined once it is accepted
	State     string `json:"state"`     // "ringing", "accepted", "declined", "cancelled", "missed", "ended"
	ExpiresAt int64  `json:"expiresAt"` // ms since 1970, when it is missed
}

// Slot is a receive-only m-line of the client and whom it carries now.
type Slot struct {
	Mid         string `json:"mid"`
	Kind        string `json:"kind"`        // "audio", "video"
	Participant string `json:"participant"` // "" when empty (null on the wire)
	Source      string `json:"source"`      // "microphone", …; "" when empty
}

// OnlineUser is an entry of the list of users.
type OnlineUser struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Room string `json:"room,omitempty"`
}

// RoomSummary is an entry of the list of rooms.
type RoomSummary struct {
	Name         string `json:"name"`
	Participants int    `json:"participants"`
}

// Limits are what the server tells a client to keep to.
type Limits struct {
	Text          int     `json:"text"`          // code points of a chat message or whisper
	Attributes    int     `json:"attributes"`    // bytes of JSON
	Slots         int     `json:"slots"`         // audio slots
	RatePerSecond float64 `json:"ratePerSecond"` // requests of a connection
}

// Notification is what the server sends without being asked.
type Notification struct {
	Method string
	Params json.RawMessage
}

// Decode decodes the params into v: one of the …Event structs, [Message], or [Whisper], by the method.
func (n Notification) Decode(v any) error {
	if err := json.Unmarshal(n.Params, v); err != nil {
		return fmt.Errorf("decoding the notification %s: %w", n.Method, err)
	}
	return nil
}

// ParticipantEvent is the params of participant_joined and participant_updated.
type ParticipantEvent struct {
	Version     int         `json:"version"`
	Participant Participant `json:"participant"`
}

// LeftEvent is the params of participant_left.
type LeftEvent struct {
	Version int    `json:"version"`
	ID      string `json:"id"`
	Reason  string `json:"reason"` // "left", "timeout", "removed", "banned"
}

// RoomEvent is the params of room_updated; its room has no participants.
type RoomEvent struct {
	Version int  `json:"version"`
	Room    Room `json:"room"`
}

// SlotsEvent is the params of slots: only those that changed.
type SlotsEvent struct {
	Slots []Slot `json:"slots"`
}

// CallEvent is the params of call: a call of one's own has another state.
type CallEvent struct {
	Call Call `json:"call"`
}

// ReconnectEvent is the params of reconnect: leave this node within After ms.
type ReconnectEvent struct {
	Reason string  `json:"reason"`
	After  float64 `json:"after"` // ms
}
