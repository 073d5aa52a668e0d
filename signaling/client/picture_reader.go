package client

import (
	"fmt"
	"sync"
	"time"

	"github.com/pion/rtp"
)

const (
	// repairPatience is how long a missing packet is waited for, from when the one after it came.
	repairPatience = 500 * time.Millisecond
	// nackInterval is how often a missing packet is asked for, which is longer than the round trips of tests.
	nackInterval = 100 * time.Millisecond
	// maxAsked is how many packets are asked for at a time.
	maxAsked = 128
	// maxHeld bounds the packets that wait for one before them.
	maxHeld = 2048
	// keyframePatience is after how long without anything to decode a key frame is asked for, again and again.
	keyframePatience = 300 * time.Millisecond
	// maxFaults is how many faults are kept.
	maxFaults = 20
)

// pictureReader makes pictures of a slot's packets, and checks that they could be decoded, one after the other: numbers, timestamps, the VP8
// descriptor, and what the sender stamped into the payload. It is safe for concurrent use.
type pictureReader struct {
	mid string

	mu      sync.Mutex
	stats   PictureStats
	held    map[int64]heldPacket // by unwrapped sequence number
	next    int64                // the packet that is waited for
	newest  int64                // of those that have come
	begun   bool
	waiting time.Time           // since when packets have waited for next; zero: none do
	asked   map[int64]time.Time // when missing packets were asked for last

	whole     frameParts // what has come of the frame at next
	gap       bool       // packets are missing right before the frame
	last      lastFrame
	decoder   decoder
	freezes   freezeMeter
	askedAt   time.Time // when a key frame was asked for
	decodedAt time.Time // when there last was something to see; at first when the first packet came
	stuck     bool      // since then something came that could not be decoded
}

// heldPacket is one that came, in its own memory.
type heldPacket struct {
	header  rtp.Header
	payload []byte
	arrived time.Time
}

// frameParts are the packets of a frame so far.
type frameParts struct {
	begun     bool
	broken    bool
	first     vp8Payload
	mark      stamp
	timestamp uint32
	packets   int
	bytes     int
	csrc      []uint32
}

// lastFrame is what the next one is compared with.
type lastFrame struct {
	known     bool
	timestamp uint32
	picture   uint16
	tl0       uint8
	mark      stamp
}

func newPictureReader(mid string) *pictureReader {
	return &pictureReader{mid: mid, held: make(map[int64]heldPacket), asked: make(map[int64]time.Time)}
}

// push takes a packet, and returns the pictures that it completes, in order. The payload is copied.
func (r *pictureReader) push(header *rtp.Header, payload []byte, now time.Time) []Picture {
	r.mu.Lock()
	defer r.mu.Unlock()
	number := r.unwrap(header.SequenceNumber)
	if !r.begun {
		r.begun, r.next, r.newest, r.decodedAt = true, number, number, now
		r.gap = true // what came before the first packet is not known
	}
	if _, had := r.held[number]; had || number < r.next {
		r.stats.Duplicates++
		return nil
	}
	r.stats.Packets++
	r.stats.Bytes += len(payload)
	r.newest = max(r.newest, number)
	r.held[number] = heldPacket{header.Clone(), append([]byte(nil), payload...), now}
	var pictures []Picture
	for len(r.held) > 0 {
		p, ok := r.held[r.next]
		if !ok {
			if r.waiting.IsZero() {
				r.waiting = now
			}
			if now.Sub(r.waiting) < repairPatience && len(r.held) < maxHeld {
				break
			}
			r.skip()
			continue
		}
		r.waiting = time.Time{}
		delete(r.held, r.next)
		r.next++
		if picture, ok := r.take(p, now); ok {
			pictures = append(pictures, picture)
		}
	}
	return pictures
}

// unwrap continues the count of sequence numbers.
func (r *pictureReader) unwrap(number uint16) int64 {
	if !r.begun {
		return 1<<16 + int64(number)
	}
	return r.newest + int64(int16(number-uint16(r.newest)))
}

// skip gives up the packet that is waited for.
func (r *pictureReader) skip() {
	r.stats.Lost++
	r.next++
	r.gap, r.stuck = true, true
	r.whole.broken = true
	r.decoder.lose()
}

// missing are the packets that it is time to ask for.
func (r *pictureReader) missing(now time.Time) []uint16 {
	r.mu.Lock()
	defer r.mu.Unlock()
	for number := range r.asked {
		if _, came := r.held[number]; came || number < r.next {
			delete(r.asked, number)
		}
	}
	var missing []uint16
	for number := r.next; len(r.held) > 0 && number < r.newest && len(missing) < maxAsked; number++ {
		if _, came := r.held[number]; came || now.Sub(r.asked[number]) < nackInterval {
			continue
		}
		r.asked[number] = now
		r.stats.NACKs++
		missing = append(missing, uint16(number))
	}
	return missing
}

// take adds the packet after the last one.
func (r *pictureReader) take(p heldPacket, now time.Time) (Picture, bool) {
	if len(p.payload) == 0 {
		return Picture{}, false // padding
	}
	part, err := parseVP8(p.payload)
	if err != nil {
		r.fault("packet %d: %v", p.header.SequenceNumber, err)
		return Picture{}, false
	}
	mark, ok := readStamp(part.data)
	if !ok {
		r.fault("packet %d is not of our making", p.header.SequenceNumber)
		return Picture{}, false
	}
	r.checkFilling(part.data, mark)
	f := &r.whole
	if f.begun && f.timestamp != p.header.Timestamp {
		if !f.broken && !r.gap {
			r.fault("frame %d of encoding %d has no end", f.mark.frame, f.mark.encoding)
		}
		r.stats.Broken++
		r.decoder.lose()
		*f = frameParts{}
	}
	if !f.begun {
		*f = frameParts{begun: true, first: part, mark: mark, timestamp: p.header.Timestamp, csrc: p.header.CSRC}
		if !part.begins {
			f.broken = true
			if !r.gap {
				r.fault("frame %d of encoding %d has no beginning", mark.frame, mark.encoding)
			}
		}
	}
	f.packets++
	f.bytes += len(part.data)
	if !f.mark.sameFrame(mark) || !f.broken && int(mark.index) != f.packets-1 {
		r.fault("packet %d of frame %d is in the place of packet %d of frame %d", mark.index, mark.frame, f.packets-1, f.mark.frame)
		f.broken = true
	}
	if part.hasPicture != f.first.hasPicture || part.picture != f.first.picture || part.tl0 != f.first.tl0 {
		r.fault("frame %d has two picture ids", mark.frame)
	}
	if !p.header.Marker {
		return Picture{}, false
	}
	return r.finish(now)
}

func (r *pictureReader) checkFilling(data []byte, mark stamp) {
	for _, b := range data[stampLength:] {
		if b != mark.filling() {
			r.fault("packet %d of frame %d has other bytes than were sent", mark.index, mark.frame)
			return
		}
	}
}

// finish is called with the frame's last packet.
func (r *pictureReader) finish(now time.Time) (Picture, bool) {
	f := r.whole
	r.whole = frameParts{}
	if !f.broken && f.packets != int(f.mark.count) {
		r.fault("frame %d has %d of its %d packets", f.mark.frame, f.packets, f.mark.count)
		f.broken = true
	}
	if f.broken {
		r.stats.Broken++
		r.gap, r.stuck = true, true
		r.decoder.lose()
		return Picture{}, false
	}
	r.compare(&f)
	r.gap = false
	r.last = lastFrame{true, f.timestamp, f.first.picture, f.first.tl0, f.mark}

	decodable, intact := r.decoder.decode(&f)
	if !decodable && intact {
		r.fault("frame %d of encoding %d goes by frame %d, which did not come", f.mark.frame, f.mark.encoding, f.mark.reference)
	}
	picture := Picture{
		Mid: r.mid, CSRC: f.csrc,
		Timestamp: f.timestamp, PictureID: f.first.picture, TL0PICIDX: f.first.tl0, Keyframe: f.first.keyframe,
		Width: r.decoder.width, Height: r.decoder.height,
		Stream: f.mark.stream, Encoding: int(f.mark.encoding), Temporal: f.mark.temporal, Frame: f.mark.frame, Sent: f.mark.sent,
		Decodable: decodable, Bytes: f.bytes, Arrived: now,
	}
	if !decodable {
		r.stats.Undecodable++
		r.stuck = true
		return picture, true
	}
	r.stats.Pictures++
	if picture.Keyframe {
		r.stats.Keyframes++
	}
	if frozen, ok := r.freezes.observe(now); ok {
		r.stats.Freezes++
		r.stats.Frozen += frozen
	}
	r.decodedAt, r.stuck = now, false
	return picture, true
}

// compare finds what is wrong with a frame after the one before it. After a gap only what could not be even so.
func (r *pictureReader) compare(f *frameParts) {
	if f.first.keyframe != f.mark.keyframe || f.first.temporal != f.mark.temporal {
		r.fault("frame %d is said to be a key frame: %t, of layer %d, and is %t, %d",
			f.mark.frame, f.first.keyframe, f.first.temporal, f.mark.keyframe, f.mark.temporal)
	}
	last := r.last
	if !last.known {
		return
	}
	if int32(f.timestamp-last.timestamp) <= 0 {
		r.fault("timestamp %d comes after %d", f.timestamp, last.timestamp)
	}
	if f.first.hasPicture {
		advance := (f.first.picture - last.picture) & 0x7fff
		if advance == 0 || advance > 0x4000 || advance > 1 && !r.gap {
			r.fault("picture id %d comes after %d", f.first.picture, last.picture)
		}
	}
	if f.first.hasTL0 && !r.gap {
		want := last.tl0
		if f.first.temporal == 0 {
			want++
		}
		if f.first.tl0 != want {
			r.fault("TL0PICIDX %d in layer %d comes after %d", f.first.tl0, f.first.temporal, last.tl0)
		}
	}
	if !f.mark.keyframe && !r.gap && (f.mark.stream != last.mark.stream || f.mark.encoding != last.mark.encoding) {
		r.fault("encoding %d of %d begins without a key frame", f.mark.encoding, f.mark.stream)
	}
}

func (r *pictureReader) fault(format string, args ...any) {
	if len(r.stats.Faults) < maxFaults {
		r.stats.Faults = append(r.stats.Faults, fmt.Sprintf(format, args...))
	}
}

// wantsKeyframe says whether it is time to ask for a key frame: something comes, but nothing that could be decoded, for some time.
func (r *pictureReader) wantsKeyframe(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stuck || now.Sub(r.decodedAt) < keyframePatience || now.Sub(r.askedAt) < keyframePatience {
		return false
	}
	r.askedAt = now
	r.stats.PLIs++
	return true
}

func (r *pictureReader) snapshot() PictureStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	stats := r.stats
	stats.Faults = append([]string(nil), stats.Faults...)
	return stats
}
