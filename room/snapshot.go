package room

import (
	"slices"
	"time"
)

// Snapshot is all that a room knows, for handing it to another owner. It survives encoding as JSON.
type Snapshot struct {
	Name      string
	CreatedAt time.Time
	Version   int
	Members   []MemberSnapshot // in order of joining
	Seq       int              // of the newest message ever; messages may be fewer
	Messages  []MessageSnapshot
	Bans      []string // user ids, oldest ban first
}

// MemberSnapshot is a participant with what others do not see of it.
type MemberSnapshot struct {
	Participant Participant
	Granted     Role      // the role that their token named, "" without one
	Deadline    time.Time // end of the grace time, while reconnecting
}

// MessageSnapshot is a kept message and the nonce by which it can be repeated.
type MessageSnapshot struct {
	Message Message
	Nonce   string
}

// Export returns the whole state of the room. It shares nothing with the room that either would modify.
func (r *Room) Export() Snapshot {
	s := Snapshot{
		Name: r.name, CreatedAt: r.createdAt, Version: r.version,
		Members:  make([]MemberSnapshot, 0, len(r.members)),
		Seq:      r.chat.seq,
		Messages: make([]MessageSnapshot, 0, len(r.chat.entries)),
		Bans:     slices.Clone(r.bans.order),
	}
	for _, m := range r.members {
		s.Members = append(s.Members, MemberSnapshot{Participant: m.Participant, Granted: m.granted, Deadline: m.deadline})
	}
	for seq := r.chat.oldest(); seq <= r.chat.seq; seq++ {
		e := r.chat.at(seq)
		s.Messages = append(s.Messages, MessageSnapshot{Message: e.message, Nonce: e.nonce})
	}
	return s
}

// Restore makes the room that was exported, under this owner's configuration: where that has a smaller limit, those who
// are in stay in; where it keeps fewer messages, the older ones go.
func Restore(s Snapshot, cfg Config) *Room {
	r := New(s.Name, s.CreatedAt, cfg)
	r.version = s.Version
	for _, m := range s.Members {
		r.add(&member{Participant: m.Participant, granted: m.Granted, deadline: m.Deadline})
	}
	for _, m := range s.Messages {
		r.chat.add(m.Message, m.Nonce)
	}
	r.chat.seq = s.Seq // differs where the exporting owner kept no messages
	for _, user := range s.Bans {
		r.bans.add(user)
	}
	return r
}
