package video

const (
	// placeWindow is how many numbers back a packet's place is known. Reception gives up on what is 250 behind.
	placeWindow = 1024
	// maxGap is the largest gap in an incoming stream that is kept open. What misses more can only begin anew.
	maxGap = maxMissing
)

// occupancy is the time that one incoming stream is sent in a slot: from one key frame to the change to another stream.
type occupancy struct {
	source uint64
	codec  Codec
	first  uint64 // number of its first packet, that of a key frame
	newest uint64 // number of the newest packet that was decided on
	places [placeWindow]place
	shift  uint32 // what is added to its timestamps

	// The newest frame that began.
	frame     uint32 // by its timestamp
	forwarded bool

	levels   levels
	pictures pictures
}

// place is what became of one number of the incoming stream.
type place struct {
	out uint16
	fate
}

type fate uint8

const (
	unknown fate = iota
	missing      // it has not come, and out is kept for it
	sent
	dropped
)

// begin makes an occupancy of the packet that begins a key frame.
func (o *occupancy) begin(p *Packet) {
	// Places before the first are never looked at, so they need not be cleared.
	o.source, o.codec = p.Source, p.Codec
	o.first, o.newest = p.Number, p.Number-1
	o.levels, o.pictures = levels{}, pictures{}
}

func (o *occupancy) is(p *Packet) bool { return o.source == p.Source && o.codec == p.Codec }

func (o *occupancy) place(number uint64) *place { return &o.places[number%placeWindow] }

// knows says whether the number's place is still known.
func (o *occupancy) knows(number uint64) bool {
	return number >= o.first && number <= o.newest && o.newest-number < placeWindow
}

// fillsDropped says whether what is missing right before a packet can only be of a frame that is dropped: that which it is in the midst of.
func (o *occupancy) fillsDropped(p *Packet) bool {
	return o.newest >= o.first && p.Timestamp == o.frame && !o.forwarded
}

// decodable says whether a frame can be decoded by who was sent the layers up to level.
func (o *occupancy) decodable(p *Packet, level uint8) bool {
	f := &p.Facts
	if !f.layered || f.Temporal == 0 {
		return true
	}
	return f.Temporal <= level && !o.pictures.refersToDropped(f)
}

// decodableLate is decodable for a packet that came late, and decides on its picture if that was not seen before.
func (o *occupancy) decodableLate(p *Packet) bool {
	var seen *picture
	if p.Facts.hasPicture {
		if o.newest-p.Number >= 1<<(p.Facts.pictureBits()-1) {
			return false // its id may by now mean another picture
		}
		seen = o.pictures.find(o.pictures.unwrap(&p.Facts))
	}
	if seen != nil && seen.fate != missing {
		return seen.fate == sent
	}
	ok := o.decodable(p, o.levels.at(p))
	if seen != nil {
		seen.fate = sent
		if !ok {
			seen.fate = dropped
		}
	}
	return ok
}
