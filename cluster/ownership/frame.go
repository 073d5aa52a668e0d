package ownership

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// frameVersion is the first byte of every frame. Nodes ignore frames of versions that they do not know, so that those of
// a newer release can be among them.
const frameVersion = 1

// Flags of a claim.
const (
	flagFading = 1 << iota
	flagReleased
)

// maxLeft, in seconds, keeps what a tombstone is said to have still to live from overflowing.
const maxLeft = 24 * 60 * 60

// ErrFrame is why a frame was not read to its end.
var ErrFrame = errors.New("malformed claims")

// Frame collects claims into one message: each owner once, then the claims, which name it by number. All integers are variable-length
// (encoding/binary's Uvarint), all strings have their length before them:
//
//	version | owners, (name, boot)… | (owner, epoch<<2 | released<<1 | fading, [seconds left], room)…
//
// What is fading, tombstones and claims of nodes that are gone, is to be remembered only for the seconds that are left.
//
// The zero value is empty and ready for use.
type Frame struct {
	owners map[process]uint64
	names  []byte
	claims []byte
	count  int
}

// Add appends a claim; left is how long it is still to be remembered, 0 for one that holds.
func (f *Frame) Add(c Claim, left time.Duration) {
	p := process{c.Owner, c.Boot}
	id, ok := f.owners[p]
	if !ok {
		if f.owners == nil {
			f.owners = make(map[process]uint64)
		}
		id = uint64(len(f.owners))
		f.owners[p] = id
		f.names = appendString(appendString(f.names, c.Owner), c.Boot)
	}
	f.claims = binary.AppendUvarint(f.claims, id)
	flags := c.Epoch << 2
	if c.Released {
		flags |= flagReleased
	}
	if left > 0 {
		flags |= flagFading
	}
	f.claims = binary.AppendUvarint(f.claims, flags)
	if left > 0 {
		f.claims = binary.AppendUvarint(f.claims, uint64(max(1, left/time.Second)))
	}
	f.claims = appendString(f.claims, c.Room)
	f.count++
}

// Len is the number of claims.
func (f *Frame) Len() int { return f.count }

// Size is at least the length of Bytes.
func (f *Frame) Size() int { return 1 + binary.MaxVarintLen32 + len(f.names) + len(f.claims) }

// Bytes is the message.
func (f *Frame) Bytes() []byte {
	b := make([]byte, 0, f.Size())
	b = append(b, frameVersion)
	b = binary.AppendUvarint(b, uint64(len(f.owners)))
	b = append(b, f.names...)
	return append(b, f.claims...)
}

// ReadFrame yields the claims of a message, and for how long each is still to be remembered; all of them are Valid. What was yielded before an
// error, which is always ErrFrame, is as good as any other. It keeps nothing of b.
func ReadFrame(b []byte, yield func(c Claim, left time.Duration)) error {
	r := reader{b: b}
	if version := r.byte(); version != frameVersion {
		return fmt.Errorf("%w: version %d", ErrFrame, version)
	}
	n := r.uvarint()
	if n > uint64(len(r.b)/2) { // each takes two bytes at least: what is not there must not make us allocate
		return fmt.Errorf("%w: %d owners", ErrFrame, n)
	}
	owners := make([]process, 0, n)
	for range n {
		owners = append(owners, process{r.string(MaxOwner), r.string(MaxBoot)})
	}
	for !r.failed && len(r.b) > 0 {
		c, left := r.claim(owners)
		if r.failed {
			break
		}
		yield(c, left)
	}
	if r.failed {
		return fmt.Errorf("%w: at byte %d of %d", ErrFrame, len(b)-len(r.b), len(b))
	}
	return nil
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader takes apart what others wrote. After a failure it yields zeros.
type reader struct {
	b      []byte
	failed bool
}

// claim reads one, and fails when it is not valid.
func (r *reader) claim(owners []process) (c Claim, left time.Duration) {
	id, flags := r.uvarint(), r.uvarint()
	c = Claim{Epoch: flags >> 2, Released: flags&flagReleased != 0}
	if flags&flagFading != 0 {
		left = time.Duration(min(r.uvarint(), maxLeft)) * time.Second
	}
	c.Room = r.string(MaxRoom)
	if r.failed || id >= uint64(len(owners)) {
		r.failed = true
		return Claim{}, 0
	}
	c.Owner, c.Boot = owners[id].name, owners[id].boot
	r.failed = !c.Valid()
	return c, left
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.failed = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.failed, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) string(limit int) string {
	n := r.uvarint()
	if r.failed || n > uint64(limit) || n > uint64(len(r.b)) {
		r.failed = true
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
