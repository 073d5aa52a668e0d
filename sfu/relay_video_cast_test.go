package sfu

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"hubbub/sfu/video"
)

// film is a camera or screen whose packets are the test's. It is its feed's videoUpstream.
type film struct {
	node *node
	feed videoFeed
	csrc uint32

	mu        sync.Mutex
	wanted    layerSet
	keyframes [maxVideoLayers]int // that were asked for
	sources   [maxVideoLayers]uint64
	numbers   [maxVideoLayers]uint64
}

// film brings somebody's pictures into the room at a node, as a peer does.
func (n *nodes) film(at *node, id string, csrc uint32, kind Source) *film {
	v := &film{node: at, csrc: csrc}
	r := at.room
	r.mu.Lock()
	defer r.mu.Unlock()
	r.generations++
	v.feed.kind, v.feed.upstream, v.feed.generation = kind, v, r.generations
	for i := range v.sources {
		v.sources[i], v.numbers[i] = at.sfu.streams.Add(1), 1<<16+65530
	}
	r.enrolVideo(r.participant(id, csrc), &v.feed)
	return v
}

func (v *film) requestKeyframe(stream uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if i := slices.Index(v.sources[:], stream); i >= 0 {
		v.keyframes[i]++
	}
}

func (v *film) wantLayers(wanted layerSet) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wanted = wanted
}

func (v *film) encodings(_ time.Duration, to []videoEncoding) []videoEncoding {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range v.sources {
		rate := 100_000 << i
		to = append(to, videoEncoding{
			layer: uint8(i), stream: v.sources[i], temporal: 1, width: 160 << i, rates: [maxTemporalLayers]int{rate, rate, rate, rate},
		})
	}
	return to
}

func (v *film) asked(layer int) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.keyframes[layer]
}

func (v *film) isWanted() layerSet {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.wanted
}

// frame sends one packet of each encoding.
func (v *film) frame(keyframe bool) { v.frameOf(keyframe, 100) }

func (v *film) frameOf(keyframe bool, size int) {
	c := v.feed.contributor.Load()
	if c == nil || !c.accept(&v.feed) {
		return
	}
	now := v.node.sfu.now()
	for layer := range v.sources {
		number := v.numbers[layer]
		v.numbers[layer]++
		payload := vp8Payload(keyframe, fmt.Sprintf("%d %d %d", v.csrc, layer, number), size)
		facts, ok := video.Inspect(video.VP8, payload)
		if !ok {
			panic("malformed")
		}
		p := newVideoPacket(payload)
		p.Source, p.Codec, p.Number, p.Timestamp, p.Marker = v.sources[layer], video.VP8, number, uint32(number*3000), true
		p.Facts, p.Captured = facts, now-7*time.Millisecond
		p.contributor, p.layer, p.oriented, p.orientation = c, uint8(layer), layer == 1, uint8(layer)
		v.node.room.stage.distribute(now, p)
	}
}

// vp8Payload is a whole frame in one packet (RFC 7741), as long as size or the text in it.
func vp8Payload(keyframe bool, text string, size int) []byte {
	b := []byte{0x10, 0x01, 0, 0}
	if keyframe {
		b = []byte{0x10, 0x00, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00}
	}
	b = append(append(b, text...), 0)
	return append(b, make([]byte, max(size-len(b), 0))...)
}

// audience is a videoSink that keeps what it gets, and wants some layers of all.
type audience struct {
	node *node

	mu     sync.Mutex
	layers layerSet
	live   []*videoContributor
	seen   []seen
}

// seen is a packet that was taken.
type seen struct {
	csrc        uint32 // and layer and number: as the sender's node had them
	layer       uint8
	number      uint64
	source      uint64
	keyframe    bool
	captured    time.Duration
	orientation uint8
	at          time.Duration
}

func (n *nodes) audience(at *node, layers layerSet) *audience {
	a := &audience{node: at, layers: layers}
	at.room.stage.join(at.sfu.now(), a)
	return a
}

func (a *audience) assignVideo(_ time.Duration, live []*videoContributor) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.live = slices.Clone(live)
	for _, c := range live {
		c.want(a, a.layers)
	}
}

func (a *audience) takeVideo(now time.Duration, p *videoPacket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := seen{source: p.Source, keyframe: p.Facts.Keyframe, captured: p.Captured, orientation: p.orientation, at: now}
	text := p.payload()[len(vp8Payload(s.keyframe, "", 0))-1:]
	if _, err := fmt.Sscanf(string(text), "%d %d %d", &s.csrc, &s.layer, &s.number); err != nil {
		panic(err)
	}
	a.seen = append(a.seen, s)
}

// want has the audience use other layers from now on.
func (a *audience) want(layers layerSet) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.layers = layers
	for _, c := range a.live {
		c.want(a, layers)
	}
}

// take are the packets that have come since the last call.
func (a *audience) take() []seen {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.seen
	a.seen = nil
	return taken
}

func (a *audience) sees() []uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	var csrcs []uint32
	for _, c := range a.live {
		csrcs = append(csrcs, c.participant.csrc)
	}
	return csrcs
}

// roll has films send frames, for so many ticks of 20 ms, and everything arrive; relays do what is due.
func (n *nodes) roll(ticks int, films ...*film) {
	for range ticks {
		for _, v := range films {
			v.frame(false)
		}
		n.tick()
		n.attend()
		n.tick()
	}
}

// attend has all relays do what is due, as their timers do.
func (n *nodes) attend() {
	for _, node := range n.all {
		node.room.mu.Lock()
		var relays []*Relay
		for _, s := range node.room.subscribers {
			if s.relay != nil {
				relays = append(relays, s.relay)
			}
		}
		node.room.mu.Unlock()
		for _, l := range relays {
			l.video.attend()
		}
	}
}

// pictures counts what crossed a wire since the last call, by layer.
func (w *wire) picturesByLayer() (count [maxVideoLayers]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.pictures {
		count[h.layer]++
	}
	w.pictures = nil
	return count
}
