package sfu

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// laneQueue is how many packets may wait for a lane. At 15 µs for a packet to ten receivers it is 150 ms of work; what comes when it is full is
	// dropped, since sound that is later than that is of no use.
	laneQueue = 1024
	// laneBatch is how many packets are sent in one burst at most, so that who received them looks after its socket again.
	laneBatch = 64
)

// lane is one port, what is received and sent there, and the peers that were placed on it. Subscribers and their slots belong to
// whoever does the lane's work at the moment, which is known by holding mu: a goroutine that has received something on the
// lane's port sends it on by itself, which saves a switch of goroutines for each packet; what comes from elsewhere is sent by the lane's
// own goroutine.
type lane struct {
	counters laneCounters
	sockets  *pionSockets
	clock    func() time.Duration

	deliveries *deliveryQueue
	attending  atomic.Int32  // how many goroutines are going to look after the deliveries
	wake       chan struct{} // capacity 1: the lane's own goroutine is to do so
	stop       chan struct{}
	done       sync.WaitGroup
	video      *videoClock

	mu sync.Mutex

	// Guarded by mu:
	closed   bool
	peers    map[*Peer]struct{}
	arrivals []time.Duration // of the packets in the present burst
	sealing  sealingBuffers
}

// delivery is a packet for those of a room's subscribers that are on one lane. The list is never changed.
type delivery struct {
	packet      *packet
	subscribers []*subscriber
}

func newLane(plan mediaAddresses, port int, clock func() time.Duration, log *slog.Logger) (*lane, error) {
	l := &lane{
		clock:      clock,
		deliveries: newDeliveryQueue(laneQueue),
		wake:       make(chan struct{}, 1),
		stop:       make(chan struct{}),
		peers:      make(map[*Peer]struct{}),
	}
	l.video = newVideoClock(l)
	sockets, err := openSockets(plan.bind, port)
	if err != nil {
		return nil, err
	}
	l.sockets, err = newPionSockets(sockets, plan, l, pionLogs{log})
	if err != nil {
		for _, s := range sockets {
			_ = s.close()
		}
		return nil, fmt.Errorf("open a lane: %w", err)
	}
	l.done.Go(l.run)
	l.video.done.Go(l.video.run)
	return l, nil
}

// close ends the goroutines and the sockets. Nothing may use the lane any more.
func (l *lane) close() error {
	l.video.close()
	close(l.stop)
	l.done.Wait()
	l.do(func() { l.closed = true })
	return l.sockets.close()
}

// deliver hands over a packet, with the reference that the lane will release. It never blocks.
func (l *lane) deliver(p *packet, subscribers []*subscriber) {
	if !l.deliveries.put(delivery{p, subscribers}) {
		l.counters.drop(dropQueueFull)
		p.release()
		return
	}
	if l.attending.Load() == 0 {
		l.call()
	}
}

// call wakes the lane's goroutine.
func (l *lane) call() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// attend promises to call leave soon. What is delivered until then waits for that, and wakes nobody.
func (l *lane) attend() { l.attending.Add(1) }

// leave sends what was delivered, unless somebody else is at it or there is more than one burst.
func (l *lane) leave() {
	if l.deliveries.ready() && l.mu.TryLock() {
		l.burst()
		l.mu.Unlock()
	}
	l.attending.Add(-1)
	if l.deliveries.ready() {
		l.call()
	}
}

// do runs f with all that belongs to the lane. f must not block. When the lane has been closed it does nothing. It is not to be
// called from the lane.
func (l *lane) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		f()
	}
}

func (l *lane) run() {
	reports := time.NewTicker(reportInterval)
	defer reports.Stop()
	for {
		select {
		case <-l.wake:
			l.mu.Lock()
			l.burst()
			l.mu.Unlock()
			if l.deliveries.ready() {
				l.call()
			}
		case <-reports.C:
			l.do(l.report)
		case <-l.stop:
			return
		}
	}
}

// burst sends what is waiting, with as few calls of the kernel as possible. Nothing waits for more to come.
func (l *lane) burst() {
	d, ok := l.deliveries.take()
	if !ok {
		return
	}
	l.sockets.begin()
	for ; ok; d, ok = l.deliveries.take() {
		l.send(d)
		if len(l.arrivals) == laneBatch {
			break
		}
	}
	l.sockets.flush()
	now := l.clock()
	for _, arrival := range l.arrivals {
		l.counters.observeDelay(now - arrival)
	}
	l.arrivals = l.arrivals[:0]
}

func (l *lane) send(d delivery) {
	now := l.clock()
	for _, s := range d.subscribers {
		s.forward(now, d.packet)
	}
	l.arrivals = append(l.arrivals, d.packet.arrival)
	d.packet.release()
}

// report is done each second.
func (l *lane) report() {
	l.sockets.gate.second.Add(1)
	now := l.clock()
	for p := range l.peers {
		p.report(now)
	}
}
