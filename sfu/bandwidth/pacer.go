package bandwidth

import "time"

const (
	paceFactor = 1.2
	paceSlack  = 10 * time.Millisecond // that a caller may come late without the time being lost

	maxQueue      = time.Second
	leastMaxQueue = 32 << 10 // bytes
	maxQueued     = 1024     // packets

	maxResend      = 200 * time.Millisecond
	leastMaxResend = 8 << 10
	maxResends     = 128

	maxPadding     = 1200
	paddingPackets = 8 // that a probe would be made of alone
)

// Pacer spreads one subscriber's video packets over time, so that a key frame does not fill the queue in front of the bottleneck that
// voice has to pass too. T is whatever the caller needs to send a packet. It is not safe for concurrent use.
//
// The sending loop:
//
//	for {
//		if packet, probe, ok := pacer.Pop(now); ok {
//			send(packet, probe) // and tell Estimator.Sent
//		} else if bytes, probe, ok := pacer.Padding(now); ok {
//			pad(bytes, probe) // likewise; and pacer.Padded(now, what it was)
//		} else {
//			break // and come back after pacer.Wait(now), or with the next Push
//		}
//	}
//
// A caller that comes back up to 10 ms late makes up for it with the next packets. Times are the caller's clock as in Estimator;
// bytes are UDP payloads.
type Pacer[T any] struct {
	rate         float64 // bits per second at which packets leave when there is no probe
	free         time.Duration
	resend, rest fifo[T]

	probe   Probe
	probing bool
	bytes   int // of the probe that were sent,
	packets int // likewise
}

// NewPacer returns an empty Pacer that sends at rate bits per second (see SetRate).
func NewPacer[T any](rate int) *Pacer[T] {
	p := &Pacer[T]{}
	p.SetRate(rate)
	return p
}

// SetRate changes the rate, which is the Estimator's. Packets leave at 1.2 times that: pictures come unevenly, and what was allocated
// to them is no more than the estimate on average.
func (p *Pacer[T]) SetRate(rate int) { p.rate = paceFactor * float64(max(rate, 1000)) }

// Push puts a packet into the queue. It refuses when the queue would take longer than 1 s to send and be larger than 32 KiB, or when 1,024
// packets wait. A key frame must fit, of a screen at middling rates and of a small picture at the lowest, or the next would not fit either. The caller then
// drops the packet and all that depend on it, that is, the slot's packets up to the next key frame.
func (p *Pacer[T]) Push(item T, bytes int) bool {
	if p.rest.len >= maxQueued || p.rest.bytes+bytes > max(leastMaxQueue, p.within(maxQueue)) {
		return false
	}
	p.rest.push(item, bytes)
	return true
}

// PushFirst puts a retransmission into a queue of its own that is sent before the other. It refuses when that would take longer than
// 200 ms to send and be larger than 8 KiB, or when 128 wait.
func (p *Pacer[T]) PushFirst(item T, bytes int) bool {
	if p.resend.len >= maxResends || p.resend.bytes+bytes > max(leastMaxResend, p.within(maxResend)) {
		return false
	}
	p.resend.push(item, bytes)
	return true
}

// within is how many bytes leave in a time.
func (p *Pacer[T]) within(d time.Duration) int { return int(p.rate / 8 * d.Seconds()) }

// Pop takes the packet that is to be sent now. probe is the ID of the Probe under way, 0 if there is none. ok is false when nothing
// waits or it is too early.
func (p *Pacer[T]) Pop(now time.Duration) (item T, probe uint32, ok bool) {
	if p.Len() == 0 || now < p.free {
		return item, 0, false
	}
	queue := &p.rest
	if p.resend.len > 0 {
		queue = &p.resend
	}
	q := queue.pop()
	return q.item, p.leave(now, q.bytes), true
}

// leave accounts for a packet that leaves, and returns the ID of the probe that it is part of.
func (p *Pacer[T]) leave(now time.Duration, bytes int) (probe uint32) {
	rate := p.rate
	if p.probing {
		rate, probe = float64(p.probe.Rate), p.probe.ID
		p.bytes += bytes
		p.packets++
		p.probing = p.bytes < p.probe.Bytes || p.packets < p.probe.Packets
	}
	p.free = max(p.free, now-paceSlack) + time.Duration(float64(bytes)*8/rate*float64(time.Second))
	return probe
}

// Len is the number of packets that wait.
func (p *Pacer[T]) Len() int { return p.resend.len + p.rest.len }

// Clear drops all packets that wait, telling drop of each; drop may be nil. A probe under way goes on.
func (p *Pacer[T]) Clear(drop func(T)) {
	for _, queue := range []*fifo[T]{&p.resend, &p.rest} {
		for queue.len > 0 {
			if q := queue.pop(); drop != nil {
				drop(q.item)
			}
		}
	}
}

// Start begins a probe, in place of any before it.
func (p *Pacer[T]) Start(probe Probe) {
	p.probe, p.probing, p.bytes, p.packets = probe, probe.Rate > 0, 0, 0
}

// Padding says that a probe needs a packet now and no packet waits: repeat an old packet or send padding of about that many bytes, at most
// 1,200. Smaller ones will do, there will be more of them then; larger ones make a longer queue than is meant, where the rate is low. The
// probe goes on after Padded was told how many bytes it came to.
func (p *Pacer[T]) Padding(now time.Duration) (bytes int, probe uint32, ok bool) {
	if !p.probing || p.Len() > 0 || now < p.free {
		return 0, 0, false
	}
	return min(max(p.probe.Bytes/paddingPackets, 1), maxPadding), p.probe.ID, true
}

// Padded tells of a packet that was sent for Padding. 0 bytes means that there is nothing to pad with, which ends the probe.
func (p *Pacer[T]) Padded(now time.Duration, bytes int) {
	if bytes <= 0 {
		p.probing = false
		return
	}
	p.leave(now, bytes)
}

// Wait is the time until Pop or Padding may succeed: 0 if they may now, negative if not before another Push, PushFirst or Start.
func (p *Pacer[T]) Wait(now time.Duration) time.Duration {
	if p.Len() == 0 && !p.probing {
		return -1
	}
	return max(p.free-now, 0)
}
