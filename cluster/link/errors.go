package link

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/quic-go/quic-go"
)

var (
	// ErrClosed means that the Mesh was closed, or the Stream, by either end.
	ErrClosed = errors.New("link: closed")
	// ErrUnreachable means that no connection to the peer could be made: nobody answers, or who answers is not that peer.
	ErrUnreachable = errors.New("link: peer unreachable")
	// ErrLost means that the connection ended while it was needed. Whether the peer has seen what was sent is not known.
	ErrLost = errors.New("link: connection lost")
	// ErrNotConnected means that a datagram was dropped because there is no connection.
	ErrNotConnected = errors.New("link: not connected")
	// ErrSlow means that a stream was reset since its receiver did not keep up with its sender. Both ends get it.
	ErrSlow = errors.New("link: stream too slow")
	// ErrBusy means that the peer had too many requests of this node at a time.
	ErrBusy = errors.New("link: peer is busy")
	// ErrTooLarge means that a body, frame or datagram is longer than its limit.
	ErrTooLarge = errors.New("link: too large")
	// ErrProtocol means that the peer sent what it must not.
	ErrProtocol = errors.New("link: protocol error")
)

// Codes of a RemoteError that come from this package. Handlers have codes of their own.
const (
	CodeInternal = "internal" // the handler failed with an error that is not a *RemoteError
	CodeTimeout  = "timeout"  // the asker's time was over before the handler was done
)

// RemoteError is what a Handler answered instead of a body. A handler that returns one (or wraps one) decides what the asker gets;
// of any other error the asker gets the text and CodeInternal or CodeTimeout.
type RemoteError struct {
	Code string // stable, for programs; at most 255 bytes
	Text string // for people and logs; cut at 4 KiB
}

// Error implements error.
func (e *RemoteError) Error() string { return fmt.Sprintf("remote: %s (%s)", e.Text, e.Code) }

func remoteError(err error) *RemoteError {
	if remote, ok := errors.AsType[*RemoteError](err); ok {
		return remote
	}
	code := CodeInternal
	if errors.Is(err, context.DeadlineExceeded) {
		code = CodeTimeout
	}
	return &RemoteError{Code: code, Text: err.Error()}
}

// Codes of streams that are reset, on the wire.
const (
	resetClosed   quic.StreamErrorCode = iota // this end is through with it
	resetSlow                                 // ErrSlow
	resetBusy                                 // ErrBusy
	resetProtocol                             // ErrProtocol
	resetCanceled                             // the asker's context is done
)

// Codes of connections that are closed, on the wire.
const (
	closeMesh      quic.ApplicationErrorCode = iota // the node goes
	closeRedundant                                  // there is another connection, and nothing is left on this one
	closeReplaced                                   // the peer has dialled anew: it has given this one up
	closeProtocol                                   // no datagrams, or no identity
)

// streamError says in this package's words why reading or writing a stream failed.
func streamError(err error) error {
	if reset, ok := errors.AsType[*quic.StreamError](err); ok {
		switch reset.ErrorCode {
		case resetSlow:
			return ErrSlow
		case resetBusy:
			return ErrBusy
		case resetProtocol:
			return ErrProtocol
		default:
			return ErrClosed
		}
	}
	if errors.Is(err, quic.ErrStreamClosed) {
		return ErrClosed
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if closed, ok := errors.AsType[*quic.ApplicationError](err); ok && !closed.Remote && closed.ErrorCode == closeMesh {
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}
