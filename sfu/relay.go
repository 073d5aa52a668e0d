package sfu

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hubbub/sfu/speech"
)

// Relay joins a Router with the Router of the same room on another node: towards it as a subscriber is, with streams for slots, and from it as
// the peers of those who are there. Routers that are joined must not be joined in a circle. Its methods may be called at any time from any goroutine,
// except from its RelayConfig.Send.
//
// A participant who changes nodes keeps the slots that they are in while some connection brings them, wherever it ends: enrol or attach them by the new one before
// they are withdrawn from the old one, or it is closed. The later one is heard as soon as its packets come, as with two peers, unless these come by the
// former way too and have passed more links: see streamPlace.
type Relay struct {
	router     *Router
	lane       *lane
	subscriber *subscriber
	video      *videoRelay
	requests   atomic.Uint32 // serial number of the last packet about layers that are wanted

	sending     sync.Mutex // held while a packet is sent; nothing else is locked meanwhile
	send        func([]byte)
	sendPicture func([]byte)
	closed      bool // nothing is sent any more

	// Belongs to the lane:
	streams []relayStream // as many as the assigner has slots
	last    uint32        // stream that was begun
	buffer  [relayHeader + maxPayload]byte

	// By participant; guarded by the router's lock:
	enrolled      map[string][]*relaySource
	enrolledVideo map[string][]*relayedVideo

	receiving  sync.Mutex // held while a packet is taken in, and never for long otherwise
	sources    map[relayKey]*relaySource
	pictures   map[relayKey]*relayedVideo
	repeatedAt time.Duration // when it was said last which layers are wanted
}

// RelayConfig is what a Relay is made with.
type RelayConfig struct {
	// Streams is how many of this node's microphones, and of those behind its other relays, the other end gets at a time. They are chosen as for slots.
	Streams int
	// VideoStreams is the same of cameras and screens. Of these the other end gets the encodings that somebody behind it sees.
	VideoStreams int
	// Send takes a packet for the other end, to be given to Relay.Receive there; it has at most 1479 bytes. It is called on goroutines of the SFU's, one
	// call at a time. It must not block and not keep the packet. It is not called any more when Close has returned. Packets may get lost on the way, or
	// arrive twice or in another order, as RTP packets may.
	Send func(packet []byte)
	// SendPicture, when not nil, is called instead of Send with packets of pictures, in the same way. They may wait for others.
	SendPicture func(packet []byte)
}

// AttachRelay begins to forward to another node. It fails with ErrClosed when the router is closed, and when the configuration is unusable.
func (r *Router) AttachRelay(cfg RelayConfig) (*Relay, error) {
	if cfg.Streams < 0 || cfg.VideoStreams < 0 || cfg.Send == nil {
		return nil, fmt.Errorf("attach a relay: %d and %d streams, sender %t: out of range", cfg.Streams, cfg.VideoStreams, cfg.Send != nil)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, fmt.Errorf("attach a relay: %w", ErrClosed)
	}
	if cfg.SendPicture == nil {
		cfg.SendPicture = cfg.Send
	}
	clock := uint32(time.Now().UnixMilli() / streamTick)
	l := &Relay{
		router: r, lane: r.sfu.idlestLane(), send: cfg.Send, sendPicture: cfg.SendPicture,
		streams:       make([]relayStream, cfg.Streams),
		last:          clock,
		enrolled:      make(map[string][]*relaySource),
		enrolledVideo: make(map[string][]*relayedVideo),
		sources:       make(map[relayKey]*relaySource),
		pictures:      make(map[relayKey]*relayedVideo),
	}
	l.requests.Store(clock)
	l.video = newVideoRelay(l, cfg.VideoStreams, clock)
	l.subscriber = &subscriber{
		lane: l.lane, relay: l, events: r.sfu.events,
		assigner: speech.NewAssigner(0, cfg.Streams), occupants: make(map[uint32]*contributor),
	}
	l.lane.counters.relays.Add(1)
	r.subscribers = append(r.subscribers, l.subscriber)
	r.refill()
	r.stage.join(r.sfu.now(), l.video)
	return l, nil
}

// Enrol says that someone is behind the other end who may be heard: packets from there are taken for theirs, and they get a slot for good where there are enough.
// participant and csrc are as in Attachment, sources what they send: none stands for the microphone. Enrolling the same again
// changes nothing, with other sources it brings these.
func (l *Relay) Enrol(participant string, csrc uint32, sources ...Source) {
	r := l.router
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.subscribers, l.subscriber) {
		return
	}
	if len(sources) == 0 {
		sources = []Source{Microphone}
	}
	var keys []relayKey
	for _, kind := range sources {
		if n, ok := relayedSource(kind); ok {
			keys = append(keys, relayKey{csrc, n})
		}
	}
	l.withdraw(participant, keys)
	for _, key := range keys {
		if !l.has(participant, key) {
			r.generations++
			l.enrol(r.participant(participant, csrc), key, r.generations)
		}
	}
	r.retire()
	r.refill()
	l.admit(participant)
}

// Inherit enrols who is enrolled behind another relay, which this one is to take the place of: they keep the place that they have there among the
// ways by which they come. Who has come to this node since, or to a third one, is so not taken for one who goes back.
func (l *Relay) Inherit(from *Relay, participant string) {
	r := l.router
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.subscribers, l.subscriber) {
		return
	}
	for _, s := range from.enrolled[participant] {
		if !l.has(participant, s.key) {
			l.enrol(s.participant, s.key, s.generation)
		}
	}
	for _, u := range from.enrolledVideo[participant] {
		if !l.has(participant, u.key) {
			l.enrol(u.participant, u.key, u.feed.generation)
		}
	}
	r.refill()
	l.admit(participant)
}

// Withdraw says that someone is not behind the other end any more: they left, or came over to this node or to another. Who is brought by
// nothing else loses their slots, as by leaving.
func (l *Relay) Withdraw(participant string) {
	r := l.router
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(l.enrolled[participant])+len(l.enrolledVideo[participant]) == 0 {
		return
	}
	l.withdraw(participant, nil)
	r.retire()
	r.refill()
}

// Close ends the relay. Who is brought by nothing else loses their slots. Calling it again is harmless.
func (l *Relay) Close() {
	r := l.router
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(l.subscriber)
}

// end is Close, as far as it is not what ends any subscriber. The router's lock is held, as in all that follows.
func (l *Relay) end() {
	l.router.stage.leave(l.video)
	l.video.close()
	for id := range l.enrolled {
		l.withdraw(id, nil)
	}
	for id := range l.enrolledVideo {
		l.withdraw(id, nil)
	}
	l.lane.counters.relays.Add(-1)
	l.sending.Lock()
	defer l.sending.Unlock()
	l.closed = true
}

// transmit sends a packet to the other end. It may be called with any lock held.
func (l *Relay) transmit(packet []byte) {
	l.sending.Lock()
	defer l.sending.Unlock()
	if !l.closed {
		l.send(packet)
	}
}

// transmitPicture does so with a packet of a picture.
func (l *Relay) transmitPicture(packet []byte) {
	l.sending.Lock()
	defer l.sending.Unlock()
	if !l.closed {
		l.sendPicture(packet)
	}
}

// has says whether a participant's source of a key is enrolled.
func (l *Relay) has(participant string, key relayKey) bool {
	return slices.ContainsFunc(l.enrolled[participant], func(s *relaySource) bool { return s.key == key }) ||
		slices.ContainsFunc(l.enrolledVideo[participant], func(u *relayedVideo) bool { return u.key == key })
}

// enrol makes the source of a key a participant's. Its packets are dropped until it is admitted.
func (l *Relay) enrol(member *participant, key relayKey, generation uint64) {
	if isRelayedVideo(key.kind) {
		u := newRelayedVideo(l, member, key, generation)
		member.relayedVideo = append(member.relayedVideo, u)
		l.enrolledVideo[member.id] = append(l.enrolledVideo[member.id], u)
		l.router.enrolVideo(member, &u.feed)
		return
	}
	s := &relaySource{relay: l, key: key, source: source{kind: relayedSources[key.kind], generation: generation}}
	s.contributor.Store(l.router.contributor(member, s.kind))
	s.participant = member
	member.relayed = append(member.relayed, s)
	l.enrolled[member.id] = append(l.enrolled[member.id], s)
}

// admit lets in the packets of a participant who is enrolled.
func (l *Relay) admit(participant string) {
	if len(l.enrolledVideo[participant]) > 0 {
		l.video.wake()
	}
	l.receiving.Lock()
	defer l.receiving.Unlock()
	for _, s := range l.enrolled[participant] {
		l.sources[s.key] = s
	}
	for _, u := range l.enrolledVideo[participant] {
		l.pictures[u.key] = u
	}
}

// withdraw takes out all that a participant sends, but for some.
func (l *Relay) withdraw(participant string, keep []relayKey) {
	l.receiving.Lock()
	defer l.receiving.Unlock()
	kept := slices.DeleteFunc(l.enrolled[participant], func(s *relaySource) bool {
		if slices.Contains(keep, s.key) {
			return false
		}
		if l.sources[s.key] == s {
			delete(l.sources, s.key)
		}
		s.expel()
		member := s.participant
		member.relayed = slices.DeleteFunc(member.relayed, func(other *relaySource) bool { return other == s })
		member.leave()
		return true
	})
	l.enrolled[participant] = kept
	if len(kept) == 0 {
		delete(l.enrolled, participant)
	}
	l.withdrawVideo(participant, keep)
}

// withdrawVideo does so with pictures. The relay's receiving is held.
func (l *Relay) withdrawVideo(participant string, keep []relayKey) {
	kept := slices.DeleteFunc(l.enrolledVideo[participant], func(u *relayedVideo) bool {
		if slices.Contains(keep, u.key) {
			return false
		}
		if l.pictures[u.key] == u {
			delete(l.pictures, u.key)
		}
		u.wantLayers(0)
		l.router.expelVideo(&u.feed)
		member := u.participant
		member.relayedVideo = slices.DeleteFunc(member.relayedVideo, func(other *relayedVideo) bool { return other == u })
		member.leave()
		return true
	})
	l.enrolledVideo[participant] = kept
	if len(kept) == 0 {
		delete(l.enrolledVideo, participant)
	}
}

// others are the contributors that the other end is to hear. Those that have come to be behind it have no need of a stream any more. When there are
// more than streams, it is not all of them. It is called on the relay's lane.
func (l *Relay) others(contributors []*contributor) []*contributor {
	for _, c := range l.subscriber.occupants {
		if l.alone(c) {
			l.subscriber.remove(c)
		}
	}
	var others []*contributor
	for _, c := range contributors {
		if len(others) > len(l.streams) {
			break
		}
		if !l.alone(c) {
			others = append(others, c)
		}
	}
	return others
}

// alone says whether a contributor comes by this relay and by nothing else.
func (l *Relay) alone(c *contributor) bool {
	here := false
	for _, s := range c.participant.relayed {
		switch {
		case s.kind != c.kind:
		case s.relay != l:
			return false
		default:
			here = true
		}
	}
	if !here {
		return false
	}
	for _, s := range c.participant.subscribers {
		if slices.ContainsFunc(s.sources, func(s *source) bool { return s.kind == c.kind }) {
			return false
		}
	}
	return true
}
