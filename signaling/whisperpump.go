package signaling

import "sync"

// whisperPump takes what waits in a user's inbox to one connection, each whisper
// once and in the order of the inbox. It runs only while there is something to
// take. Everything passes by the inbox, new whispers too: so they cannot overtake
// older ones, and a long backlog waits for the client to read instead of filling
// its queue.
type whisperPump struct {
	mu      sync.Mutex
	running bool
	again   bool // something came while running

	sent map[string]struct{} // ids sent on this connection and not settled; used by the run alone
}

// wake answers whether the caller is to start a run.
func (p *whisperPump) wake() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
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
		for {
			sent := s.handOverWhispers(to, c)
			if to.whispers.rest() || !sent {
				return
			}
		}
	})
}

// handOverWhispers sends what is in the inbox and was not sent yet. It reports
// false when the connection has ended or the inbox cannot be read; what waits
// then comes on the user's next connect.
func (s *Server) handOverWhispers(to *session, c *conn) bool {
	pending, err := s.cfg.Inbox.Pending(s.ctx, to.user.ID)
	if err != nil {
		s.log.Warn("inbox not read", "err", err)
		return false
	}
	// Rebuilt from what is pending still, so that it does not grow with the past.
	sent := make(map[string]struct{}, len(pending))
	for _, w := range pending {
		if _, already := to.whispers.sent[w.ID]; !already {
			if !c.waitRoom() {
				return false
			}
			c.send(encodeNotification("whisper", whisperOnWire(w)))
		}
		sent[w.ID] = struct{}{}
	}
	to.whispers.sent = sent
	return true
}
