package sfu

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// videoContributor is what of one participant is seen in one slot, their camera or their screen, whichever connection it comes by.
type videoContributor struct {
	participant *participant
	kind        Source
	key         uint64        // never used again
	began       uint64        // its turn among the sources of the room; guarded by the stage's lock
	live        atomic.Bool   // it sends; changed with the stage's lock held
	gone        atomic.Bool   // from the room
	receivedAt  atomic.Int64  // when its last packet came, in nanoseconds since the epoch
	codec       atomic.Uint32 // video.Codec of its last packet
	current     atomic.Pointer[videoFeed]
	places      [maxVideoLayers]streamPlace

	feeds []*videoFeed // guarded by the router's lock

	mu     sync.Mutex
	wanted map[videoSink]layerSet // without those that want nothing
	union  layerSet               // of wanted
}

// videoFeed is one way by which a contributor's packets come: an m-line of a peer, or a relay.
type videoFeed struct {
	kind        Source
	upstream    videoUpstream
	contributor atomic.Pointer[videoContributor] // nil while in no room
	generation  uint64                           // grows with each attachment or enrolment in a room; set before contributor
}

// accept says whether packets of f are those to forward. When a participant's connection is replaced, the newer one's first
// packet makes it the one.
func (c *videoContributor) accept(f *videoFeed) bool {
	for {
		current := c.current.Load()
		switch {
		case current == f:
			return true
		case current != nil && current.generation > f.generation:
			return false
		case c.current.CompareAndSwap(current, f):
			c.mu.Lock()
			f.upstream.wantLayers(c.union)
			c.mu.Unlock()
			return true
		}
	}
}

// requestKeyframe asks whoever sends for a key frame of a stream.
func (c *videoContributor) requestKeyframe(stream uint64) {
	if f := c.current.Load(); f != nil {
		f.upstream.requestKeyframe(stream)
	}
}

// encodings appends what is sent at the moment, in rising order of rates.
func (c *videoContributor) encodings(now time.Duration, to []videoEncoding) []videoEncoding {
	if f := c.current.Load(); f != nil {
		return f.upstream.encodings(now, to)
	}
	return to
}

// want says which layers a sink uses. A sink that goes wants none before.
func (c *videoContributor) want(sink videoSink, layers layerSet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if layers == 0 {
		delete(c.wanted, sink)
	} else {
		c.wanted[sink] = layers
	}
	var union layerSet
	for _, set := range c.wanted {
		union |= set
	}
	if union == c.union {
		return
	}
	c.union = union
	if f := c.current.Load(); f != nil {
		f.upstream.wantLayers(union)
	}
}

// enrolVideo makes a feed's packets seen as a participant's. Its generation is set. The router's lock is held.
func (r *Router) enrolVideo(member *participant, f *videoFeed) {
	i := slices.IndexFunc(r.videoContributors, func(c *videoContributor) bool { return c.participant == member && c.kind == f.kind })
	if i < 0 {
		i = len(r.videoContributors)
		r.videoContributors = append(r.videoContributors,
			&videoContributor{participant: member, kind: f.kind, key: r.sfu.streams.Add(1), wanted: make(map[videoSink]layerSet)})
	}
	c := r.videoContributors[i]
	c.feeds = append(c.feeds, f)
	f.contributor.Store(c)
}

// expelVideo takes a feed out of its room. An older one of the participant is seen again, if there still is one; else the
// contributor is gone. The router's lock is held.
func (r *Router) expelVideo(f *videoFeed) {
	c := f.contributor.Swap(nil)
	if c == nil {
		return
	}
	c.current.CompareAndSwap(f, nil)
	c.feeds = slices.DeleteFunc(c.feeds, func(other *videoFeed) bool { return other == f })
	if len(c.feeds) > 0 {
		return
	}
	c.gone.Store(true)
	r.videoContributors = slices.DeleteFunc(r.videoContributors, func(other *videoContributor) bool { return other == c })
	r.stage.end(r.sfu.now(), c)
}

// configureVideo makes a peer's video sources seen, and has its video slots filled. The peer's and the router's locks are held.
func (r *Router) configureVideo(s *subscriber, p *Peer) {
	for _, source := range s.videoSources {
		if !slices.Contains(p.videoFeeds, source) {
			r.expelVideo(&source.feed)
		}
	}
	s.videoSources = slices.Clone(p.videoFeeds)
	for _, source := range s.videoSources {
		if source.feed.contributor.Load() == nil {
			source.feed.generation = s.generation
			r.enrolVideo(s.participant, &source.feed)
		}
	}
	s.video.configure(p.videoSlots)
	if len(p.videoSlots) > 0 {
		r.stage.join(r.sfu.now(), s.video)
	} else {
		r.stage.leave(s.video)
	}
}

// endVideo takes out what a subscriber shows and sees. The router's lock is held.
func (r *Router) endVideo(s *subscriber) {
	for _, source := range s.videoSources {
		r.expelVideo(&source.feed)
	}
	s.videoSources = nil
	if s.video != nil {
		r.stage.leave(s.video)
		s.video.end()
	}
}
