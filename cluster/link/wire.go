package link

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"
)

// On the wire, all numbers big-endian:
//
//	each QUIC stream begins with   op(1) kindLength(1) kind
//	a request goes on with         milliseconds(4) bodyLength(4) body         then the end of the stream
//	its answer is                  0 bodyLength(4) body   or   1 codeLength(1) code textLength(2) text
//	a stream goes on, both ways    frameLength(4) frame …
//	a packet of datagrams is       sequence(4), and for each   length(2) datagram
//
// A request's milliseconds are what is left of the asker's time, 0 for no limit: the clocks of two nodes need not agree. A packet's sequence
// is the number of its first datagram, counted from 0 on each connection.

// The first byte of a stream.
const (
	opPing byte = iota + 1
	opRequest
	opStream
)

// The first byte of an answer.
const (
	answerBody byte = iota
	answerError
)

const (
	// MaxBody bounds the body of a request and of its answer, in bytes.
	MaxBody = 1 << 20
	// MaxFrame bounds a frame of a stream, in bytes.
	MaxFrame = 32 << 20
	// MaxKind bounds the kind of a request or stream, in bytes.
	MaxKind = 64
	// maxCode and maxText bound the two parts of an error, in bytes.
	maxCode = 255
	maxText = 4 << 10
	// sequenceSize and lengthSize are what a packet has before its datagrams, and before each.
	sequenceSize, lengthSize = 4, 2
	// firstChunk is what a length alone makes the reader allocate; beyond it memory grows with what has arrived.
	firstChunk = 16 << 10
)

func appendPreamble(b []byte, op byte, kind string) []byte {
	b = append(b, op, byte(len(kind)))
	return append(b, kind...)
}

func readPreamble(r io.Reader) (op byte, kind string, err error) {
	var head [2]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return 0, "", err
	}
	if head[0] < opPing || head[0] > opStream {
		return 0, "", fmt.Errorf("%w: unknown kind of stream %d", ErrProtocol, head[0])
	}
	if head[1] > MaxKind {
		return 0, "", fmt.Errorf("%w: kind of %d bytes", ErrProtocol, head[1])
	}
	name := make([]byte, head[1])
	if _, err = io.ReadFull(r, name); err != nil {
		return 0, "", unexpected(err)
	}
	return head[0], string(name), nil
}

func appendRequest(b []byte, timeout time.Duration, body []byte) []byte {
	// Rounded up, since 0 would be no limit.
	ms := min((timeout+time.Millisecond-1)/time.Millisecond, 1<<31)
	b = binary.BigEndian.AppendUint32(b, uint32(ms))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

func readRequest(r io.Reader) (timeout time.Duration, body []byte, err error) {
	var head [8]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return 0, nil, unexpected(err)
	}
	body, err = readBounded(r, binary.BigEndian.Uint32(head[4:]), MaxBody)
	return time.Duration(binary.BigEndian.Uint32(head[:])) * time.Millisecond, body, err
}

func appendAnswer(b, body []byte) []byte {
	b = append(b, answerBody)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

func encodeError(e *RemoteError) []byte {
	code, text := e.Code[:min(len(e.Code), maxCode)], e.Text[:min(len(e.Text), maxText)]
	b := append(make([]byte, 0, 4+len(code)+len(text)), answerError, byte(len(code)))
	b = append(b, code...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
	return append(b, text...)
}

// readAnswer returns a *RemoteError when that is the answer.
func readAnswer(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return nil, unexpected(err)
	}
	switch head[0] {
	case answerBody:
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, unexpected(err)
		}
		return readBounded(r, binary.BigEndian.Uint32(head[:]), MaxBody)
	case answerError:
		if _, err := io.ReadFull(r, head[:1]); err != nil {
			return nil, unexpected(err)
		}
		code, err := readBounded(r, uint32(head[0]), maxCode)
		if err != nil {
			return nil, err
		}
		if _, err = io.ReadFull(r, head[:2]); err != nil {
			return nil, unexpected(err)
		}
		text, err := readBounded(r, uint32(binary.BigEndian.Uint16(head[:])), maxText)
		if err != nil {
			return nil, err
		}
		return nil, &RemoteError{Code: string(code), Text: string(text)}
	default:
		return nil, fmt.Errorf("%w: unknown kind of answer %d", ErrProtocol, head[0])
	}
}

// readFrame returns io.EOF only when the stream ends before a frame.
func readFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	return readBounded(r, binary.BigEndian.Uint32(head[:]), MaxFrame)
}

// readBounded reads n bytes. What it allocates is at most firstChunk or four times what has arrived, so that a length costs nothing.
func readBounded(r io.Reader, n, limit uint32) ([]byte, error) {
	if n > limit {
		return nil, fmt.Errorf("%w: %w: %d bytes announced, %d allowed", ErrProtocol, ErrTooLarge, n, limit)
	}
	b := make([]byte, 0, min(n, firstChunk))
	for len(b) < int(n) {
		if len(b) == cap(b) {
			b = slices.Grow(b, min(int(n)-len(b), 2*len(b)))
		}
		got, err := r.Read(b[len(b):min(cap(b), int(n))])
		b = b[:len(b)+got]
		if err != nil && len(b) < int(n) {
			return nil, unexpected(err)
		}
	}
	return b, nil
}

func appendDatagram(packet, b []byte) []byte {
	packet = binary.BigEndian.AppendUint16(packet, uint16(len(b)))
	return append(packet, b...)
}

// readPacket hands out the datagrams of a packet, and reports whether it is well-formed to its end.
func readPacket(packet []byte, take func(sequence uint32, b []byte)) bool {
	if len(packet) < sequenceSize {
		return false
	}
	sequence, rest := binary.BigEndian.Uint32(packet), packet[sequenceSize:]
	for ; len(rest) >= lengthSize; sequence++ {
		end := lengthSize + int(binary.BigEndian.Uint16(rest))
		if end > len(rest) {
			return false
		}
		take(sequence, rest[lengthSize:end:end])
		rest = rest[end:]
	}
	return len(rest) == 0
}

// unexpected is for ends in the middle of something.
func unexpected(err error) error {
	if err == io.EOF { //nolint:errorlint // io.ReadFull and quic.Stream return it as it is
		return io.ErrUnexpectedEOF
	}
	return err
}
