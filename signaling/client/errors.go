package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Codes of errors, of the protocol and of JSON-RPC 2.0 (section 5.1).
const (
	CodeParse          = -32700
	CodeInvalidRequest = -32600
	CodeMethodNotFound = -32601
	CodeInvalidParams  = -32602
	CodeInvalid        = 400
	CodeUnauthorized   = 401
	CodeForbidden      = 403
	CodeNotFound       = 404
	CodeConflict       = 409
	CodeTooLarge       = 413
	CodeRateLimited    = 429
	CodeOffline        = 480
	CodeBusy           = 486
	CodeUnavailable    = 503
	CodeRoomFull       = 507
)

// Close codes of the protocol beside those of RFC 6455, section 7.4.1.
const (
	CloseUnauthorized  = 4001
	CloseRemoved       = 4003
	CloseTooSlow       = 4008
	CloseProtocolError = 4009
	CloseReplaced      = 4010
	CloseFlooding      = 4029
)

// Error is an answer that is an error.
type Error struct {
	Code       int
	Message    string        // for people
	Reason     string        // stable; "" for the codes of JSON-RPC
	RetryAfter time.Duration // when a repeat may succeed; 0 when the server did not say
}

func (e *Error) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("%d: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("%d %s: %s", e.Code, e.Reason, e.Message)
}

// UnmarshalJSON decodes the error object of JSON-RPC 2.0, section 5.1.
func (e *Error) UnmarshalJSON(data []byte) error {
	var wire struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    struct {
			Reason     string  `json:"reason"`
			RetryAfter float64 `json:"retryAfter"` // ms
		} `json:"data"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return fmt.Errorf("decoding an error object: %w", err)
	}
	*e = Error{
		Code:       wire.Code,
		Message:    wire.Message,
		Reason:     wire.Data.Reason,
		RetryAfter: time.Duration(wire.Data.RetryAfter * float64(time.Millisecond)),
	}
	return nil
}

// CloseError is a close frame of the server.
type CloseError struct {
	Code   int
	Reason string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("the server closed the connection: %d %s", e.Code, e.Reason)
}

// HandshakeError is a handshake that was refused by HTTP.
type HandshakeError struct {
	Status int // HTTP status code
}

func (e *HandshakeError) Error() string {
	return fmt.Sprintf("the server refused the handshake: HTTP %d", e.Status)
}

// Code is the code of the [*Error] in err's chain, 0 when there is none.
func Code(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return 0
}

// CloseCode is the close code of the [*CloseError] in err's chain, 0 when there is none.
func CloseCode(err error) int {
	if e, ok := errors.AsType[*CloseError](err); ok {
		return e.Code
	}
	return 0
}
