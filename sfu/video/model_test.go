package video

import (
	"encoding/binary"

	"pgregory.net/rapid"
)

// frame is what an encoder made, with the truth about it that the wire tells only in part.
type frame struct {
	id         int
	key        bool
	codec      Codec
	temporal   uint8
	references []*frame
	picture    uint16
	packets    int

	refused   int // packets that came in order and were not sent
	forwarded int // packets that were sent with their payload
}

// encoder is a client's stream: whatever its format allows. Packets are lost or delayed on the way by who calls it.
type encoder struct {
	t         *rapid.T
	id        uint64
	codec     Codec
	layers    int  // temporal; 1: not told
	flexible  bool // VP9's mode
	syncs     bool // it gives occasions to add layers
	wide      bool // picture ids have 15 bits
	nameless  bool // VP8 without picture ids
	number    uint64
	timestamp uint32
	picture   uint16
	tl0       uint8
	frames    int
	newest    uint64 // that was given to the Stream

	// The newest frame of each layer that may be referred to.
	last [4]*frame
	// VP9's U at a frame of a layer forbids to refer, above it, to what was before: these are the newest frames that remain.
	allowed [4]*frame
}

func newEncoder(t *rapid.T, id uint64, codecs ...Codec) *encoder {
	return &encoder{
		t: t, id: id,
		codec:     rapid.SampledFrom(codecs).Draw(t, "codec"),
		layers:    rapid.IntRange(1, 3).Draw(t, "layers"),
		flexible:  rapid.Bool().Draw(t, "flexible"),
		syncs:     rapid.IntRange(0, 3).Draw(t, "syncs") > 0,
		nameless:  rapid.IntRange(0, 5).Draw(t, "nameless") == 0,
		wide:      rapid.IntRange(0, 3).Draw(t, "wide") > 0,
		number:    rapid.Uint64Range(1<<16, 1<<17).Draw(t, "number"),
		timestamp: rapid.Uint32().Draw(t, "timestamp"),
		picture:   uint16(rapid.IntRange(0, 1<<15-1).Draw(t, "picture")),
		tl0:       rapid.Uint8().Draw(t, "tl0"),
	}
}

// made is a packet with its frame.
type made struct {
	Packet
	payload []byte
	frame   *frame
	index   int
}

// encode makes a frame, 33 ms after the one before.
func (e *encoder) encode(key bool) []made {
	e.timestamp += clockRate / 30
	e.picture = (e.picture + 1) & 0x7fff
	f := &frame{id: e.frames, codec: e.codec, packets: rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(e.t, "packets"), picture: e.picture}
	e.frames++
	f.key = key || e.last[0] == nil
	layered := e.layers > 1 && (e.codec == VP8 || e.codec == VP9)
	sync := false
	switch {
	case f.key:
		e.last, e.allowed = [4]*frame{}, [4]*frame{}
	case layered:
		f.temporal = uint8(rapid.IntRange(0, e.layers-1).Draw(e.t, "temporal"))
		sync = e.syncs && rapid.Bool().Draw(e.t, "sync")
		for layer := range f.temporal {
			sync = sync || e.codec == VP8 && e.last[layer+1] == nil // the first of a layer after a key frame
		}
		e.refer(f, sync)
	default:
		f.references = []*frame{e.last[0]}
	}
	if f.temporal == 0 {
		e.tl0++
	}
	if layered && e.codec == VP9 && sync {
		for above := f.temporal + 1; above < 4; above++ {
			e.allowed[above] = nil
		}
	}
	e.last[f.temporal], e.allowed[f.temporal] = f, f

	var packets []made
	for i := range f.packets {
		payload := e.payload(f, i, layered, sync)
		facts, ok := Inspect(e.codec, payload)
		if !ok {
			e.t.Fatalf("%v payload %x is malformed", e.codec, payload)
		}
		packets = append(packets, made{
			Packet: Packet{
				Source: e.id, Codec: e.codec, Number: e.number, Timestamp: e.timestamp,
				Marker: i == f.packets-1, Facts: facts,
			},
			payload: payload, frame: f, index: i,
		})
		e.number++
	}
	return packets
}

// refer chooses what a frame refers to: its base layer, and some of what the format allows beside.
func (e *encoder) refer(f *frame, sync bool) {
	f.references = []*frame{e.last[0]}
	usable := e.last
	switch {
	case e.codec == VP9:
		usable = e.allowed
	case sync:
		return // VP8's Y: the base layer alone
	}
	for _, other := range usable[1 : f.temporal+1] {
		if other != nil && (!e.flexible || f.id-other.id <= 127) && rapid.IntRange(0, 3).Draw(e.t, "refers") > 0 {
			f.references = append(f.references, other)
		}
	}
}

// payload writes a descriptor and a body that names the packet.
func (e *encoder) payload(f *frame, index int, layered, sync bool) []byte {
	first, bit := index == 0, func(is bool, bit byte) byte {
		if is {
			return bit
		}
		return 0
	}
	var b []byte
	switch e.codec {
	case VP8:
		b = append(b, 0x80|bit(first, 0x10), bit(!e.nameless, 0x80)|bit(layered, 0x60))
		if !e.nameless {
			b = e.appendPicture(b)
		}
		if layered {
			b = append(b, e.tl0, f.temporal<<6|bit(sync, 0x20))
		}
		b = append(b, bit(!f.key, 1))
	case VP9:
		flexible := e.flexible && layered
		b = append(b, 0x80|bit(!f.key, 0x40)|bit(layered, 0x20)|bit(flexible, 0x10)|bit(first, 0x08)|bit(index == f.packets-1, 0x04))
		b = e.appendPicture(b)
		if layered {
			b = append(b, f.temporal<<5|bit(sync && !flexible, 0x10))
			if !flexible {
				b = append(b, e.tl0)
			}
		}
		if flexible {
			for i, r := range f.references {
				b = append(b, byte(f.id-r.id)<<1|bit(i < len(f.references)-1, 1))
			}
		}
	case H264:
		b = append(b, 0x41)
		if f.key && first {
			b[0] = 0x67
		}
	case AV1:
		if f.key && first {
			b = append(b, 0x18, 0x08)
		} else {
			b = append(b, 0x10, 0x30)
		}
	}
	b = binary.BigEndian.AppendUint32(b, uint32(f.id))
	return append(b, byte(index))
}

func (e *encoder) appendPicture(b []byte) []byte {
	if e.wide {
		return append(b, 0x80|byte(e.picture>>8), byte(e.picture))
	}
	return append(b, byte(e.picture)&0x7f)
}
