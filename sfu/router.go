package sfu

// Router is the media of one room on this node: it takes every source's packets to the slots of those who should hear them.
type Router struct{}

// Attachment is who a peer is in a room.
type Attachment struct {
	// Participant is the room's id of the participant. Two peers of one participant may be attached at a time, when one replaces the other; the later one is heard as
	// soon as its packets come. They never hear each other.
	Participant string
	// CSRC names the participant in packets. It is not 0, and unique in the room.
	CSRC uint32
	// Publishing is what SetPublishing is at the beginning.
	Publishing bool
	// OnSlots is told the slots that changed, in order, from a goroutine of the SFU's that it must not block. It is never called inside Attach; what
	// Attach itself did is in Peer.Slots. nil is allowed.
	OnSlots func(changed []Slot)
}

// Attach brings a peer into the room, after which its sound flows. When the others' sources are no more than its slots, each has its slot when Attach
// returns. It fails with ErrAttached, or with ErrClosed when the peer or the router is.
func (r *Router) Attach(p *Peer, a Attachment) error { return ErrClosed }

// Close detaches everyone. The peers are not closed.
func (r *Router) Close() {}
