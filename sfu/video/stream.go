package video

import "time"

const (
	clockRate = 90_000 // of RTP timestamps of video, Hz

	// minFrameStep is by how much the timestamp grows at least, where streams change: decoders tell frames apart by it.
	minFrameStep = clockRate / 1000
	// maxDeviation is how far the timestamps of a new stream may be from those of the last, when compared with the clock: beyond it one of the two clocks is wrong.
	maxDeviation = clockRate

	// layerPatience is how long a temporal layer is wanted without an occasion to add it, before a key frame is asked for. Senders that give occasions do so about
	// each quarter of a second.
	layerPatience = 3 * time.Second
)

// Stream is what is sent in one video slot: the packets of one incoming stream after another, as one continuous RTP stream. It belongs to one goroutine, and
// takes 12 KB.
type Stream struct {
	wanted   uint64 // 0: nothing
	temporal uint8  // the highest layer that is wanted of what is sent
	next     uint8  // the same of what is wanted, if that is another stream

	occupancies [2]occupancy
	present     int  // the index of the present or last one; the other is the one before
	live        bool // the present one goes on

	// Since when frames of a layer that is wanted have been dropped, and whether that has been too long.
	short      bool
	shortSince time.Duration
	starved    bool

	// What was given out last: numbers and ids; the newest timestamp that was decided on, and when; and what timestamp belongs to time 0.
	number    uint16
	picture   uint16
	tl0       uint8
	begun     bool
	timestamp uint32
	decidedAt time.Duration
	anchor    uint32
}

// NewStream returns the Stream of a slot whose first packet gets the sequence number, and about the timestamp at time 0 of the caller's clock. Both should be
// random (RFC 3550, section 5.1).
func NewStream(number uint16, timestamp uint32) *Stream {
	return &Stream{number: number - 1, anchor: timestamp}
}

// Want says which incoming stream is wanted (Packet.Source), and the highest temporal layer of it. Another one than that which is sent takes its place at its next key
// frame; until then the old one goes on, if its packets are still given to Next. Temporal layers above are dropped from the next frame on, and added where the format
// allows. It is cheap and may be called at any time with the same values. A source of 0 is the same as Pause.
func (s *Stream) Want(source uint64, temporal uint8) {
	if source == 0 {
		s.Pause()
		return
	}
	s.wanted, s.next = source, temporal
	if current, ok := s.Current(); ok && current == source {
		s.temporal = temporal
	} else {
		s.enough()
	}
}

// Replace says that the stream that is wanted goes on as another one, as when its packets come by another way: what is wanted of it stays. It does nothing when none is wanted.
func (s *Stream) Replace(source uint64) {
	if s.wanted != 0 && s.wanted != source {
		s.wanted = source
		s.enough()
	}
}

// Pause ends what is sent, at once. After it nothing is sent until Want, and then a key frame comes first.
func (s *Stream) Pause() {
	s.wanted = 0
	s.Break()
}

// Break says that packets of the present stream were not given to Next, or were not sent, and are not going to be: nothing that follows could be
// decoded. What is wanted goes on with its next key frame.
func (s *Stream) Break() {
	s.live = false
	s.enough()
}

// Current is the incoming stream that is sent at present. ok is false before the first, and after Pause and Break.
func (s *Stream) Current() (source uint64, ok bool) {
	return s.occupancies[s.present].source, s.live
}

// NeedsKeyframe says whether something waits for a key frame, and of which incoming stream: the one that is wanted when it is not the one that is sent, or cannot be
// decoded further (after Break, a change of codec, or a gap too large to be filled), or when a temporal layer has been wanted for three seconds that its sender gives no
// occasion to add. The caller asks the sender for one, not more often than it sees fit, until it no longer does.
func (s *Stream) NeedsKeyframe() (source uint64, ok bool) {
	if s.wanted == 0 {
		return 0, false
	}
	current, live := s.Current()
	return s.wanted, !live || current != s.wanted || s.starved
}

// Next decides on a packet. Packets of the wanted stream and of the present one are to be given to it, in the order of arrival, retransmitted ones too, without
// duplicates; other streams' do no harm. Padding, which has no payload, is a packet like others, with no Facts. ok is false when the packet is not sent. now must not go back.
func (s *Stream) Next(now time.Duration, p *Packet) (out Out, ok bool) {
	if s.wanted == 0 || p.Source == 0 {
		return Out{}, false
	}
	o := &s.occupancies[s.present]
	if s.live && p.Source == o.source && p.Number > o.newest {
		if o.is(p) && p.Number-o.newest <= maxGap {
			return s.follow(now, o, p)
		}
		s.Break() // by another codec, or by what is missing
	}
	if !s.live || p.Source != o.source {
		if p.Source == s.wanted && p.Facts.Keyframe && !p.Late {
			return s.begin(now, p), true
		}
	}
	if o.is(p) && o.knows(p.Number) {
		return late(o, p)
	}
	if former := &s.occupancies[1-s.present]; former.is(p) && former.knows(p.Number) {
		return late(former, p)
	}
	return Out{}, false
}

// begin starts the occupancy of another stream, or of the same after a break, with the first packet of a key frame.
func (s *Stream) begin(now time.Duration, p *Packet) Out {
	s.present = 1 - s.present
	o := &s.occupancies[s.present]
	o.begin(p)
	o.shift = s.advance(now, p.Captured) - p.Timestamp
	s.live, s.temporal = true, s.next
	out, _ := s.follow(now, o, p) // a key frame is of the base layer
	out.Begins = true
	return out
}

// advance is the timestamp of a new stream's first frame: where the clock is, but later than what was sent before.
func (s *Stream) advance(now, captured time.Duration) uint32 {
	timestamp := s.anchor + ticks(captured)
	if !s.begun {
		return timestamp
	}
	expected := s.timestamp + ticks(now-s.decidedAt)
	if deviation := int32(timestamp - expected); deviation > maxDeviation || deviation < -maxDeviation {
		s.anchor += expected - timestamp
		timestamp = expected
	}
	if earliest := s.timestamp + minFrameStep; int32(timestamp-earliest) < 0 {
		return earliest
	}
	return timestamp
}

// ticks is a time in units of the timestamp, modulo 2^32.
func ticks(d time.Duration) uint32 {
	return uint32(int64(d/time.Second)*clockRate + int64(d%time.Second)*clockRate/int64(time.Second))
}

// follow decides on a packet that is newer than all before of its occupancy.
func (s *Stream) follow(now time.Duration, o *occupancy, p *Packet) (out Out, ok bool) {
	lost := p.Number - o.newest - 1
	what := missing
	if o.fillsDropped(p) {
		what, lost = dropped, 0
	}
	for m := o.newest + 1; m < p.Number; m++ {
		if what == missing {
			s.number++
		}
		*o.place(m) = place{out: s.number, fate: what}
	}
	o.pictures.lost += lost
	begins := o.newest < o.first || p.Timestamp != o.frame
	o.newest = p.Number
	if begins {
		s.enter(now, o, p)
	}
	// Dropped frames too: what is missing before them may still come, and be sent.
	if timestamp := p.Timestamp + o.shift; !s.begun || int32(timestamp-s.timestamp) > 0 {
		s.begun, s.timestamp = true, timestamp
	}
	s.decidedAt = now
	if !o.forwarded {
		*o.place(p.Number) = place{fate: dropped}
		return Out{}, false
	}
	s.number++
	*o.place(p.Number) = place{out: s.number, fate: sent}
	out = Out{Number: s.number, Timestamp: p.Timestamp + o.shift, Marker: p.Marker}
	o.pictures.rewrite(&out, p) // what it does not know of a frame in order is not well-formed, and goes as it came
	return out, true
}

// enter decides on a frame by the first of its packets that is seen.
func (s *Stream) enter(now time.Duration, o *occupancy, p *Packet) {
	f := &p.Facts
	o.levels.enter(p, s.temporal)
	o.frame, o.forwarded = p.Timestamp, o.decodable(p, o.levels.now())
	what := sent
	if !o.forwarded {
		what = dropped
	}
	s.picture, s.tl0 = o.pictures.enter(p, what, s.picture, s.tl0)

	switch {
	case f.Keyframe || o.levels.now() >= s.temporal:
		s.enough()
	case o.forwarded || f.Temporal > s.temporal:
	case !s.short:
		s.short, s.shortSince = true, now
	case now-s.shortSince >= layerPatience:
		s.starved = true
	}
}

// enough says that no layer is missing, or that it no longer matters.
func (s *Stream) enough() { s.short, s.starved = false, false }

// late decides on a packet that newer ones of its occupancy have overtaken: it gets the number that was kept for it, if one was.
func late(o *occupancy, p *Packet) (out Out, ok bool) {
	at := o.place(p.Number)
	if at.fate != missing {
		return Out{}, false
	}
	at.fate = sent
	out = Out{Number: at.out, Timestamp: p.Timestamp + o.shift, Marker: p.Marker}
	if !o.decodableLate(p) || !o.pictures.rewrite(&out, p) {
		return Out{Number: out.Number, Timestamp: out.Timestamp, Blank: true}, true
	}
	return out, true
}
