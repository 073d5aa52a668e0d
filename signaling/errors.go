package signaling

import (
	"errors"
	"fmt"
	"time"

	"hubbub/room"
	"hubbub/sfu"
	"hubbub/signaling/replica"
)

// Codes of JSON-RPC 2.0, section 5.1.
const (
	codeParse          = -32700
	codeInvalidRequest = -32600
	codeUnknownMethod  = -32601
	codeInvalidParams  = -32602
	codeInternal       = -32603
)

// Error is what a client gets instead of a result. Reason is part of the
// protocol and never changes its meaning; Message is for people.
type Error struct {
	Code    int       `json:"code"`
	Message string    `json:"message"`
	Data    ErrorData `json:"data"`
}

// ErrorData is the machine-readable half of an [Error].
type ErrorData struct {
	Reason     string `json:"reason"`
	RetryAfter int64  `json:"retryAfter,omitempty"` // milliseconds
}

func (e *Error) Error() string { return fmt.Sprintf("%d %s: %s", e.Code, e.Data.Reason, e.Message) }

func newError(code int, reason, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Data: ErrorData{Reason: reason}}
}

func errInvalid(format string, args ...any) *Error {
	return newError(400, "invalid", format, args...)
}

func errUnauthorized(format string, args ...any) *Error {
	return newError(401, "unauthorized", format, args...)
}

func errForbidden(format string, args ...any) *Error {
	return newError(403, "forbidden", format, args...)
}

func errNotFound(format string, args ...any) *Error {
	return newError(404, "not_found", format, args...)
}

func errConflict(format string, args ...any) *Error {
	return newError(409, "conflict", format, args...)
}

func errTooLarge(format string, args ...any) *Error {
	return newError(413, "too_large", format, args...)
}

func errRateLimited(wait time.Duration) *Error {
	e := newError(429, "rate_limited", "too many requests")
	e.Data.RetryAfter = roundUpMillis(wait)
	return e
}

// unavailableFor is what clients are told to wait: what makes the server refuse
// passes in moments, or is for an operator to mend.
const unavailableFor = time.Second

func errUnavailable(format string, args ...any) *Error {
	e := newError(503, "unavailable", format, args...)
	e.Data.RetryAfter = roundUpMillis(unavailableFor)
	return e
}

// roundUpMillis never says 0 for a wait that is not over: a client that obeyed it
// would be refused again.
func roundUpMillis(d time.Duration) int64 {
	return max(1, (d + time.Millisecond - 1).Milliseconds())
}

func errInvalidParams(format string, args ...any) *Error {
	return newError(codeInvalidParams, "invalid_params", format, args...)
}

// asProtocolError translates what the model and the media answer into the
// protocol's table of errors. Anything unforeseen is an internal error whose text
// stays in the log.
func asProtocolError(err error) *Error {
	var known *Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, replica.ErrNotSeated):
		return errConflict("not in a room")
	case errors.Is(err, replica.ErrMediaElsewhere):
		return errConflict("%s: join with an offer", err)
	case errors.Is(err, room.ErrFull):
		return newError(507, "room_full", "the room is at its limit")
	case errors.Is(err, room.ErrBanned):
		return errForbidden("you are banned from this room")
	case errors.Is(err, room.ErrForbidden):
		return errForbidden("%s", err)
	case errors.Is(err, room.ErrInvalid):
		return errInvalid("%s", err)
	case errors.Is(err, room.ErrNotFound):
		return errNotFound("no such participant")
	case errors.Is(err, sfu.ErrBadOffer):
		return errInvalid("offer: %s", err)
	}
	return newError(codeInternal, "internal", "internal error")
}
