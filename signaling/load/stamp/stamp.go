// Package stamp is what the packets of a load carry in the place of sound: who sent them, which of theirs they are, and when.
package stamp

import (
	"encoding/binary"
	"time"
)

// Stamp is one packet's.
type Stamp struct {
	Speaker uint32
	Number  uint32        // counts the speaker's packets
	Sent    time.Duration // since a moment that sender and receiver have agreed on
}

// Bytes is how long a stamp is; what follows it in a payload is of no meaning.
const Bytes = 16

// Put writes a stamp to the beginning of a payload, which has Bytes at least.
func (s Stamp) Put(payload []byte) {
	binary.BigEndian.PutUint32(payload, s.Speaker)
	binary.BigEndian.PutUint32(payload[4:], s.Number)
	binary.BigEndian.PutUint64(payload[8:], uint64(s.Sent))
}

// Read reports false for a payload that is too short to have a stamp.
func Read(payload []byte) (Stamp, bool) {
	if len(payload) < Bytes {
		return Stamp{}, false
	}
	return Stamp{
		Speaker: binary.BigEndian.Uint32(payload),
		Number:  binary.BigEndian.Uint32(payload[4:]),
		Sent:    time.Duration(binary.BigEndian.Uint64(payload[8:])),
	}, true
}
