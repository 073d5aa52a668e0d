package room

import (
	"fmt"
	"time"
)

// Message is one line of the room's chat.
type Message struct {
	ID          string
	Seq         int    // counts the room's messages from 1 without gaps
	Participant string // id of the sender, who may have left since
	User, Name  string // of the sender, as they were
	Text        string
	Time        time.Time
}

// Chat says something in the room. A nonce (if not "") names the message among all of that user's: the
// same one again, by whichever of their connections, gives the message as it was sent the first time, with repeated true, and sends
// nothing. It is remembered for as long as the message is kept. The lengths of text and nonce are the caller's to check. The error is ErrNotFound.
func (r *Room) Chat(now time.Time, id, text, nonce string) (m Message, repeated bool, err error) {
	sender, ok := r.byID[id]
	if !ok {
		return Message{}, false, fmt.Errorf("chatting as %q: %w", id, ErrNotFound)
	}
	if sent, ok := r.chat.byNonce(sender.User, nonce); ok {
		return sent, true, nil
	}
	m = Message{
		ID: r.cfg.NewID(), Seq: r.chat.seq + 1,
		Participant: sender.ID, User: sender.User, Name: sender.Name,
		Text: text, Time: now,
	}
	r.chat.add(m, nonce)
	return m, false, nil
}

// History returns kept messages with after < Seq < before, oldest first and at most limit; 0 means no bound.
// With after it returns the oldest of them, to read on from there, else the newest. A negative after reads from the oldest that is kept.
func (r *Room) History(before, after, limit int) []Message {
	first, end := max(r.chat.oldest(), min(after, r.chat.seq)+1), r.chat.seq+1
	if before > 0 {
		end = min(end, before)
	}
	if limit > 0 && end-first > limit {
		if after != 0 {
			end = first + limit
		} else {
			first = end - limit
		}
	}
	if end <= first {
		return nil
	}
	found := make([]Message, 0, end-first)
	for seq := first; seq < end; seq++ {
		found = append(found, r.chat.at(seq).message)
	}
	return found
}

// log is a ring of the newest messages, which finds them by seq and by nonce.
type log struct {
	seq     int              // of the newest message ever
	keep    int              // the most entries there may be
	entries []entry          // grows up to keep, then the newest replaces the oldest
	start   int              // index of the oldest entry
	nonces  map[nonceKey]int // seq of the kept messages that have a nonce
}

type entry struct {
	message Message
	nonce   string
}

type nonceKey struct{ user, nonce string }

func newLog(keep int) log {
	return log{keep: max(keep, 0), nonces: make(map[nonceKey]int)}
}

// oldest is the seq of the oldest entry; seq+1 when there is none.
func (l *log) oldest() int { return l.seq - len(l.entries) + 1 }

// at returns the entry of the message number seq, which must be kept still.
func (l *log) at(seq int) *entry {
	return &l.entries[(l.start+seq-l.oldest())%len(l.entries)]
}

func (l *log) byNonce(user, nonce string) (Message, bool) {
	seq, ok := l.nonces[nonceKey{user, nonce}]
	if !ok {
		return Message{}, false
	}
	return l.at(seq).message, true
}

// has tells whether a message with this id is kept.
func (l *log) has(id string) bool {
	for i := range l.entries {
		if l.entries[i].message.ID == id {
			return true
		}
	}
	return false
}

// add appends a message; its Seq is the next.
func (l *log) add(m Message, nonce string) {
	l.seq = m.Seq
	if l.keep == 0 {
		return
	}
	e := entry{message: m, nonce: nonce}
	if len(l.entries) < l.keep {
		l.entries = append(l.entries, e)
	} else {
		oldest := &l.entries[l.start]
		delete(l.nonces, nonceKey{oldest.message.User, oldest.nonce})
		*oldest = e
		l.start = (l.start + 1) % l.keep
	}
	if nonce != "" {
		l.nonces[nonceKey{m.User, nonce}] = m.Seq
	}
}
