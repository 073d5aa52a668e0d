package sfu

import (
	"slices"
	"sync"
	"time"

	"hubbub/sfu/video"
)

// Pictures cross a relay in both directions by turns:
//
//	this end                                    the other end
//	says which sources send, with their encodings ────► shows them to its subscribers as sources of its own
//	sends the encodings that are used  ◄──── says which its subscribers use
//	sends them once more, or asks their sender for a key frame  ◄──── tells what was lost, and who waits for one
//
// So an encoding crosses when somebody behind the other end sees it, once however many do. What is said is repeated each second and forgotten after three: a lost packet
// delays, and does no more.
const (
	relayRefresh = time.Second
	relayMemory  = 3 * relayRefresh
	// relayTick is how often a relay that carries pictures looks after them between their packets.
	relayTick = 100 * time.Millisecond
	// relayHistory is how many packets of an encoding are kept to be sent once more: half a second at 4 Mbit/s. It is a power of two.
	relayHistory = 256
	// relayRoundTrip is about the time from asking another node for a packet until it comes, where that is not measured.
	relayRoundTrip = 40 * time.Millisecond
)

// videoRelay is what of a relay sends pictures, and keeps the time for both directions. It is one of the room's videoSinks.
type videoRelay struct {
	relay *Relay

	mu     sync.Mutex
	closed bool
	live   []*videoContributor // that send now, as the stage told
	shown  []shownVideo        // to the other end; as many as may be
	stream uint32              // that was begun last
	serial uint32              // of the packet with entries that was sent last
	toldAt time.Duration       // when all was told last
	timer  *time.Timer
	buffer [maxRelayPacket]byte
}

// shownVideo is a source that is shown to the other end, or the place for one.
type shownVideo struct {
	contributor *videoContributor // nil: none
	key         relayKey
	wanted      layerSet // by the other end
	until       time.Duration
	asked       uint32 // serial number by which that was said
	heard       bool   // there is such a number
	encodings   [maxVideoLayers]shownEncoding
	told        layerSet // which encodings the other end knows of
}

// shownEncoding is one of its encodings.
type shownEncoding struct {
	source  uint64 // video.Packet's number of the stream
	stream  uint32 // on the wire; 0 for none
	history *video.History[*videoPacket]
}

func newVideoRelay(l *Relay, streams int, clock uint32) *videoRelay {
	v := &videoRelay{relay: l, shown: make([]shownVideo, streams), stream: clock, serial: clock}
	v.timer = time.AfterFunc(time.Hour, v.attend)
	v.timer.Stop()
	return v
}

// wake has the relay look after its pictures soon, and then on as long as there are any.
func (v *videoRelay) wake() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.closed {
		v.timer.Reset(relayTick)
	}
}

// close stops all that is done for pictures. The stage does not know the relay any more.
func (v *videoRelay) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed, v.live = true, nil
	v.timer.Stop()
	for i := range v.shown {
		v.vacate(&v.shown[i])
	}
}

// assignVideo implements videoSink.
func (v *videoRelay) assignVideo(now time.Duration, live []*videoContributor) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return
	}
	v.live = append(v.live[:0], live...)
	v.arrange(now)
}

// arrange gives the places to those that are to be shown: whoever has one keeps it while they send, and the others' order is that of slots.
func (v *videoRelay) arrange(now time.Duration) {
	var gone []shownEntry
	for i := range v.shown {
		s := &v.shown[i]
		if c := s.contributor; c != nil && (!slices.Contains(v.live, c) || v.brings(c)) {
			gone = append(gone, shownEntry{key: s.key})
			v.vacate(s)
		}
	}
	begun := 0
	for _, c := range v.live {
		if v.find(c) != nil || v.brings(c) {
			continue
		}
		free := v.find(nil)
		if free == nil {
			break
		}
		kind, _ := relayedSource(c.kind)
		*free = shownVideo{contributor: c, key: relayKey{c.participant.csrc, kind}}
		begun++
	}
	v.tell(gone)
	if begun > 0 {
		v.show(now, false)
		v.timer.Reset(relayTick)
	}
}

// brings says whether a contributor's packets come by this relay: they are not sent back.
func (v *videoRelay) brings(c *videoContributor) bool {
	f := c.current.Load()
	if f == nil {
		return false
	}
	source, relayed := f.upstream.(*relayedVideo)
	return relayed && source.relay == v.relay
}

// find returns the place of a contributor, of nil a free one, or nil.
func (v *videoRelay) find(c *videoContributor) *shownVideo {
	for i := range v.shown {
		if v.shown[i].contributor == c {
			return &v.shown[i]
		}
	}
	return nil
}

func (v *videoRelay) findKey(key relayKey) *shownVideo {
	for i := range v.shown {
		if v.shown[i].contributor != nil && v.shown[i].key == key {
			return &v.shown[i]
		}
	}
	return nil
}

func (v *videoRelay) vacate(s *shownVideo) {
	if s.contributor == nil {
		return
	}
	s.contributor.want(v, 0)
	for i := range s.encodings {
		s.encodings[i].forget()
	}
	*s = shownVideo{}
}

// forget gives back the packets that are kept.
func (e *shownEncoding) forget() {
	if e.history != nil {
		e.history.Clear()
	}
}

// show tells the other end of what it has not been told of, or of everything.
func (v *videoRelay) show(now time.Duration, everything bool) {
	var entries []shownEntry
	for i := range v.shown {
		s := &v.shown[i]
		if s.contributor == nil {
			continue
		}
		e, layers := v.entry(now, s)
		if e.codec != 0 && (everything || layers != s.told) {
			s.told = layers
			entries = append(entries, e)
		}
	}
	v.tell(entries)
	if everything {
		v.toldAt = now
	}
}

// entry is what there is to be told of a source.
func (v *videoRelay) entry(now time.Duration, s *shownVideo) (e shownEntry, layers layerSet) {
	e = shownEntry{key: s.key, codec: video.Codec(s.contributor.codec.Load())}
	var buffer [2 * maxVideoLayers]videoEncoding
	for _, encoding := range s.contributor.encodings(now, buffer[:0]) {
		if encoding.layer >= maxVideoLayers || layers.has(encoding.layer) || encoding.temporal == 0 || encoding.temporal > maxTemporalLayers {
			continue
		}
		layers |= 1 << encoding.layer
		encoding.stream = uint64(v.streamOf(s, encoding.layer, encoding.stream))
		e.encodings[e.count] = encoding
		e.count++
	}
	return e, layers
}

// streamOf is the number on the wire of an encoding's stream. A new stream is told of anew.
func (v *videoRelay) streamOf(s *shownVideo, layer uint8, source uint64) uint32 {
	e := &s.encodings[layer]
	if e.source != source || e.stream == 0 {
		v.stream++
		if v.stream == 0 {
			v.stream++
		}
		e.forget()
		e.source, e.stream = source, v.stream
		s.told &^= 1 << layer
	}
	return e.stream
}

// tell sends entries, in as many packets as it takes.
func (v *videoRelay) tell(entries []shownEntry) {
	for len(entries) > 0 {
		v.serial++
		b := beginList(v.buffer[:0], relayShownVersion<<4, v.serial)
		for ok := true; ok && len(entries) > 0; {
			if b, ok = appendShown(b, &entries[0]); ok {
				entries = entries[1:]
			}
		}
		v.relay.transmit(b)
	}
}

// takeVideo implements videoSink.
func (v *videoRelay) takeVideo(now time.Duration, p *videoPacket) {
	if p.origin == v.relay {
		return
	}
	counters := &v.relay.lane.counters.relayed
	if p.hops >= maxHops {
		counters.drop(dropUnexpected)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.find(p.contributor)
	if s == nil && !v.closed && v.find(nil) != nil {
		// It came by this relay before.
		v.arrange(now)
		s = v.find(p.contributor)
	}
	if s == nil || p.layer >= maxVideoLayers {
		counters.drop(dropNotSelected)
		return
	}
	if !s.wanted.has(p.layer) {
		return
	}
	if relayVideoHeader+p.length > maxRelayPacket {
		counters.drop(dropTooLarge)
		return
	}
	stream := v.streamOf(s, p.layer, p.Source)
	e := &s.encodings[p.layer]
	if e.history == nil {
		e.history = video.NewHistory(relayHistory, (*videoPacket).release)
	}
	v.send(now, s.key, stream, p)
	p.retain()
	e.history.Put(video.Out{Number: uint16(p.Number)}, p)
}

func (v *videoRelay) send(now time.Duration, key relayKey, stream uint32, p *videoPacket) {
	h := relayVideoPacket{
		hops: p.hops + 1, marker: p.Marker, kind: key.kind, layer: p.layer, codec: p.Codec, lag: now - p.Captured,
		csrc: key.csrc, stream: stream, number: uint32(p.Number), timestamp: p.Timestamp, orientation: p.orientation, oriented: p.oriented,
	}
	h.marshal(v.buffer[:])
	v.relay.transmitPicture(v.buffer[:relayVideoHeader+copy(v.buffer[relayVideoHeader:], p.payload())])
	counters := &v.relay.lane.counters.relayed
	counters.packetsOut.Add(1)
	counters.bytesOut.Add(uint64(p.length))
}

// receiveRequest takes what the other end wants. ok is false when it is malformed.
func (v *videoRelay) receiveRequest(now time.Duration, packet []byte) (ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return true
	}
	switch packet[0] & 0xf {
	case requestLayers:
		return parseWants(packet, func(serial uint32, key relayKey, wanted layerSet) { v.use(now, serial, key, wanted) })
	case requestKeyframe:
		key, layer, ok := parseKeyframeRequest(packet)
		if s := v.findKey(key); ok && s != nil && s.encodings[layer].stream != 0 {
			s.contributor.requestKeyframe(s.encodings[layer].source)
		}
		return ok
	case requestPackets:
		r, numbers, ok := parsePacketsRequest(packet)
		if ok {
			v.resend(now, r, numbers)
		}
		return ok
	}
	return false
}

// use notes which layers the other end uses.
func (v *videoRelay) use(now time.Duration, serial uint32, key relayKey, wanted layerSet) {
	s := v.findKey(key)
	if s == nil {
		return
	}
	if s.heard && int32(serial-s.asked) <= 0 && s.until-now > relayMemory-staleFor {
		v.relay.lane.counters.relayed.drop(dropLate)
		return
	}
	s.heard, s.asked, s.until = true, serial, now+relayMemory
	v.want(s, wanted)
}

func (v *videoRelay) want(s *shownVideo, wanted layerSet) {
	if s.wanted == wanted {
		return
	}
	for layer := range s.encodings {
		if !wanted.has(uint8(layer)) {
			s.encodings[layer].forget()
		}
	}
	s.wanted = wanted
	s.contributor.want(v, wanted)
}

// resend sends packets once more that are still there. Others are not there yet, or never came: then the other end will ask for a key frame.
func (v *videoRelay) resend(now time.Duration, r packetsRequest, numbers []byte) {
	s := v.findKey(r.key)
	if s == nil || s.encodings[r.layer].stream != r.stream || s.encodings[r.layer].history == nil {
		return
	}
	for ; len(numbers) > 0; numbers = numbers[2:] {
		number := uint16(numbers[0])<<8 | uint16(numbers[1])
		if _, p, ok := s.encodings[r.layer].history.Get(now, number, relayRoundTrip/2); ok {
			v.relay.lane.counters.relayed.resent.Add(1)
			v.send(now, r.key, r.stream, p)
		}
	}
}

// attend does what is due.
func (v *videoRelay) attend() {
	now := v.relay.router.sfu.now()
	v.relay.router.stage.expire(now)
	enrolled, receives := v.relay.attendVideo(now)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return
	}
	shows := false
	for i := range v.shown {
		s := &v.shown[i]
		shows = shows || s.contributor != nil
		if s.wanted != 0 && now >= s.until {
			v.want(s, 0)
		}
	}
	everything := now-v.toldAt >= relayRefresh
	if everything {
		v.arrange(now)
	}
	v.show(now, everything)
	switch {
	case shows || receives:
		v.timer.Reset(relayTick)
	case enrolled:
		v.timer.Reset(relayRefresh)
	}
}
