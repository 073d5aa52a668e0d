package signaling

import "time"

// succession is the time in which a new owner looks whether other nodes know more of the room than it does.
type succession struct {
	timer *time.Timer
}
