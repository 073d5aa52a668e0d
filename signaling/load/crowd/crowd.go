//go:build linux

package crowd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hubbub/sfu/floor/mmsg"
)

const (
	// perRead is how many datagrams of one socket are read at a time.
	perRead = 8
	// perWait is how many sockets one call of epoll_wait(2) tells of.
	perWait = 256
	// closingPoll is how often the receiving goroutine looks whether it should end, in milliseconds.
	closingPoll = 50
	// maxDatagram is the largest that is read.
	maxDatagram = 1500
)

// Crowd is all participants of a run. Its methods are for one goroutine.
type Crowd struct {
	plan        Plan
	people      []*person
	epoll       int
	certificate tls.Certificate // shared by all

	ending     context.Context
	end        context.CancelFunc
	receiving  sync.WaitGroup
	consenting sync.WaitGroup
	speech     context.Context
	hush       context.CancelFunc
	talking    sync.WaitGroup

	ear   *ear
	pacer *pacer
}

// Open opens everyone's socket and begins to receive. It fails when the plan makes no sense, or when the system allows no more sockets.
func Open(plan Plan) (*Crowd, error) {
	if err := plan.check(); err != nil {
		return nil, err
	}
	certificate, err := newCertificate()
	if err != nil {
		return nil, fmt.Errorf("make the participants' certificate: %w", err)
	}
	c := &Crowd{plan: plan, certificate: certificate, ear: newEar(plan)}
	c.pacer = newPacer(c)
	c.ending, c.end = context.WithCancel(context.Background())
	c.speech, c.hush = context.WithCancel(c.ending)
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	for number := range plan.total() {
		p, err := newPerson(number)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open the socket of participant %d: %w", number, err), c.closeSockets())
		}
		c.people = append(c.people, p)
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(number)}
		if err := unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, p.socket, &event); err != nil {
			return nil, errors.Join(fmt.Errorf("epoll: %w", err), c.closeSockets())
		}
	}
	c.receiving.Go(c.receive)
	return c, nil
}

// Close lets everyone leave, and ends all goroutines. It waits for both.
func (c *Crowd) Close() error {
	c.hush()
	c.talking.Wait()
	left := c.leave()
	c.end()
	c.consenting.Wait()
	c.receiving.Wait()
	return errors.Join(left, c.closeSockets())
}

func (c *Crowd) closeSockets() error {
	err := unix.Close(c.epoll)
	for _, p := range c.people {
		err = errors.Join(err, unix.Close(p.socket))
	}
	if err != nil {
		return fmt.Errorf("close the participants' sockets: %w", err)
	}
	return nil
}

// Talk lets the speakers speak until Close.
func (c *Crowd) Talk() {
	c.talking.Go(func() { c.pacer.run(c.speech) })
}

// AwaitHearing waits until everyone has heard all whom they are to hear.
func (c *Crowd) AwaitHearing(ctx context.Context) error {
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		missing := c.ear.missing()
		if missing == 0 {
			tick.Stop()
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return fmt.Errorf("%d voices are not heard where they should be: %w", missing, ctx.Err())
		}
	}
}

// Count begins to count what is heard, with everything at zero.
func (c *Crowd) Count() {
	c.pacer.late.reset()
	c.ear.count()
}

// Heard ends counting.
func (c *Crowd) Heard() Heard {
	h := c.ear.stop()
	h.SendingLate = c.pacer.late.quantile(99)
	return h
}

// receive reads everyone's sockets until the crowd ends.
func (c *Crowd) receive() {
	events := make([]unix.EpollEvent, perWait)
	batch := mmsg.NewBatch(perRead, maxDatagram)
	for c.ending.Err() == nil {
		n, err := unix.EpollWait(c.epoll, events, closingPoll)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return // the descriptor is bad, which only a mistake here could make it
		}
		c.ear.mu.Lock()
		for _, event := range events[:max(n, 0)] {
			c.read(c.people[event.Fd], batch)
		}
		c.ear.mu.Unlock()
	}
}

func (c *Crowd) read(p *person, batch *mmsg.Batch) {
	n, err := batch.Receive(p.socket)
	if err != nil {
		return // refused by a server that is gone: it is told by what is not heard
	}
	for i := range n {
		datagram := batch.Datagram(i)
		if len(datagram) < 2 {
			continue
		}
		switch first := datagram[0]; { // RFC 7983, section 7
		case first < 4:
			p.answered(datagram)
		case first >= 20 && first < 64:
			_, _ = p.pipe.Write(datagram) // full: DTLS repeats itself
		case first >= 128 && first < 192 && (datagram[1] < 192 || datagram[1] > 223): // not RTCP
			at, ok := batch.Arrived(i)
			if !ok {
				at = time.Now()
			}
			c.hear(p, datagram, at)
		}
	}
}

// hear decrypts a packet and counts it.
func (c *Crowd) hear(p *person, packet []byte, at time.Time) {
	in := p.in.Load()
	if in == nil {
		return
	}
	plain, err := in.DecryptRTP(packet[:0], packet, &p.header)
	if err != nil {
		c.ear.total.Foreign++
		return
	}
	c.ear.hear(p.number, plain[p.header.MarshalSize():], at)
}

// connect lets a participant's socket send to one address, and receive from there alone.
func (p *person) connect(to netip.AddrPort) error {
	if err := unix.Connect(p.socket, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}); err != nil {
		return fmt.Errorf("connect the socket of participant %d to %v: %w", p.number, to, err)
	}
	return nil
}
