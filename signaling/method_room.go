package signaling

import (
	"context"

	"hubbub/room"
	"hubbub/signaling/replica"
)

type chatResult struct {
	ID   string `json:"id"`
	Seq  int    `json:"seq"`
	Time int64  `json:"time"`
}

// chat says something to everyone in the room.
func chat(ctx context.Context, c *call, p *params) (any, error) {
	text, nonce := p.string("text"), p.optionalString("nonce")
	if err := p.err(); err != nil {
		return nil, err
	}
	if err := checkText(text); err != nil {
		return nil, err
	}
	if err := checkNonce(nonce); err != nil {
		return nil, err
	}
	at, err := c.seat()
	if err != nil {
		return nil, err
	}
	return nil, at.room.chat(ctx, c.session, at, text, nonce, func(m room.Message) {
		c.reply(chatResult{ID: m.ID, Seq: m.Seq, Time: millis(m.Time)})
	})
}

// history reads back what was said in the room.
func history(_ context.Context, c *call, p *params) (any, error) {
	before, after, limit := p.optionalInt("before"), p.optionalInt("after"), p.optionalInt("limit")
	if err := p.err(); err != nil {
		return nil, err
	}
	switch {
	case !p.has("limit"):
		limit = maxHistory
	case limit < 1 || limit > maxHistory:
		return nil, errInvalid("limit is %d, allowed are 1 to %d", limit, maxHistory)
	}
	if p.has("before") && before < 1 {
		return nil, errInvalid("before is %d, allowed are 1 and more", before)
	}
	switch {
	case p.has("after") && after < 0:
		return nil, errInvalid("after is %d, allowed are 0 and more", after)
	case p.has("after") && after == 0:
		after = -1 // for the model 0 is no bound; the first message has the number 1
	}
	at, err := c.seat()
	if err != nil {
		return nil, err
	}
	kept, err := at.room.history(c.session, at, before, after, limit)
	if err != nil {
		return nil, err
	}
	messages := make([]messageObject, 0, len(kept))
	for _, m := range kept {
		messages = append(messages, messageOnWire(m))
	}
	return struct {
		Messages []messageObject `json:"messages"`
	}{messages}, nil
}

// moderate mutes, removes or bans a participant, or gives it another role.
func moderate(ctx context.Context, c *call, p *params) (any, error) {
	target, action := p.string("participant"), room.Action(p.string("action"))
	role := room.Role(p.optionalString("role"))
	_ = p.optionalString("reason") // for people; nobody is shown it yet
	if err := p.err(); err != nil {
		return nil, err
	}
	switch action {
	case room.Mute, room.Remove, room.Ban:
	case room.SetRole:
		if !p.has("role") {
			return nil, errInvalidParams("role is missing")
		}
		if !role.Valid() {
			return nil, errInvalid("no such role: %.32q", role)
		}
	default:
		return nil, errInvalid("no such action: %.32q", action)
	}
	at, err := c.seat()
	if err != nil {
		return nil, err
	}
	err = at.room.act(ctx, c.session, at, replica.Command{Kind: replica.Moderate, Order: &room.Order{
		By: at.participant, Admin: c.session.grants.Admin,
		Target: target, Action: action, Role: role,
	}}, func(replica.Outcome) { c.reply(struct{}{}) })
	if err == nil {
		c.log.Info("moderated", "room", at.room.name, "by", c.session.user.ID, "target", target, "action", action)
	}
	return nil, err
}
