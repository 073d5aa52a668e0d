package sfu

import (
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"
)

const (
	// videoTick is how often a lane looks after its video. What is sent is late by half of it on average; a shorter one would cost more wake-ups than it saves, as
	// pictures come every 33 ms.
	videoTick = 5 * time.Millisecond
	// videoBurst is how many packets of video are sent before the lane's voice may go ahead again.
	videoBurst = 8
)

// videoClock is the goroutine that sends a lane's video, a bit at a time, so that voice never waits for it, and its feedback. It sleeps while none of the lane's
// peers has anything to send or to be told.
type videoClock struct {
	lane *lane
	wake chan struct{} // capacity 1
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	peers []*Peer // to be looked after, those that are attended
}

func newVideoClock(l *lane) *videoClock {
	return &videoClock{lane: l, wake: make(chan struct{}, 1), stop: make(chan struct{})}
}

func (k *videoClock) close() {
	close(k.stop)
	k.done.Wait()
}

// attend has a peer looked after until nothing of it is due any more. It is called after something has become due, may be called for each packet, and with
// any lock held.
func (k *videoClock) attend(p *Peer) {
	if p.attended.Load() || p.attended.Swap(true) {
		return
	}
	k.mu.Lock()
	k.peers = append(k.peers, p)
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *videoClock) run() {
	ticker := time.NewTicker(videoTick)
	defer ticker.Stop()
	var peers []*Peer
	for {
		if peers = k.attended(peers[:0]); len(peers) == 0 {
			ticker.Stop()
			select {
			case <-k.wake:
				ticker.Reset(videoTick)
				continue
			case <-k.stop:
				return
			}
		}
		for _, p := range peers {
			k.tick(p)
		}
		k.dismiss(peers)
		select {
		case <-ticker.C:
		case <-k.stop:
			return
		}
	}
}

func (k *videoClock) attended(to []*Peer) []*Peer {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append(to, k.peers...)
}

// dismiss forgets the peers of which nothing is due.
func (k *videoClock) dismiss(peers []*Peer) {
	for _, p := range peers {
		if p.videoBusy() {
			continue
		}
		k.mu.Lock()
		k.peers = slices.DeleteFunc(k.peers, func(other *Peer) bool { return other == p })
		k.mu.Unlock()
		p.attended.Store(false)
		if p.videoBusy() { // since it was asked
			k.attend(p)
		}
	}
}

// tick sends what is due for a peer.
func (k *videoClock) tick(p *Peer) {
	now := k.lane.clock()
	var packets []rtcp.Packet
	if r := p.streams.Load().video; r != nil {
		packets = r.appendFeedback(packets, now)
	}
	var seen *videoSubscriber
	if s := p.subscriber.Load(); s != nil {
		seen = s.video
		packets = seen.tick(now, packets)
		if seen.silent(now) {
			s.participant.router.stage.expire(now)
		}
	}
	more := seen != nil && seen.ready(now)
	for first := true; first && len(packets) > 0 || more; first = false {
		k.lane.do(func() {
			if k.lane.deliveries.ready() {
				k.lane.burst()
			}
			if first && len(packets) > 0 && p.connected.Load() {
				// What cannot be sent is asked for again, or reported with the next.
				_ = p.transport.SendRTCP(packets)
			}
			if more {
				k.lane.sockets.begin()
				more = seen.send(k.lane.clock(), videoBurst)
				k.lane.sockets.flush()
			}
		})
	}
}

// videoBusy says whether anything of the peer's video may be due soon.
func (p *Peer) videoBusy() bool {
	if r := p.streams.Load().video; r != nil && r.busy(p.sfu.now()) {
		return true
	}
	s := p.subscriber.Load()
	return s != nil && s.video.busy()
}
