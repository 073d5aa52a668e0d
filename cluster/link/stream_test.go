package link

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// joined opens a stream from a to b and returns both its ends. The handler's end stays open until the test is over.
func joined(t *testing.T) (near, far *Stream) {
	t.Helper()
	arrived, over := make(chan *Stream), make(chan struct{})
	b := newMesh(t, "b", handler{stream: func(ctx context.Context, s *Stream) {
		arrived <- s
		select {
		case <-over:
		case <-ctx.Done():
		}
	}})
	a := newMesh(t, "a", handler{})
	t.Cleanup(func() { close(over) }) // before the nodes are closed
	near, err := a.Open(within(t), b.peer(), "room")
	if err != nil {
		t.Fatal(err)
	}
	return near, receive(t, "the stream", arrived)
}

// read reads a frame, or fails when none comes in time.
func read(t *testing.T, s *Stream) ([]byte, error) {
	t.Helper()
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		b, err := s.ReadFrame()
		done <- result{b, err}
	}()
	r := receive(t, "a frame", done)
	return r.b, r.err
}

func TestFramesComeInOrder(t *testing.T) {
	near, far := joined(t)
	if near.Kind() != "room" || far.Kind() != "room" {
		t.Errorf("kinds %q and %q", near.Kind(), far.Kind())
	}
	if near.Peer().Name != "b" || far.Peer().Name != "a" {
		t.Errorf("peers %s and %s", near.Peer(), far.Peer())
	}
	for _, way := range [][2]*Stream{{near, far}, {far, near}} {
		frames := make([][]byte, maxQueuedFrames)
		for i := range frames {
			size := []int{0, 1, 100, 5000, batchBytes, batchBytes + 1, 40_000}[rand.IntN(7)]
			frames[i] = binary.BigEndian.AppendUint64(nil, uint64(i))
			frames[i] = append(frames[i], make([]byte, size)...)
			if i == 1 {
				frames[i] = []byte{}
			}
		}
		go func() {
			for i, frame := range frames {
				// In portions, so that the queue's bound is not what is tested.
				if i%128 == 127 {
					eventually(t, "the queue is empty", func() bool { return way[0].waiting() == 0 })
				}
				if err := way[0].WriteFrame(frame); err != nil {
					t.Errorf("write frame %d: %v", i, err)
					return
				}
			}
		}()
		for i, frame := range frames {
			if got, err := read(t, way[1]); err != nil || !bytes.Equal(got, frame) {
				t.Fatalf("frame %d: %d bytes, %v; want %d bytes", i, len(got), err, len(frame))
			}
		}
	}
}

func (s *Stream) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// TestASlowReaderLosesTheStream writes to a peer that does not read.
func TestASlowReaderLosesTheStream(t *testing.T) {
	for what, size := range map[string]int{"small frames": 10, "large frames": 1 << 20} {
		t.Run(what, func(t *testing.T) {
			near, far := joined(t)
			frame := make([]byte, size)
			var err error
			written := 0
			for ; err == nil; written++ {
				if err = near.WriteFrame(frame); written > 1<<20 {
					t.Fatal("there is no end to what can be written")
				}
			}
			if !errors.Is(err, ErrSlow) || !errors.Is(near.Err(), ErrSlow) {
				t.Errorf("the writer got %v, and then %v", err, near.Err())
			}
			receive(t, "the end", near.Done())
			for err = nil; err == nil; {
				_, err = read(t, far)
			}
			if !errors.Is(err, ErrSlow) {
				t.Errorf("the reader got %v", err)
			}
			eventually(t, "the reader's end is told", func() bool { return errors.Is(far.WriteFrame(nil), ErrSlow) })
			if limit := maxQueuedBytes + 4<<20; written*size > limit {
				t.Errorf("took %d bytes for a peer that does not read", written*size)
			}
		})
	}
}

// TestALargeFrameIsFollowedByOthers sends what a new replica gets: a snapshot, and at once what happens next.
func TestALargeFrameIsFollowedByOthers(t *testing.T) {
	near, far := joined(t)
	if err := near.WriteFrame(make([]byte, MaxFrame+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than the largest frame: %v", err)
	}
	large := bytes.Repeat([]byte("snapshot"), MaxFrame/8)
	if err := near.WriteFrame(large); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is being sent", func() bool { return near.waiting() == 0 })
	const events = 1000
	for i := range events {
		if err := near.WriteFrame(number(i)); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
	}
	if got, err := read(t, far); err != nil || !bytes.Equal(got, large) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for i := range events {
		if got, err := read(t, far); err != nil || !bytes.Equal(got, number(i)) {
			t.Fatalf("event %d: %q, %v", i, got, err)
		}
	}
}

func TestCloseSendsWhatWasWritten(t *testing.T) {
	near, far := joined(t)
	const frames = 500
	for i := range frames {
		if err := near.WriteFrame(number(i)); err != nil {
			t.Fatal(err)
		}
	}
	_ = near.Close()
	if err := near.WriteFrame(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
	if _, err := read(t, near); !errors.Is(err, ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	receive(t, "the end here", near.Done())
	receive(t, "the end there", far.Done())
	for i := range frames {
		if got, err := read(t, far); err != nil || !bytes.Equal(got, number(i)) {
			t.Fatalf("frame %d: %q, %v", i, got, err)
		}
	}
	if _, err := read(t, far); err != io.EOF { //nolint:errorlint // it is to be io.EOF itself
		t.Errorf("after the last frame: %v", err)
	}
	if err := far.WriteFrame(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("write after the other end's close: %v", err)
	}
}

func TestCloseDoesNotWaitForAReaderThatDoesNotRead(t *testing.T) {
	near, far := joined(t)
	if err := near.WriteFrame(make([]byte, MaxFrame)); err != nil {
		t.Fatal(err)
	}
	_ = near.Close()
	receive(t, "the end", near.Done())
	if _, err := read(t, far); !errors.Is(err, ErrClosed) {
		t.Errorf("the reader got %v", err)
	}
}

func TestCloseEndsAReadThatWaits(t *testing.T) {
	near, _ := joined(t)
	ended := make(chan error, 1)
	go func() {
		_, err := near.ReadFrame()
		ended <- err
	}()
	_ = near.Close()
	if err := receive(t, "the end of the read", ended); !errors.Is(err, ErrClosed) {
		t.Errorf("it got %v", err)
	}
}

// TestAFrameThatMustNotBeEndsTheStream announces more than a frame may have.
func TestAFrameThatMustNotBeEndsTheStream(t *testing.T) {
	near, far := joined(t)
	if _, err := near.quic.Write(binary.BigEndian.AppendUint32(nil, MaxFrame+1)); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, far); !errors.Is(err, ErrProtocol) {
		t.Errorf("the reader got %v", err)
	}
	receive(t, "the end at the sender", near.Done())
	if err := near.Err(); !errors.Is(err, ErrProtocol) {
		t.Errorf("the sender got %v", err)
	}
}

// TestWhatIsNoStreamIsRefused opens QUIC streams with what no node sends; the connection stays.
func TestWhatIsNoStreamIsRefused(t *testing.T) {
	b := newMesh(t, "b", handler{})
	a := newMesh(t, "a", handler{})
	if err := a.Ping(within(t), b.peer()); err != nil {
		t.Fatal(err)
	}
	for _, garbage := range []string{"\x09\x00", "\x02\xff", "\x02\x01k\x00\x00\x00\x00\xff\xff\xff\xff"} {
		q, err := a.connected(b.peer()).openStream(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = q.Write([]byte(garbage)); err != nil {
			t.Fatal(err)
		}
		if _, err = q.Read(make([]byte, 1)); !errors.Is(streamError(err), ErrProtocol) {
			t.Errorf("%x: %v", garbage, err)
		}
	}
	if err := a.Ping(within(t), b.peer()); err != nil {
		t.Error(err)
	}
}

func TestCloseOfANodeEndsItsStreams(t *testing.T) {
	near, far := joined(t)
	if err := near.connection.mesh.Close(); err != nil {
		t.Error(err)
	}
	receive(t, "the end there", far.Done())
	if err := near.WriteFrame(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("write at the closed node: %v", err)
	}
	if _, err := read(t, near); !errors.Is(err, ErrClosed) {
		t.Errorf("read at the closed node: %v", err)
	}
	if _, err := read(t, far); !errors.Is(err, ErrLost) {
		t.Errorf("read at the other: %v", err)
	}
}
