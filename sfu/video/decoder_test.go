package video

import "slices"

// received is a packet as a slot's receiver gets it.
type received struct {
	Out
	number    int64 // unwrapped
	timestamp int64
	source    uint64
	in        uint64 // the incoming packet's number
	codec     Codec
	facts     Facts // of the payload as it was sent
	frame     *frame
}

// complete returns the frames of which all packets came, in the order of sequence numbers, by what receivers can tell: consecutive numbers from the
// packet that begins a frame to the one with the marker.
func complete(packets []received) (frames []received) {
	sorted := slices.SortedFunc(slices.Values(packets), func(a, b received) int { return int(a.number - b.number) })
	first := -1
	for i := range sorted {
		p := &sorted[i]
		switch {
		case p.Blank:
			first = -1
			continue
		case p.facts.Begins:
			first = i
		case first < 0 || p.number != sorted[i-1].number+1 || p.timestamp != sorted[first].timestamp:
			first = -1
			continue
		}
		if p.Marker {
			frames = append(frames, sorted[first])
			first = -1
		}
	}
	return frames
}

// decoder is a receiver of VP8, which knows what a descriptor says and nothing else: libwebrtc's rules of when a picture can be decoded
// (RtpVp8RefFinder), with endless patience.
type decoder struct {
	newest  map[int][4]int // for each TL0PICIDX, unwrapped, the picture id of the newest picture in each layer, or -1
	missing map[int]bool   // picture ids that did not come or could not be decoded
	last    int
	lastTL0 int
	begun   bool
	decoded map[int]bool
}

func newDecoder() *decoder {
	return &decoder{newest: map[int][4]int{}, missing: map[int]bool{}, decoded: map[int]bool{}}
}

// decodes is shown what the first packet of each complete frame said.
func (d *decoder) decodes(f *Facts) bool {
	id := int(f.picture)
	if d.begun {
		id = d.last + int(int16((f.picture-uint16(d.last))<<1)>>1)
		for lost := d.last + 1; lost < id; lost++ {
			d.missing[lost] = true
		}
	}
	d.last, d.begun, d.missing[id] = id, true, true
	d.lastTL0 += int(int8(f.tl0 - uint8(d.lastTL0)))
	tl0 := d.lastTL0
	layers := [4]int{id, -1, -1, -1}
	switch {
	case f.Keyframe:
	case !f.layered: // RtpFrameIdOnlyRefFinder: each refers to the one before
		if !d.decoded[id-1] {
			return false
		}
	default:
		base := tl0
		if f.Temporal == 0 {
			base--
		}
		known, ok := d.newest[base]
		if !ok || !d.reaches(known, f, id) {
			return false
		}
		layers = known
		layers[f.Temporal] = id
	}
	d.newest[tl0] = layers
	delete(d.missing, id)
	d.decoded[id] = true
	return true
}

// reaches says whether all that a picture may refer to is there.
func (d *decoder) reaches(known [4]int, f *Facts, id int) bool {
	if !f.layered || f.Temporal == 0 || f.Sync {
		return true
	}
	for _, reference := range known[:f.Temporal+1] {
		if reference < 0 {
			return false
		}
		for between := reference + 1; between < id; between++ {
			if d.missing[between] {
				return false
			}
		}
	}
	return true
}
