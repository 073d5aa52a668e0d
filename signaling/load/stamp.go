package load

import (
	"encoding/binary"
	"time"
)

// stamp is what a packet of the load carries in the place of sound.
type stamp struct {
	speaker uint32
	number  uint32 // counts the speaker's packets
	sent    time.Duration
}

const stampBytes = 16

func (s stamp) put(payload []byte) {
	binary.BigEndian.PutUint32(payload, s.speaker)
	binary.BigEndian.PutUint32(payload[4:], s.number)
	binary.BigEndian.PutUint64(payload[8:], uint64(s.sent))
}

// readStamp reports false for a payload that is none of ours.
func readStamp(payload []byte) (stamp, bool) {
	if len(payload) < stampBytes {
		return stamp{}, false
	}
	return stamp{
		speaker: binary.BigEndian.Uint32(payload),
		number:  binary.BigEndian.Uint32(payload[4:]),
		sent:    time.Duration(binary.BigEndian.Uint64(payload[8:])),
	}, true
}
