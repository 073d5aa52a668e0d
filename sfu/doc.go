// Package sfu carries the sound and the pictures of voice rooms: a selective forwarding unit (RFC 7667, section 3.7) with slots.
//
// An SFU owns the sockets. NewPeer answers a client's offer and makes a Peer, one client's PeerConnection. NewRouter makes the
// media of one room; from Router.Attach on, the Peer's microphone is a source in that room, and its receive-only m-lines are slots into which the
// router puts the others:
//
//	microphone ─► Transport ─► source ─► Router ─► lane ─┬─► slot ─► Transport ─► browser
//	                (SRTP)    (level,     (who is  (one  ├─► slot
//	                           speech)     there)  each) └─► slot
//
// The signalling never renegotiates for others who come, talk and leave. Which participant a slot carries stands in each packet
// (its one CSRC), and is told to Attachment.OnSlots.
//
// Packets are received, judged (package speech) and numbered (package continuity) on the goroutine of the connection
// that they come from, and handed once to each lane that has receivers in the room. A lane is a socket address, one sending goroutine and
// the peers placed on it; everything a subscriber's slots need belongs to that goroutine, so that nothing here is locked for a packet.
// Payloads of sound are never looked into: end-to-end encryption stays possible.
//
// Pictures take another way beside it (video_boundary.go), as they are large and may wait, where sound is small and may not:
//
//	camera ─► Transport ─► videoSource ─► videoStage ─► videoSubscriber ─► videoClock ─► Transport ─► browser
//	                       (what is         (who is      (slots, which       (when: one
//	                        missing)         seen)        encoding, repair)   for each lane)
//
// What of an encoding is forwarded, so that it can be decoded, is package video's business; how much of it a client's way carries is package bandwidth's. Of
// pictures the first bytes of payloads are read, which say where frames begin.
//
// A room may be on several nodes, an SFU each. Router.AttachRelay joins two Routers: a Relay is a subscriber with streams for slots, and brings the packets of those who are
// behind it, who have slots here as if their microphones were. What carries its packets is the caller's business.
//
// What strangers send ends early: offers are read and bounded by parseOffer, and pion sees descriptions of our own only; datagrams of nobody who is
// known, and of those who are muted, end at the gate before pion sees them, TCP connections are counted and never waited for, headers are
// read by parseRTP. Other nodes are no strangers, but may err: what a relay receives is read by parseRelayPacket. Fuzz tests go with each.
package sfu
