package sfu

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// laneQueue is how many packets may wait for a lane. At 15 µs for a packet to ten receivers it is 150 ms of work; what comes when it is full is
	// dropped, since sound that is later than that is of no use.
	laneQueue = 1024
	// laneBatch is how many packets a lane takes before it looks after its other duties.
	laneBatch = 64
)

// lane is one port, one sending goroutine and the peers that were placed on it. Subscribers and their slots belong to that goroutine.
type lane struct {
	counters laneCounters
	sockets  *pionSockets
	clock    func() time.Duration

	deliveries chan delivery
	commands   chan func()
	stop       chan struct{}
	done       sync.WaitGroup

	// Owned by the goroutine:
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
		deliveries: make(chan delivery, laneQueue),
		commands:   make(chan func()),
		stop:       make(chan struct{}),
		peers:      make(map[*Peer]struct{}),
	}
	sockets, err := openSockets(plan.bind, port)
	if err != nil {
		return nil, err
	}
	l.sockets, err = newPionSockets(sockets, plan, &l.counters, pionLogs{log})
	if err != nil {
		for _, s := range sockets {
			_ = s.close()
		}
		return nil, fmt.Errorf("open a lane: %w", err)
	}
	l.done.Go(l.run)
	return l, nil
}

// close ends the goroutine and the sockets. Nothing may use the lane any more.
func (l *lane) close() error {
	close(l.stop)
	l.done.Wait()
	return l.sockets.close()
}

// deliver hands over a packet, with the reference that the lane will release. It never blocks.
func (l *lane) deliver(p *packet, subscribers []*subscriber) {
	select {
	case l.deliveries <- delivery{p, subscribers}:
	default:
		l.counters.drop(dropQueueFull)
		p.release()
	}
}

// do runs f on the lane's goroutine and waits for it. f must not block. When the lane has been closed it does nothing. It is not to be
// called from the lane.
func (l *lane) do(f func()) {
	done := make(chan struct{})
	select {
	case l.commands <- func() { f(); close(done) }:
		<-done
	case <-l.stop:
	}
}

func (l *lane) run() {
	reports := time.NewTicker(reportInterval)
	defer reports.Stop()
	for {
		select {
		case d := <-l.deliveries:
			l.burst(d)
		case f := <-l.commands:
			f()
		case <-reports.C:
			l.report()
		case <-l.stop:
			return
		}
	}
}

// burst sends a packet and whatever else is waiting, with as few calls of the kernel as possible. Nothing waits for more to come.
func (l *lane) burst(d delivery) {
	for _, b := range l.sockets.batches {
		b.begin()
	}
	l.send(d)
	for waiting := true; waiting && len(l.arrivals) < laneBatch; {
		select {
		case d = <-l.deliveries:
			l.send(d)
		default:
			waiting = false
		}
	}
	for _, b := range l.sockets.batches {
		b.flush()
	}
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
