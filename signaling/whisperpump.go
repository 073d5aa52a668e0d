package signaling

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/time/rate"

	"hubbub/cluster"
)

// whisperPump takes what waits in a user's inbox to one connection, each whisper
// once and in the order of the inbox. What another device has acknowledged in the
// meantime is among it. It runs only while there is something to
// take. Everything passes by the inbox, new whispers too: so they cannot overtake
// older ones, and a long backlog waits for the client to read instead of filling
// its queue.
type whisperPump struct {
	mu      sync.Mutex
	open    bool // the client has been told that it is connected
	running bool
	again   bool // something came while running
	unread  bool // the shared inbox was away

	// sent has what was sent on this connection, or is not to be, and is in the inbox still: by id the node that awaits the
	// acknowledgement.
	sent map[string]string

	collected bool // other nodes were asked; used by the run alone
}

// begin lets the pump run: what it sends comes after the answer to connect. What was settled before is not for this connection.
func (p *whisperPump) begin(before []cluster.RecentWhisper) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open, p.sent = true, make(map[string]string)
	for _, w := range before {
		if w.Settled {
			p.sent[w.ID] = w.Origin
		}
	}
}

// wake answers whether the caller is to start a run.
func (p *whisperPump) wake() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.open {
		return false
	}
	if p.running {
		p.again = true
		return false
	}
	p.running = true
	return true
}

// rest answers whether the run is over.
func (p *whisperPump) rest() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running, p.again = p.again, false
	return !p.running
}

// note marks a whisper as sent, and answers whether it was not yet.
func (p *whisperPump) note(w cluster.Whisper) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, already := p.sent[w.ID]; already {
		return false
	}
	p.sent[w.ID] = w.Origin
	return true
}

// prune forgets what is in the inbox no longer, so that sent does not grow with the past. After an incomplete look at the inboxes it waits for
// the next one.
func (p *whisperPump) prune(recent []cluster.RecentWhisper, complete bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unread = !complete
	if !complete {
		return
	}
	sent := make(map[string]string, len(recent))
	for _, w := range recent {
		sent[w.ID] = p.sent[w.ID]
	}
	p.sent = sent
}

// origin is the node that awaits the acknowledgement of a whisper, if it was sent on this connection.
func (p *whisperPump) origin(id string) (node string, sent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	node, sent = p.sent[id]
	return node, sent
}

func (p *whisperPump) isUnread() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unread
}

// pumpWhispers makes sure that what waits for a session's user reaches its
// connection. It does not wait for that.
func (s *Server) pumpWhispers(to *session) {
	c := to.conn.Load()
	if c == nil || !to.whispers.wake() {
		return
	}
	// When the connection is ending the pump stays awake, which is of no matter: a
	// session has one connection.
	c.start(func() {
		for s.handOverWhispers(to, c) {
			if to.whispers.rest() {
				return
			}
		}
	})
}

// settledBefore is what a session that is about to begin is not to be sent.
func (s *Server) settledBefore(ctx context.Context, of *session) []cluster.RecentWhisper {
	recent, _, err := s.inboxes.recent(ctx, of.user.ID)
	if err != nil {
		s.log.Warn("inbox not read", "err", err)
	}
	return recent
}

// handOverWhispers sends what waits and was not sent yet. It reports
// false when the connection has ended.
func (s *Server) handOverWhispers(to *session, c *conn) bool {
	recent, shared, err := s.inboxes.recent(s.ctx, to.user.ID)
	if !shared && !to.whispers.collected {
		// Then what came while this user was away waits on the nodes where it was sent.
		to.whispers.collected = true
		s.collectWhispers(to.user.ID)
		recent, shared, err = s.inboxes.recent(s.ctx, to.user.ID)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		s.log.Warn("inbox not read", "err", err)
	}
	for _, w := range recent {
		if !to.whispers.note(w.Whisper) {
			continue
		}
		if !c.waitRoom() {
			return false
		}
		c.send(encodeNotification("whisper", whisperOnWire(w.Whisper)))
	}
	to.whispers.prune(recent, shared || s.inboxes.shared == nil)
	return true
}

// Once the shared inbox is back, what waits in it is read for so many connections in a second: all at once they might bring it down again.
const (
	rereadsPerSecond = 1000
	rereadBurst      = 100
)

// mendWhispers has the shared inbox told what it missed each time it was away, and then takes what waits in it to those who could not get it.
func (s *Server) mendWhispers() {
	pace := rate.NewLimiter(rereadsPerSecond, rereadBurst)
	for {
		select {
		case <-s.inboxes.lapsed:
		case <-s.ctx.Done():
			return
		}
		if !s.inboxes.awaitReturn(s.ctx) {
			return
		}
		for _, to := range s.registry.connected() {
			if !to.whispers.isUnread() {
				continue
			}
			if pace.Wait(s.ctx) != nil {
				return
			}
			s.pumpWhispers(to)
		}
	}
}
