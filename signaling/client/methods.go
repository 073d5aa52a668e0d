package client

import (
	"context"
	"encoding/json"
)

// ConnectParams say who one is: a token, a guest's name, or the resume string of an earlier connect.
type ConnectParams struct {
	Token  string `json:"token,omitempty"`
	Name   string `json:"name,omitempty"`
	Resume string `json:"resume,omitempty"`
	Client *Agent `json:"client,omitempty"`
}

// Agent names the program that connects.
type Agent struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// ConnectResult is the answer to connect.
type ConnectResult struct {
	Session    string          `json:"session"`
	User       User            `json:"user"`
	Resume     string          `json:"resume"` // for the next connect, within the grace time
	Resumed    bool            `json:"resumed"`
	ServerTime int64           `json:"serverTime"` // ms since 1970
	Node       string          `json:"node"`
	ICEServers json.RawMessage `json:"iceServers"` // RTCIceServer dictionaries
	Calls      []Call          `json:"calls"`      // of the user, those that go on
	Limits     Limits          `json:"limits"`
}

// Connect is the first method of a connection.
func (c *Client) Connect(ctx context.Context, p ConnectParams) (ConnectResult, error) {
	var r ConnectResult
	err := c.Call(ctx, "connect", p, &r)
	return r, err
}

// JoinParams name a room and, with an offer, what is sent and received there. Without an offer one joins with text alone, or, after
// a resume, goes on with the PeerConnection that is there.
type JoinParams struct {
	Room    string            `json:"room"`
	Offer   string            `json:"offer,omitempty"`   // SDP
	Sources map[string]string `json:"sources,omitempty"` // by mid
	Muted   bool              `json:"muted,omitempty"`
}

// JoinResult is the answer to join.
type JoinResult struct {
	Room        Room        `json:"room"`
	Participant Participant `json:"participant"`
	Answer      string      `json:"answer"` // SDP, "" without an offer
	Slots       []Slot      `json:"slots"`
}

// Join enters a room, or asks for its snapshot when one is in it already. [Media.Join] does it with sound.
func (c *Client) Join(ctx context.Context, p JoinParams) (JoinResult, error) {
	var r JoinResult
	err := c.Call(ctx, "join", p, &r)
	return r, err
}

// NegotiateParams are an ICE restart, or media added.
type NegotiateParams struct {
	Offer   string            `json:"offer"` // SDP
	Sources map[string]string `json:"sources,omitempty"`
}

// NegotiateResult is the answer to negotiate.
type NegotiateResult struct {
	Answer string `json:"answer"` // SDP
	Slots  []Slot `json:"slots"`
}

// Negotiate offers again. [Media.Restart] does it for an ICE restart.
func (c *Client) Negotiate(ctx context.Context, p NegotiateParams) (NegotiateResult, error) {
	var r NegotiateResult
	err := c.Call(ctx, "negotiate", p, &r)
	return r, err
}

// LeaveRoom leaves the room and keeps the connection, on which another Join may follow.
func (c *Client) LeaveRoom(ctx context.Context) error { return c.Call(ctx, "leave", nil, nil) }

// Change is what update changes of oneself; nil members stay as they are.
type Change struct {
	Name       *string            `json:"name,omitempty"`
	Muted      *bool              `json:"muted,omitempty"`
	Hand       *bool              `json:"hand,omitempty"`
	Camera     *bool              `json:"camera,omitempty"`
	Screen     *bool              `json:"screen,omitempty"`
	Attributes *map[string]string `json:"attributes,omitempty"`
}

// Update changes oneself and returns what one has become.
func (c *Client) Update(ctx context.Context, ch Change) (Participant, error) {
	var r struct {
		Participant Participant `json:"participant"`
	}
	err := c.Call(ctx, "update", ch, &r)
	return r.Participant, err
}

// ChatReceipt is the answer to chat.
type ChatReceipt struct {
	ID   string `json:"id"`
	Seq  int    `json:"seq"`
	Time int64  `json:"time"` // ms since 1970
}

// Chat writes to the room. The same nonce ("" for none) gives the same answer and sends nothing again.
func (c *Client) Chat(ctx context.Context, text, nonce string) (ChatReceipt, error) {
	var r ChatReceipt
	err := c.Call(ctx, "chat", struct {
		Text  string `json:"text"`
		Nonce string `json:"nonce,omitempty"`
	}{text, nonce}, &r)
	return r, err
}

// HistoryParams bound the messages wanted; 0 is no bound. Before and After are exclusive.
type HistoryParams struct {
	Before int `json:"before,omitempty"`
	After  int `json:"after,omitempty"`
	Limit  int `json:"limit,omitempty"` // up to 200
}

// History returns earlier messages of the room, oldest first.
func (c *Client) History(ctx context.Context, p HistoryParams) ([]Message, error) {
	var r struct {
		Messages []Message `json:"messages"`
	}
	err := c.Call(ctx, "history", p, &r)
	return r.Messages, err
}

// WhisperReceipt is the answer to whisper.
type WhisperReceipt struct {
	ID     string `json:"id"`
	Time   int64  `json:"time"`   // ms since 1970
	Status string `json:"status"` // "delivered", "stored"
}

// Whisper writes to one user. It may take as long as the server waits for a device of theirs to acknowledge it (2 s).
func (c *Client) Whisper(ctx context.Context, to, text, nonce string) (WhisperReceipt, error) {
	var r WhisperReceipt
	err := c.Call(ctx, "whisper", struct {
		To    string `json:"to"`
		Text  string `json:"text"`
		Nonce string `json:"nonce,omitempty"`
	}{to, text, nonce}, &r)
	return r, err
}

type ackParams struct {
	Whisper string `json:"whisper"`
}

// Ack settles a whisper for all of one's devices.
func (c *Client) Ack(ctx context.Context, id string) error {
	return c.Call(ctx, "ack", ackParams{id}, nil)
}

// NotifyAck is Ack without an answer, which may be sent from within [Options.OnNotification].
func (c *Client) NotifyAck(id string) error { return c.Notify("ack", ackParams{id}) }

// Ring calls a user; media is "audio" or "video". All their devices ring.
func (c *Client) Ring(ctx context.Context, to, media string) (Call, error) {
	return c.callMethod(ctx, "call", struct {
		To    string `json:"to"`
		Media string `json:"media"`
	}{to, media})
}

// Answer accepts or declines a call that rings, for all of one's devices.
func (c *Client) Answer(ctx context.Context, call string, accept bool) (Call, error) {
	return c.callMethod(ctx, "answer", struct {
		Call   string `json:"call"`
		Accept bool   `json:"accept"`
	}{call, accept})
}

// HangUp ends a call, or gives it up while it rings.
func (c *Client) HangUp(ctx context.Context, call string) (Call, error) {
	return c.callMethod(ctx, "hangup", struct {
		Call string `json:"call"`
	}{call})
}

func (c *Client) callMethod(ctx context.Context, method string, params any) (Call, error) {
	var r CallEvent
	err := c.Call(ctx, method, params, &r)
	return r.Call, err
}

// Order is what moderate does to a participant.
type Order struct {
	Participant string `json:"participant"`      // id
	Action      string `json:"action"`           // "mute", "remove", "ban", "role"
	Role        string `json:"role,omitempty"`   // for the action "role"
	Reason      string `json:"reason,omitempty"` // for people
}

// Moderate does something to another participant; hosts and admins may.
func (c *Client) Moderate(ctx context.Context, o Order) error {
	return c.Call(ctx, "moderate", o, nil)
}

// Users lists who is online in a room, or anywhere when room is "".
func (c *Client) Users(ctx context.Context, room string) ([]OnlineUser, error) {
	var r struct {
		Users []OnlineUser `json:"users"`
	}
	err := c.Call(ctx, "users", struct {
		Room string `json:"room,omitempty"`
	}{room}, &r)
	return r.Users, err
}

// Rooms lists the rooms that there are.
func (c *Client) Rooms(ctx context.Context) ([]RoomSummary, error) {
	var r struct {
		Rooms []RoomSummary `json:"rooms"`
	}
	err := c.Call(ctx, "rooms", nil, &r)
	return r.Rooms, err
}

// Ping asks for the server's time, in ms since 1970.
func (c *Client) Ping(ctx context.Context) (int64, error) {
	var r struct {
		Time int64 `json:"time"`
	}
	err := c.Call(ctx, "ping", nil, &r)
	return r.Time, err
}
