package sfu

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// videoSilence is after how long without a packet a source has ended: its slots are free for others.
const videoSilence = 3 * time.Second

// videoStage is the video of a room on this node: who sends, and who gets it. Its lock may be taken with the router's held, or
// a relay's, and never the other way round.
type videoStage struct {
	// audience is who is to get packets. It is replaced, never changed, so that packets need no lock.
	audience atomic.Pointer[[]videoSink]

	mu    sync.Mutex
	live  []*videoContributor // that send now, those first that are to have slots first
	began uint64              // how often a source has begun, counted
}

func newVideoStage() *videoStage {
	st := &videoStage{}
	st.audience.Store(new([]videoSink))
	return st
}

// distribute hands a packet, with its only reference, to everyone in the room. Its contributor is one of the room's, and its feed the one that was accepted.
func (st *videoStage) distribute(now time.Duration, p *videoPacket) {
	c := p.contributor
	c.places[p.layer].reach(now, p.Timestamp, slowerWayOfVideo, p.hops)
	c.receivedAt.Store(int64(now))
	changed := c.codec.Load() != uint32(p.Codec)
	if changed {
		c.codec.Store(uint32(p.Codec))
	}
	if changed || !c.live.Load() {
		st.begin(now, c)
	}
	for _, sink := range *st.audience.Load() {
		sink.takeVideo(now, p)
	}
	p.release()
}

// join makes a sink one of the audience, and shows it who sends.
func (st *videoStage) join(now time.Duration, sink videoSink) {
	st.mu.Lock()
	defer st.mu.Unlock()
	audience := slices.Clone(*st.audience.Load())
	if !slices.Contains(audience, sink) {
		audience = append(audience, sink)
		st.audience.Store(&audience)
	}
	sink.assignVideo(now, st.live)
}

// leave takes a sink out. Packets that are being distributed may still come to it.
func (st *videoStage) leave(sink videoSink) {
	st.mu.Lock()
	defer st.mu.Unlock()
	audience := slices.Clone(*st.audience.Load())
	audience = slices.DeleteFunc(audience, func(other videoSink) bool { return other == sink })
	st.audience.Store(&audience)
}

// begin makes a source one that sends, or sends what it did not before.
func (st *videoStage) begin(now time.Duration, c *videoContributor) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if c.gone.Load() {
		return
	}
	if !c.live.Load() {
		st.began++
		c.began = st.began
		c.live.Store(true)
		at, _ := slices.BinarySearchFunc(st.live, c, compareVideoTurns)
		st.live = slices.Insert(st.live, at, c)
	}
	st.assign(now)
}

// compareVideoTurns says who is to have a slot first: screens, then whoever began first.
func compareVideoTurns(a, b *videoContributor) int {
	if (a.kind == Screen) != (b.kind == Screen) {
		if a.kind == Screen {
			return -1
		}
		return 1
	}
	if a.began < b.began {
		return -1
	}
	return 1
}

// end makes a source one that does not send: its slots are free. It begins again with its next packet, unless it is gone.
func (st *videoStage) end(now time.Duration, c *videoContributor) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !c.live.Load() {
		return
	}
	c.live.Store(false)
	st.live = slices.DeleteFunc(st.live, func(other *videoContributor) bool { return other == c })
	st.assign(now)
}

// expire ends the sources that have been silent for long. Whoever sees one calls it now and then.
func (st *videoStage) expire(now time.Duration) {
	st.mu.Lock()
	defer st.mu.Unlock()
	silent := func(c *videoContributor) bool { return now-time.Duration(c.receivedAt.Load()) >= videoSilence }
	if !slices.ContainsFunc(st.live, silent) {
		return
	}
	st.live = slices.DeleteFunc(st.live, func(c *videoContributor) bool {
		if silent(c) {
			c.live.Store(false)
			return true
		}
		return false
	})
	st.assign(now)
}

func (st *videoStage) assign(now time.Duration) {
	for _, sink := range *st.audience.Load() {
		sink.assignVideo(now, st.live)
	}
}
