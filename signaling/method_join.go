package signaling

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hubbub/room"
	"hubbub/sfu"
	"hubbub/signaling/replica"
)

// negotiationTimeout bounds the making of an answer, which is work of
// milliseconds.
const negotiationTimeout = 10 * time.Second

// join takes the session into a room, or back into the one it was in.
func join(ctx context.Context, c *call, p *params) (any, error) {
	name := p.string("room")
	muted := p.optionalBoolean("muted")
	offer := readOffer(p, p.optionalString("offer"))
	if err := p.err(); err != nil {
		return nil, err
	}
	if err := checkIdentifier("room", name); err != nil {
		return nil, err
	}
	s := c.session
	if err := c.mayJoin(ctx, name); err != nil {
		return nil, err
	}
	at := s.whereabouts()
	if at != nil && at.room.name != name {
		return nil, errConflict("in another room already: leave it first")
	}
	if at == nil {
		if err := c.server.admissible(name, s.user.ID); err != nil {
			return nil, err
		}
	}
	md, err := c.server.negotiateMedia(ctx, offer)
	if err != nil {
		return nil, err
	}
	e := entry{session: s, media: md, muted: muted, reply: func(r joinResult) { c.reply(r) }}
	if at != nil {
		err = at.room.rejoin(e, at)
	} else {
		err = c.server.enter(ctx, name, e)
	}
	if err != nil {
		c.server.discard(md.unused())
		return nil, err
	}
	if at == nil {
		c.server.present(ctx, s, name)
		origin, elsewhere := s.takeOrigin()
		c.server.retire(origin)
		c.server.voidElsewhere(resumed{user: s.user.ID, sessions: elsewhere})
		if isCallRoom(name) {
			c.server.seatedInCall(s, name)
		}
		c.log.Info("joined", "room", name, "user", s.user.ID, "session", s.id, "address", c.from, "media", md != nil)
	}
	c.server.metrics.joined(time.Since(c.received))
	return nil, nil
}

// mayJoin tells whether the session may be in a room: that of a call, when it is one of the two; another one, when the token is for it.
func (c *call) mayJoin(ctx context.Context, name string) error {
	if isCallRoom(name) {
		return c.server.admitToCall(ctx, c.session, name)
	}
	if !c.session.grants.mayEnter(name) {
		return errForbidden("the token is not for this room")
	}
	return nil
}

// admissible tells whether a user may come into a room, which need not be there.
func (s *Server) admissible(name, user string) error {
	if r := s.registry.room(name); r != nil {
		return r.admissible(user)
	}
	return nil
}

// enter finds or opens the room and takes the session in.
func (s *Server) enter(ctx context.Context, name string, e entry) error {
	for {
		r, err := s.liveRoom(name)
		if err != nil {
			return err
		}
		if err := r.join(ctx, e); !errors.Is(err, errRoomEnded) {
			return err
		}
	}
}

// retire ends the session that another one has continued: its resume string is
// void now. If its connection is still open it goes on as another device.
func (s *Server) retire(origin *session) {
	if origin == nil {
		return
	}
	origin.invalidate()
	if origin.conn.Load() != nil {
		return
	}
	if at := origin.whereabouts(); at != nil {
		at.room.vanish(origin, at)
	}
	s.end(origin)
}

// readOffer answers nil when the client gave none.
func readOffer(p *params, sdp string) *sfu.Offer {
	sources := p.optionalStrings("sources")
	if p.fault != nil || sdp == "" {
		return nil
	}
	offer := &sfu.Offer{SDP: sdp, Sources: make(map[string]sfu.Source, len(sources))}
	for mid, source := range sources {
		switch s := sfu.Source(source); s {
		case sfu.Microphone, sfu.Camera, sfu.Screen, sfu.ScreenAudio:
			offer.Sources[mid] = s
		default:
			p.fail(errInvalid("sources: no such source: %.32q", source))
		}
	}
	return offer
}

// negotiateMedia answers an offer before the room is touched, so that a hostile
// one disturbs nobody. Without an offer there is nothing.
func (s *Server) negotiateMedia(ctx context.Context, offer *sfu.Offer) (*media, error) {
	if offer == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, negotiationTimeout)
	defer cancel()
	peer, answer, err := s.cfg.SFU.NewPeer(ctx, *offer)
	if err != nil {
		return nil, fmt.Errorf("negotiate media: %w", err)
	}
	return &media{peer: peer, answer: answer}, nil
}

// unused is media that did not get into a room.
func (m *media) unused() released {
	var rel released
	if m != nil {
		rel.peer(m.peer)
	}
	return rel
}

type negotiateResult struct {
	Answer string       `json:"answer"`
	Slots  []slotObject `json:"slots"`
}

// negotiate restarts ICE or adds media. An offer from another PeerConnection than
// the one that was joined with takes its place.
func negotiate(ctx context.Context, c *call, p *params) (any, error) {
	offer := readOffer(p, p.string("offer"))
	if err := p.err(); err != nil {
		return nil, err
	}
	if offer == nil {
		return nil, errInvalid("offer is empty")
	}
	at, err := c.seat()
	if err != nil {
		return nil, err
	}
	var answer string
	err = at.room.renegotiate(c.session, at, func(peer *sfu.Peer) (err error) {
		within, cancel := context.WithTimeout(ctx, negotiationTimeout)
		defer cancel()
		answer, err = peer.Negotiate(within, *offer)
		return err
	}, func(slots []sfu.Slot) {
		c.reply(negotiateResult{Answer: answer, Slots: slotsOnWire(slots)})
	})
	if !errors.Is(err, sfu.ErrOtherConnection) && !errors.Is(err, sfu.ErrClosed) {
		return nil, err
	}
	md, err := c.server.negotiateMedia(ctx, offer)
	if err != nil {
		return nil, err
	}
	err = at.room.renew(c.session, at, md, func(slots []sfu.Slot) {
		c.reply(negotiateResult{Answer: md.answer, Slots: slotsOnWire(slots)})
	})
	if err != nil {
		c.server.discard(md.unused())
	}
	return nil, err
}

// leave takes the session out of its room; the connection stays.
func leave(ctx context.Context, c *call, _ *params) (any, error) {
	if at := c.session.whereabouts(); at != nil {
		at.room.leave(ctx, c.session, at)
		c.server.present(ctx, c.session, "")
	}
	return struct{}{}, nil
}

// update changes what a participant says of itself.
func update(ctx context.Context, c *call, p *params) (any, error) {
	change := room.Change{
		Muted: p.optionalBoolean("muted"), Hand: p.optionalBoolean("hand"),
		Camera: p.optionalBoolean("camera"), Screen: p.optionalBoolean("screen"),
	}
	name, attributes := p.optionalString("name"), p.optionalStrings("attributes")
	if err := p.err(); err != nil {
		return nil, err
	}
	if p.has("name") {
		if err := checkName(name); err != nil {
			return nil, err
		}
		change.Name = &name
	}
	if attributes != nil {
		if err := checkAttributes(attributes); err != nil {
			return nil, err
		}
		change.Attributes = &attributes
	}
	at, err := c.seat()
	if err != nil {
		return nil, err
	}
	return nil, at.room.act(ctx, c.session, at, replica.Command{Kind: replica.Update, Change: &change}, func(o replica.Outcome) {
		c.reply(struct {
			Participant participantObject `json:"participant"`
		}{participantOnWire(o.Participant)})
	})
}
