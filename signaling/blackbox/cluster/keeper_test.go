package cluster

import (
	"errors"
	"slices"
	"time"

	"hubbub/signaling/client"
)

// move is a change of connection.
type move struct {
	asked    bool // by `reconnect`; else the connection had broken
	from, to string
	began    time.Time // when they were asked, or cut off
	back     time.Time // when they were in the room again, and sound could flow
}

// keep does what every good client does: it follows `reconnect`, comes back when it is cut off, and asks for a
// snapshot when it has missed something.
func (p *person) keep() {
	for {
		s := p.seat()
		asked := s.reconnect
		if p.stubborn {
			asked = nil
		}
		select {
		case <-p.leaving:
			return
		case <-s.record.gap:
			p.refresh(s)
		case e := <-asked:
			p.moveOn(s, time.Duration(e.After*float64(time.Millisecond)))
		case <-s.client.Done():
			if final(s.client.Err()) || p.stubborn || !p.comeBack(s) {
				return
			}
		}
	}
}

// refresh asks for a snapshot until it gets one: the room may be changing hands.
func (p *person) refresh(s *seat) {
	var err error
	again := func() bool { err = s.refresh(); return err == nil || !s.isOpen() || p.isLeaving() }
	if !poll(patience, again) {
		p.complain("asking for a snapshot: %v", err)
	}
}

// final tells whether a connection has ended for good.
func final(err error) bool {
	switch client.CloseCode(err) {
	case client.CloseUnauthorized, client.CloseRemoved, client.CloseReplaced, 1000:
		return true
	}
	return false
}

// moveOn opens a connection elsewhere first, and leaves the old one after.
func (p *person) moveOn(old *seat, after time.Duration) {
	m := move{asked: true, from: old.node.name, began: time.Now()}
	s := p.resume(old, p.others(old.node), m.began.Add(after))
	if s == nil {
		return // once the old connection ends, the keeper comes back in the other way
	}
	m.to, m.back = s.node.name, time.Now()
	// Both microphones are open until the old connection ends, as the one track of a browser is in both its PeerConnections.
	p.take(s)
	if p.voice != nil {
		p.voice.into(old.media, s.media)
		p.overlap(s)
		p.voice.into(s.media)
	}
	if err := old.leave(); err != nil && s.isOpen() {
		p.complain("leaving %s: %v", old.node.name, err)
	}
	p.noteMove(m)
}

// overlap waits until something has been heard by a new connection: the old one is not needed any more.
func (p *person) overlap(s *seat) {
	poll(time.Second, func() bool {
		p.ear.mu.Lock()
		defer p.ear.mu.Unlock()
		for id := range p.ear.last {
			if id.seat == s.number {
				return true
			}
		}
		return false
	})
}

// comeBack resumes after a connection has broken: elsewhere first, since the node itself may be gone. It tells whether it succeeded
// within the grace time.
func (p *person) comeBack(old *seat) bool {
	m := move{from: old.node.name, began: time.Now()}
	s := p.resume(old, append(p.others(old.node), old.node), m.began.Add(grace))
	if s == nil {
		return false
	}
	m.to, m.back = s.node.name, time.Now()
	p.take(s)
	if old.media != s.media {
		if err := old.abandon(); err != nil {
			p.complain("ending the old media: %v", err)
		}
	}
	p.noteMove(m)
	return true
}

func (p *person) noteMove(m move) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moves = append(p.moves, m)
}

// others are the nodes to try when n is no good, those that came up after it first, so that people spread.
func (p *person) others(n *node) []*node {
	all := p.cluster.members
	i := slices.Index(all, n)
	return slices.Concat(all[i+1:], all[:i])
}

// resume tries these nodes in turn until one takes the person in, or the deadline has passed, or they leave.
func (p *person) resume(old *seat, nodes []*node, deadline time.Time) *seat {
	var problem error
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		for _, n := range nodes {
			var s *seat
			if s, problem = p.resumeOn(n, old); problem == nil {
				return s
			}
			if code := client.Code(problem); code == client.CodeUnauthorized || code == client.CodeForbidden {
				p.complain("coming back: %v", problem)
				return nil
			}
		}
		select {
		case <-p.leaving:
			return nil
		case <-tick.C:
		}
	}
	p.complain("could not come back from %s: %v", old.node.name, problem)
	return nil
}

// admitted keeps the newest resume string: should the seat be taken with it although no answer comes any more, the ones before are void.
func (p *person) admitted(s *seat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resumeBy = s.hello.Resume
}

// latest is the string to resume by: of the seat, or of an attempt to follow it.
func (p *person) latest(old *seat) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resumeBy != "" {
		return p.resumeBy
	}
	return old.hello.Resume
}

// resumeOn continues a seat on a node.
func (p *person) resumeOn(n *node, old *seat) (*seat, error) {
	s, err := p.dial(n)
	if err != nil {
		return nil, err
	}
	err = s.connect(client.ConnectParams{Resume: p.latest(old)})
	if err == nil {
		p.admitted(s)
	}
	if err == nil && p.room != "" {
		if n == old.node {
			err = s.join(p.room, old.media)
		}
		if n != old.node || client.Code(err) == client.CodeConflict {
			err = s.join(p.room, nil)
		}
	}
	if err != nil {
		if s.media == old.media {
			s.media = nil // stays the old seat's
		}
		return nil, errors.Join(err, s.abandon())
	}
	return s, nil
}
