package signaling

import (
	"context"
	"strings"
	"time"

	"hubbub/cluster"
)

type limitsObject struct {
	Text          int `json:"text"`
	Attributes    int `json:"attributes"`
	Slots         int `json:"slots"`
	VideoSlots    int `json:"videoSlots"`
	RatePerSecond int `json:"ratePerSecond"`
}

type connectResult struct {
	Session    string       `json:"session"`
	User       userObject   `json:"user"`
	Resume     string       `json:"resume"`
	Resumed    bool         `json:"resumed"`
	ServerTime int64        `json:"serverTime"`
	Node       string       `json:"node"`
	ICEServers []struct{}   `json:"iceServers"` // the server is reached directly
	Calls      []callObject `json:"calls"`
	Limits     limitsObject `json:"limits"`
}

// connect begins a session: one that goes on by its resume string, that of a
// token's user, or a guest's.
func connect(ctx context.Context, c *call, p *params) (any, error) {
	if c.session != nil {
		return nil, errConflict("this connection has a session already")
	}
	token, name, resume := p.optionalString("token"), p.optionalString("name"), p.optionalString("resume")
	if err := p.err(); err != nil {
		return nil, err
	}
	if c.server.Draining() {
		return nil, errUnavailable("the node is about to end: connect to another one")
	}
	s, err := c.server.identify(ctx, token, name, resume, p.has("name"))
	if err != nil {
		return nil, err
	}
	signed, err := c.server.resume.sign(s, c.server.self.Name, c.server.self.Boot)
	if err != nil {
		return nil, err
	}
	s.conn.Store(c.conn)
	if err := c.server.registry.add(s); err != nil {
		return nil, err
	}
	c.dispatcher.session = s
	c.server.present(ctx, s, "")
	before := c.server.settledBefore(ctx, s)
	c.server.openCalls(ctx, s, func(calls []cluster.Call) {
		c.reply(connectResult{
			Session: s.id, User: s.user, Resume: signed, Resumed: len(s.continued()) > 0,
			ServerTime: millis(time.Now()), Node: c.server.cfg.Node,
			ICEServers: []struct{}{}, Calls: callsOnWire(calls),
			Limits: limitsObject{
				Text: maxText, Attributes: maxAttributes,
				Slots: c.server.cfg.Slots, VideoSlots: c.server.cfg.VideoSlots, RatePerSecond: ratePerSecond,
			},
		})
	})
	s.whispers.begin(before)
	c.server.pumpWhispers(s)
	return nil, nil
}

// identify finds out who connects. A resume string that is worth nothing any more
// is no error for those who say otherwise who they are.
func (s *Server) identify(ctx context.Context, token, name, resume string, named bool) (*session, error) {
	if resume != "" {
		if continued := s.resumable(ctx, resume); continued != nil {
			return continued, nil
		}
	}
	if token != "" && len(s.keys) > 0 {
		return s.tokenSession(token, name)
	}
	switch {
	case !s.guestsAllowed():
		return nil, errUnauthorized("a token is needed")
	case !named && resume != "":
		return nil, errUnauthorized("the resume string is void")
	case !named:
		return nil, errInvalidParams("name is missing")
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	id := "guest-" + newID()[:16]
	return &session{id: newID(), user: userObject{ID: id, Name: name}, grants: guestGrants, guest: true}, nil
}

func (s *Server) resumable(ctx context.Context, resume string) *session {
	claims, err := s.resume.read(resume)
	if err != nil {
		return nil
	}
	old := s.registry.find(claims.ID)
	if old == nil {
		return s.resumeFromElsewhere(ctx, claims)
	}
	if old.user.ID != claims.Subject {
		return nil
	}
	foreign, dead := old.unsettled()
	return &session{
		id: newID(), user: old.user, grants: old.grants, guest: old.guest, previous: old.origin(), foreign: foreign, dead: dead,
	}
}

func (s *Server) tokenSession(token, name string) (*session, error) {
	t, err := s.keys.verify(token)
	if err != nil {
		return nil, errUnauthorized("%s", strings.TrimPrefix(err.Error(), "token is unverifiable: "))
	}
	user := userObject{ID: t.User, Name: t.Name}
	if user.Name == "" {
		user.Name = name
	}
	if user.Name == "" {
		user.Name = t.User
	}
	if err := checkName(user.Name); err != nil {
		return nil, err
	}
	return &session{id: newID(), user: user, grants: t.Grants}, nil
}

// present writes where a session is. Presence that cannot be written does not
// keep anyone from talking.
func (s *Server) present(ctx context.Context, who *session, room string) {
	err := s.cfg.Presence.Put(ctx, cluster.SessionRecord{
		Session: who.id, User: who.user.ID, Name: who.user.Name, Room: room, Node: s.self.Name, Boot: s.self.Boot,
	})
	if err != nil {
		s.log.Warn("presence not written", "session", who.id, "err", err)
	}
}
