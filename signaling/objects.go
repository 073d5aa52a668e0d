package signaling

import (
	"time"

	"hubbub/cluster"
	"hubbub/room"
	"hubbub/sfu"
)

// The protocol's objects as they stand on the wire.
type (
	userObject struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}

	participantObject struct {
		ID         string            `json:"id"`
		User       string            `json:"user"`
		Name       string            `json:"name"`
		CSRC       uint32            `json:"csrc"`
		Role       room.Role         `json:"role"`
		Muted      bool              `json:"muted"`
		Hand       bool              `json:"hand"`
		Camera     bool              `json:"camera"`
		Screen     bool              `json:"screen"`
		State      room.State        `json:"state"`
		JoinedAt   int64             `json:"joinedAt"`
		Attributes map[string]string `json:"attributes"`
	}

	roomObject struct {
		Name         string              `json:"name"`
		Participants []participantObject `json:"participants"`
		Version      int                 `json:"version"`
		CreatedAt    int64               `json:"createdAt"`
		Limit        int                 `json:"limit"`
	}

	messageObject struct {
		ID          string     `json:"id"`
		Seq         int        `json:"seq"`
		Participant string     `json:"participant"`
		User        userObject `json:"user"`
		Text        string     `json:"text"`
		Time        int64      `json:"time"`
	}

	whisperObject struct {
		ID   string     `json:"id"`
		From userObject `json:"from"`
		To   string     `json:"to"`
		Text string     `json:"text"`
		Time int64      `json:"time"`
		Room string     `json:"room,omitempty"`
	}

	callObject struct {
		ID        string            `json:"id"`
		From      userObject        `json:"from"`
		To        userObject        `json:"to"`
		Media     string            `json:"media"`
		Room      string            `json:"room"`
		State     cluster.CallState `json:"state"`
		ExpiresAt int64             `json:"expiresAt"`
	}

	slotObject struct {
		Mid         string  `json:"mid"`
		Kind        string  `json:"kind"`
		Participant *string `json:"participant"`
		Source      *string `json:"source"`
	}
)

func millis(t time.Time) int64 { return t.UnixMilli() }

func participantOnWire(p room.Participant) participantObject {
	attributes := p.Attributes
	if attributes == nil {
		attributes = map[string]string{}
	}
	return participantObject{
		ID: p.ID, User: p.User, Name: p.Name, CSRC: p.CSRC, Role: p.Role,
		Muted: p.Muted, Hand: p.Hand, Camera: p.Camera, Screen: p.Screen,
		State: p.State, JoinedAt: millis(p.JoinedAt), Attributes: attributes,
	}
}

func roomOnWire(r *room.Room) roomObject {
	info := r.Info()
	participants := make([]participantObject, 0, r.Len())
	for _, p := range r.Participants() {
		participants = append(participants, participantOnWire(p))
	}
	return roomObject{
		Name: info.Name, Participants: participants, Version: info.Version,
		CreatedAt: millis(info.CreatedAt), Limit: info.Limit,
	}
}

// roomInfoObject is a room without its participants.
type roomInfoObject struct {
	Name      string `json:"name"`
	CreatedAt int64  `json:"createdAt"`
	Limit     int    `json:"limit"`
}

type roomEvent struct {
	Room    roomInfoObject `json:"room"`
	Version int            `json:"version"`
}

func roomInfoOnWire(info room.Info) roomInfoObject {
	return roomInfoObject{Name: info.Name, CreatedAt: millis(info.CreatedAt), Limit: info.Limit}
}

func messageOnWire(m room.Message) messageObject {
	return messageObject{
		ID: m.ID, Seq: m.Seq, Participant: m.Participant,
		User: userObject{ID: m.User, Name: m.Name}, Text: m.Text, Time: millis(m.Time),
	}
}

func whisperOnWire(w cluster.Whisper) whisperObject {
	return whisperObject{
		ID: w.ID, From: userObject{ID: w.From, Name: w.FromName}, To: w.To,
		Text: w.Text, Time: millis(w.Time), Room: w.Room,
	}
}

func callOnWire(c cluster.Call) callObject {
	return callObject{
		ID: c.ID, From: userObject{ID: c.From, Name: c.FromName}, To: userObject{ID: c.To, Name: c.ToName},
		Media: c.Media, Room: c.Room, State: c.State, ExpiresAt: millis(c.Expires),
	}
}

func callsOnWire(calls []cluster.Call) []callObject {
	out := make([]callObject, 0, len(calls))
	for _, c := range calls {
		out = append(out, callOnWire(c))
	}
	return out
}

func slotsOnWire(slots []sfu.Slot) []slotObject {
	out := make([]slotObject, 0, len(slots))
	for _, s := range slots {
		o := slotObject{Mid: s.Mid, Kind: s.Kind}
		if s.Participant != "" {
			participant, source := s.Participant, string(s.Source)
			o.Participant, o.Source = &participant, &source
		}
		out = append(out, o)
	}
	return out
}

// eventOnWire encodes an event of the room's model as the notification that
// everyone in the room gets.
func eventOnWire(e room.Event) []byte {
	switch e.Kind {
	case room.Left:
		return encodeNotification("participant_left", struct {
			ID      string           `json:"id"`
			Reason  room.LeaveReason `json:"reason"`
			Version int              `json:"version"`
		}{e.Participant.ID, e.Reason, e.Version})
	case room.Joined:
		return encodeNotification("participant_joined", participantEvent{participantOnWire(e.Participant), e.Version})
	default:
		return encodeNotification("participant_updated", participantEvent{participantOnWire(e.Participant), e.Version})
	}
}

type participantEvent struct {
	Participant participantObject `json:"participant"`
	Version     int               `json:"version"`
}
