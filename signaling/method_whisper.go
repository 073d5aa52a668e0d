package signaling

import (
	"context"

	"hubbub/cluster"
)

type whisperResult struct {
	ID     string `json:"id"`
	Time   int64  `json:"time"`
	Status string `json:"status"` // "delivered" or "stored"
}

// whisper sends a line to one user, on every device of theirs.
func whisper(ctx context.Context, c *call, p *params) (any, error) {
	to, text, nonce := p.string("to"), p.string("text"), p.optionalString("nonce")
	if err := p.err(); err != nil {
		return nil, err
	}
	if err := checkIdentifier("to", to); err != nil {
		return nil, err
	}
	if err := checkText(text); err != nil {
		return nil, err
	}
	if err := checkNonce(nonce); err != nil {
		return nil, err
	}
	shared := c.sharedRoom(to)
	switch scope := c.session.grants.Whisper; {
	case scope == WhisperAny:
	case scope == WhisperRoom && shared != "":
	case scope == WhisperRoom:
		return nil, errForbidden("the token allows whispers in the same room only")
	default:
		return nil, errForbidden("the token does not allow whispers")
	}
	if !c.reserve() {
		return nil, errUnavailable("%d whispers of this connection are waiting", maxOutstanding)
	}
	w := cluster.Whisper{
		ID: newID(), From: c.session.user.ID, FromName: c.session.user.Name,
		To: to, Text: text, Room: shared, Time: c.received,
	}
	key := nonceKey{user: w.From, nonce: nonce}
	if nonce == "" {
		// The id is longer than any nonce of ours could be by chance.
		key.nonce = w.ID
	}
	// Stored before the next request is read, so that whispers keep their order;
	// only the waiting goes on beside it.
	receipt, first := c.server.receipts.claim(key, w.ID, w.Time)
	if first {
		c.server.receipts.stored(key, receipt, c.server.store(ctx, w))
	}
	devices := c.server.registry.devices(to)
	for _, device := range devices {
		c.server.pumpWhispers(device)
	}
	c.finishLater(func() (any, error) {
		delivered, err := receipt.wait(ctx, len(devices) > 0)
		if err != nil {
			return nil, err
		}
		result := whisperResult{ID: receipt.id, Time: millis(receipt.time), Status: "stored"}
		if delivered {
			result.Status = "delivered"
		}
		if first {
			c.server.metrics.whispered(result.Status)
		}
		return result, nil
	})
	return nil, nil
}

func (s *Server) store(ctx context.Context, w cluster.Whisper) error {
	if err := s.cfg.Inbox.Store(ctx, w); err != nil {
		s.log.Warn("whisper not stored", "err", err)
		return errUnavailable("the whisper cannot be stored")
	}
	return nil
}

// sharedRoom names the room that the caller and a user are both in, if any.
func (c *call) sharedRoom(user string) string {
	if at := c.session.whereabouts(); at != nil && at.room.has(user) {
		return at.room.name
	}
	return ""
}

// ack settles a whisper for all devices of the caller.
func ack(ctx context.Context, c *call, p *params) (any, error) {
	id := p.string("whisper")
	if err := p.err(); err != nil {
		return nil, err
	}
	settled, err := c.server.cfg.Inbox.Settle(ctx, c.session.user.ID, id)
	if err != nil {
		// It stays in the inbox and comes again, which the client puts up with.
		c.log.Warn("whisper not settled", "err", err)
		return nil, errUnavailable("the whisper cannot be settled")
	}
	if settled {
		c.server.receipts.acknowledge(id)
	}
	return struct{}{}, nil
}
