package video

// pictureWindow is how many pictures back their ids are known: some seconds, and as far as VP9 can refer (7 bits).
const pictureWindow = 128

// pictures gives the pictures of one occupancy the slot's picture ids and TL0PICIDX. Picture ids are 15 bits in what is sent, whatever the sender uses.
type pictures struct {
	begun bool
	// The newest incoming id, counted on without wrapping, and what became of the pictures up to it.
	newest uint32
	lost   uint64 // packets that are missing since then
	recent [pictureWindow]picture
	out    uint16 // the newest picture's id
	tl0    uint8  // what is added to TL0PICIDX
	hasTL0 bool   // tl0 is known
}

type picture struct {
	in  uint32
	out uint16
	fate
}

// pictureBits is how many bits a sender gives the id: 7, or 15.
func (f *Facts) pictureBits() int {
	if f.wide {
		return 15
	}
	return 7
}

// unwrap continues the count of incoming ids, of which the packet has the lower bits.
func (s *pictures) unwrap(f *Facts) uint32 {
	shift := 32 - f.pictureBits()
	return s.newest + uint32(int32((uint32(f.picture)-s.newest)<<shift)>>shift)
}

func (s *pictures) find(in uint32) *picture {
	if p := &s.recent[in%pictureWindow]; p.in == in && p.fate != unknown {
		return p
	}
	return nil
}

func (s *pictures) note(in uint32, out uint16, what fate) {
	s.recent[in%pictureWindow] = picture{in: in, out: out & 0x7fff, fate: what}
}

// enter takes note of the beginning of a frame. last is the slot's newest picture id so far, lastTL0 its newest TL0PICIDX; what they are then comes back, whether the frame is sent
// or not: late packets may have what is between.
func (s *pictures) enter(p *Packet, what fate, last uint16, lastTL0 uint8) (newest uint16, newestTL0 uint8) {
	f := &p.Facts
	if f.hasTL0 {
		if !s.hasTL0 {
			s.hasTL0, s.tl0 = true, lastTL0+1-f.tl0
		}
		lastTL0 = f.tl0 + s.tl0
	}
	if !f.hasPicture {
		return last, lastTL0
	}
	s.count(p, what, last)
	return s.out, lastTL0
}

// count gives the picture of a frame that begins its id.
//
// VP8's ids are counted on, over those that were dropped; those that may have been lost are kept. VP9's keep their distances.
func (s *pictures) count(p *Packet, what fate, last uint16) {
	lost := s.lost
	s.lost = 0
	if !s.begun {
		s.begun, s.newest, s.out = true, uint32(p.Facts.picture), last+1
		s.note(s.newest, s.out, what)
		if what == dropped && p.Codec == VP8 {
			s.out--
		}
		return
	}
	in, advance := s.advance(p, lost)
	kept := uint32(advance - 1)
	if p.Codec == VP8 {
		kept = uint32(min(uint64(kept), lost))
	}
	s.newest = in
	s.out += uint16(kept)
	for i := range min(kept, pictureWindow-1) {
		s.note(in-1-i, s.out-uint16(i), missing)
	}
	if what == dropped && p.Codec == VP8 {
		s.note(in, s.out, dropped)
		return
	}
	s.out++
	s.note(in, s.out, what)
}

// advance is the next picture's incoming id, and by how many pictures it is later than the newest.
func (s *pictures) advance(p *Packet, lost uint64) (in uint32, by int32) {
	in = s.unwrap(&p.Facts)
	by = int32(in - s.newest)
	round := int32(1) << p.Facts.pictureBits()
	switch {
	case by > 0 && lost < uint64(round/2):
		return in, by
	case p.Codec == VP9 && !p.Facts.wide: // more may be missing than 7 bits can count: keep the place in a group of up to 128 pictures
		return in + uint32(round), by + round
	default: // or else the sender counts anew, or not at all
		return in + uint32(round), 1 + int32(min(lost, 1))
	}
}

// refersToDropped says whether a frame of VP9's flexible mode refers to a picture that was not forwarded, or is not known any longer.
func (s *pictures) refersToDropped(f *Facts) bool {
	in := s.unwrap(f)
	for _, back := range f.back[:f.references] {
		if p := s.find(in - uint32(back)); p == nil || p.fate == dropped {
			return true
		}
	}
	return false
}

// rewrite fills in what the packet's descriptor is to say. ok is false when the packet's picture is not known.
func (s *pictures) rewrite(out *Out, p *Packet) (ok bool) {
	f := &p.Facts
	if f.hasPicture {
		known := s.find(s.unwrap(f))
		if known == nil {
			return false
		}
		out.hasPicture, out.wide, out.pictureAt, out.picture = true, f.wide, f.pictureAt, known.out
	}
	if f.hasTL0 && s.hasTL0 {
		out.hasTL0, out.tl0At, out.tl0 = true, f.tl0At, f.tl0+s.tl0
	}
	return true
}
