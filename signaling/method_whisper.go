package signaling

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"strings"

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
		ID: whisperID(c.session.user.ID, nonce), From: c.session.user.ID, FromName: c.session.user.Name,
		To: to, Text: text, Room: shared, Origin: c.server.self.Name, Time: c.received,
	}
	receipt, first := c.server.receipts.claim(w.ID, w.Time)
	if first {
		// Stored before the next request is read, so that whispers keep their order;
		// only the waiting goes on beside it.
		c.post(ctx, w, receipt)
	} else {
		c.server.pumpDevices(to)
	}
	c.finishLater(func() (any, error) {
		delivered, err := receipt.wait(ctx)
		if err != nil {
			return nil, err
		}
		delivered = delivered || receipt.repeated && c.server.hasArrived(ctx, w)
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

// whisperID makes the id of a whisper. One of the same nonce has the same id on every node, so that nobody is shown it
// twice when its sender has moved before the answer came.
func whisperID(from, nonce string) string {
	if nonce == "" {
		return newID()
	}
	sum := sha256.Sum256([]byte("hubbub whisper\x00" + from + "\x00" + nonce))
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20]))
}

// post stores a whisper and takes it to the devices of its target, as far as that
// is done at once; the rest goes on beside.
func (c *call) post(ctx context.Context, w cluster.Whisper, r *receipt) {
	s := c.server
	d, shared, err := s.inboxes.store(ctx, w)
	elsewhere := 0
	if err == nil && !shared {
		d, elsewhere, err = s.bring(ctx, w)
	}
	if err != nil {
		if !errors.Is(err, errNobodyKnown) {
			s.log.Warn("whisper not stored", "err", err)
		}
		s.receipts.refused(r, errUnavailable("the whisper cannot be stored"))
		return
	}
	s.receipts.stored(r, d)
	here := s.pumpDevices(w.To)
	if !shared || s.cluster == nil {
		if here+elsewhere == 0 {
			r.expectNobody()
		}
		return
	}
	var in *liveRoom
	if at := c.session.whereabouts(); at != nil {
		in = at.room
	}
	s.tasks.Go(func() {
		if here+s.wakeElsewhere(s.ctx, w.To, in, here) == 0 {
			r.expectNobody()
		}
	})
}

// hasArrived tells whether a whisper that was stored by another node before has been acknowledged meanwhile: that node
// alone is told.
func (s *Server) hasArrived(ctx context.Context, w cluster.Whisper) bool {
	d, shared, err := s.inboxes.store(ctx, w) // stores nothing, as long as it waits or is remembered
	return err == nil && shared && d.Settled
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
	user := c.session.user.ID
	origin, sent := c.session.whispers.origin(id)
	settled, err := c.server.inboxes.settle(ctx, user, id)
	if err != nil {
		// It stays in the inbox and comes again, which the client puts up with.
		c.log.Warn("whisper not settled", "err", err)
		return nil, errUnavailable("the whisper cannot be settled")
	}
	arrived := acknowledgement{User: user, Whisper: id}
	switch {
	case settled.own:
		c.server.receipts.acknowledge(id)
		c.server.announce("", arrived) // others may have it too
	case settled.shared, settled.owed && sent:
		c.server.receipts.acknowledge(id)
		c.server.announce(origin, arrived)
	}
	return struct{}{}, nil
}
