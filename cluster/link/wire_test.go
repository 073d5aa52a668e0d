package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := rapid.ByteRange(opPing, opStream).Draw(t, "op")
		kind := rapid.StringN(0, -1, MaxKind).Draw(t, "kind")
		body := rapid.SliceOfN(rapid.Byte(), 0, 3*firstChunk).Draw(t, "body")
		timeout := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "timeout"))

		r := bytes.NewReader(appendRequest(appendPreamble(nil, op, kind), timeout, body))
		if gotOp, gotKind, err := readPreamble(r); err != nil || gotOp != op || gotKind != kind {
			t.Fatalf("preamble: %d %q %v", gotOp, gotKind, err)
		}
		got, gotBody, err := readRequest(r)
		if err != nil || !bytes.Equal(gotBody, body) {
			t.Fatalf("request: %d bytes, %v", len(gotBody), err)
		}
		if got < timeout || got >= timeout+time.Millisecond {
			t.Fatalf("timeout %v became %v", timeout, got)
		}
		if answer, err := readAnswer(bytes.NewReader(appendAnswer(nil, body))); err != nil || !bytes.Equal(answer, body) {
			t.Fatalf("answer: %d bytes, %v", len(answer), err)
		}
		want := RemoteError{Code: rapid.StringN(0, -1, maxCode).Draw(t, "code"), Text: rapid.StringN(0, -1, maxText).Draw(t, "text")}
		_, err = readAnswer(bytes.NewReader(encodeError(&want)))
		if remote, ok := errors.AsType[*RemoteError](err); !ok || *remote != want {
			t.Fatalf("error: %v", err)
		}
	})
}

// miser gives a few bytes at a time and notes how much room it was offered beyond what it has given.
type miser struct {
	t     *rapid.T
	left  int
	given int
}

func (m *miser) Read(p []byte) (int, error) {
	if len(p) > max(firstChunk, 4*m.given) {
		m.t.Fatalf("%d bytes of memory after %d bytes of data", len(p), m.given)
	}
	if m.left == 0 {
		return 0, io.EOF
	}
	n := min(m.left, len(p), rapid.IntRange(1, 1<<20).Draw(m.t, "read"))
	m.left -= n
	m.given += n
	return n, nil
}

// TestALengthCostsNothing announces much and sends less: memory is made for what comes.
func TestALengthCostsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		announced := rapid.IntRange(1, MaxFrame).Draw(t, "announced")
		sent := rapid.IntRange(0, announced).Draw(t, "sent")
		b, err := readBounded(&miser{t: t, left: sent}, uint32(announced), MaxFrame)
		if sent == announced && (err != nil || len(b) != announced) {
			t.Fatalf("%d of %d bytes, %v", len(b), announced, err)
		}
		if sent < announced && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("after %d of %d bytes: %v", sent, announced, err)
		}
	})
}

func TestLengthsAreBounded(t *testing.T) {
	length := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	for what, read := range map[string]func() error{
		"frame": func() error { _, err := readFrame(bytes.NewReader(length(MaxFrame + 1))); return err },
		"body": func() error {
			_, _, err := readRequest(bytes.NewReader(append(make([]byte, 4), length(MaxBody+1)...)))
			return err
		},
		"answer": func() error {
			_, err := readAnswer(bytes.NewReader(append([]byte{answerBody}, length(MaxBody+1)...)))
			return err
		},
		"text":   func() error { _, err := readAnswer(bytes.NewReader([]byte{answerError, 0, 0xff, 0xff})); return err },
		"kind":   func() error { _, _, err := readPreamble(bytes.NewReader([]byte{opStream, MaxKind + 1})); return err },
		"op":     func() error { _, _, err := readPreamble(bytes.NewReader([]byte{99, 0})); return err },
		"status": func() error { _, err := readAnswer(bytes.NewReader([]byte{99})); return err },
	} {
		if err := read(); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What a parser accepts, writing it again gives the bytes that it has read.

func FuzzPreamble(f *testing.F) {
	f.Add(appendPreamble(nil, opStream, "room"))
	f.Add([]byte{opRequest, 255, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		if op, kind, err := readPreamble(r); err == nil {
			same(t, data, r, appendPreamble(nil, op, kind))
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add(appendRequest(nil, time.Second, []byte("body")))
	f.Add([]byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		if timeout, body, err := readRequest(r); err == nil && timeout <= 1<<31*time.Millisecond {
			same(t, data, r, appendRequest(nil, timeout, body))
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(appendAnswer(nil, []byte("body")))
	f.Add(encodeError(&RemoteError{Code: "code", Text: "text"}))
	f.Add([]byte{answerBody, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		body, err := readAnswer(r)
		if remote, ok := errors.AsType[*RemoteError](err); ok {
			same(t, data, r, encodeError(remote))
		} else if err == nil {
			same(t, data, r, appendAnswer(nil, body))
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add(append(binary.BigEndian.AppendUint32(nil, 5), "frame"...))
	f.Add([]byte{0x02, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		if frame, err := readFrame(r); err == nil {
			same(t, data, r, append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...))
		}
	})
}

func FuzzPacket(f *testing.F) {
	f.Add(appendDatagram(appendDatagram([]byte{0, 0, 0, 1}, []byte("first")), nil))
	f.Add([]byte{0, 0, 0, 1, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < sequenceSize {
			return
		}
		written, next := data[:sequenceSize:sequenceSize], binary.BigEndian.Uint32(data)
		ok := readPacket(data, func(sequence uint32, b []byte) {
			if sequence != next {
				t.Errorf("number %d instead of %d", sequence, next)
			}
			next++
			written = appendDatagram(written, b)
		})
		if !bytes.HasPrefix(data, written) || ok != (len(written) == len(data)) {
			t.Errorf("read %x, wrote %x; to the end: %v", data, written, ok)
		}
	})
}

func same(t *testing.T, data []byte, rest *bytes.Reader, written []byte) {
	t.Helper()
	if read := data[:len(data)-rest.Len()]; !bytes.Equal(read, written) {
		t.Errorf("read %x, wrote %x", read, written)
	}
}
