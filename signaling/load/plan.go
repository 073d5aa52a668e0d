package load

import (
	"errors"
	"fmt"
	"time"

	"hubbub/signaling/client"
	"hubbub/signaling/load/stamp"
)

// Plan is a load to be put on a server.
type Plan struct {
	URL          string // of the server as a browser has it, http:// or https://, or of its WebSocket
	Rooms        int
	Participants int // of each room
	Speakers     int // of each room's participants; they talk all the time
	Slots        int // voices that each participant can hear at once
	Duration     time.Duration
	RampUp       time.Duration // over which the participants come
	PayloadBytes int           // of a packet; Opus voice has about 80

	// Token answers an access token for a user of a room, for servers that want
	// one. nil: everyone is a guest.
	Token func(user, room string) (string, error)
	// Progress is told once a second how it goes; it may be nil.
	Progress func(Progress)
}

// Progress is how far a run is.
type Progress struct {
	Elapsed      time.Duration
	Phase        string // "ramp-up", "talking"
	Participants int    // joined, with media
	Failed       int    // that could not join
	Received     uint64 // packets
}

// frame is the duration of a packet.
const frame = 20 * time.Millisecond

func (p Plan) check() error {
	switch {
	case p.Rooms < 1 || p.Participants < 1:
		return errors.New("there must be at least one room with one participant")
	case p.Speakers < 0 || p.Speakers > p.Participants:
		return fmt.Errorf("of %d participants %d cannot speak", p.Participants, p.Speakers)
	case p.Slots < 1:
		return errors.New("a participant needs at least one slot")
	case p.Duration < time.Second:
		return errors.New("a run takes at least a second")
	case p.PayloadBytes < stamp.Bytes || p.PayloadBytes > 1000:
		return fmt.Errorf("a payload has %d to 1000 bytes", stamp.Bytes)
	}
	return nil
}

// engineFor makes what the participants' media have in common.
func engineFor() (*client.Engine, error) {
	return client.NewEngine(client.EngineConfig{})
}
