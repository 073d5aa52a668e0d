package signaling

import (
	"context"
	"errors"
	"time"

	"hubbub/cluster"
)

// ringFor is how long a call rings before it is missed.
const ringFor = 30 * time.Second

type callResult struct {
	Call callObject `json:"call"`
}

// callUser has all devices of a user ring.
func callUser(ctx context.Context, c *call, p *params) (any, error) {
	to, media := p.string("to"), p.string("media")
	if err := p.err(); err != nil {
		return nil, err
	}
	if err := checkIdentifier("to", to); err != nil {
		return nil, err
	}
	from := c.session.user
	switch {
	case media != "audio" && media != "video":
		return nil, errInvalid(`media is %.32q, allowed are "audio" and "video"`, media)
	case !c.session.grants.Call:
		return nil, errForbidden("the token does not allow calls")
	case to == from.ID:
		return nil, errInvalid("to is the caller")
	}
	callee, err := c.server.reach(ctx, to)
	if err != nil {
		return nil, err
	}
	id := newID()
	begun, err := c.server.beginCall(ctx, callee, cluster.Call{
		ID: id, From: from.ID, FromName: from.Name, To: to, ToName: callee.name, Media: media,
		Room: callRoom(id), State: cluster.CallRinging, Expires: c.received.Add(ringFor).Truncate(time.Millisecond),
	})
	if err != nil {
		return nil, asCallError(err)
	}
	c.reply(callResult{callOnWire(begun)})
	c.server.announceCall(begun)
	c.log.Info("call", "call", id, "from", from.ID, "to", to, "media", media)
	return nil, nil
}

// answerCall accepts or declines a call that rings, for all devices of the callee.
func answerCall(ctx context.Context, c *call, p *params) (any, error) {
	id := p.string("call")
	p.required("accept")
	accept := p.optionalBoolean("accept")
	if err := p.err(); err != nil {
		return nil, err
	}
	known, err := c.ownCall(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case known.To != c.session.user.ID:
		return nil, errForbidden("the caller cannot answer")
	}
	if known.State == cluster.CallRinging && !c.received.Before(known.Expires) {
		if known, _, err = c.server.moveCall(ctx, known, cluster.CallMissed); err != nil {
			return nil, asCallError(err)
		}
	}
	if known.State != cluster.CallRinging {
		return nil, errConflict("the call is %s already", known.State)
	}
	to := cluster.CallDeclined
	if *accept {
		to = cluster.CallAccepted
	}
	now, changed, err := c.server.moveCall(ctx, known, to)
	switch {
	case errors.Is(err, cluster.ErrBusy):
		return nil, newError(486, "busy", "one of you is in another call: hang up first")
	case err != nil:
		return nil, asCallError(err)
	case !changed:
		return nil, errConflict("the call is %s already", now.State)
	}
	return callResult{callOnWire(now)}, nil
}

// hangUp ends a call, or gives it up while it rings.
func hangUp(ctx context.Context, c *call, p *params) (any, error) {
	id := p.string("call")
	if err := p.err(); err != nil {
		return nil, err
	}
	known, err := c.ownCall(ctx, id)
	if err != nil {
		return nil, err
	}
	for {
		to := cluster.CallEnded
		switch {
		case known.State.Finished():
			return nil, errConflict("the call is %s already", known.State)
		case known.State == cluster.CallAccepted:
		case known.To == c.session.user.ID:
			to = cluster.CallDeclined
		default:
			to = cluster.CallCancelled
		}
		now, changed, err := c.server.moveCall(ctx, known, to)
		if errors.Is(err, cluster.ErrUnavailable) {
			if ended, ok := c.server.endUnheard(known, to); ok {
				now, changed, err = ended, true, nil
			}
		}
		switch {
		case err != nil:
			return nil, asCallError(err)
		case changed:
			return callResult{callOnWire(now)}, nil
		}
		known = now // it was answered just now
	}
}

// ownCall finds a call of the session's user. Others do not learn that it exists.
func (c *call) ownCall(ctx context.Context, id string) (cluster.Call, error) {
	known, err := c.server.findCall(ctx, id)
	if err != nil {
		return cluster.Call{}, asCallError(err)
	}
	if !known.Involves(c.session.user.ID) {
		return cluster.Call{}, errNotFound("no such call")
	}
	return known, nil
}

func asCallError(err error) error {
	switch {
	case errors.Is(err, cluster.ErrNoCall):
		return errNotFound("no such call")
	case errors.Is(err, cluster.ErrBusy):
		return newError(486, "busy", "the user is in another call")
	case errors.Is(err, cluster.ErrInCall):
		return errConflict("in a call already: hang up first")
	case errors.Is(err, cluster.ErrCallThere):
		return errConflict("there is a call between the two of you already")
	case errors.Is(err, cluster.ErrTooManyCalls):
		return errRateLimited(cluster.FinishedMemory)
	case errors.Is(err, cluster.ErrCallsFull):
		return errUnavailable("there are as many calls as may be")
	case errors.Is(err, cluster.ErrUnavailable):
		return errUnavailable("calls are not possible just now")
	}
	return err
}
