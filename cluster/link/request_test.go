package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestARequestIsAnswered(t *testing.T) {
	asked := make(chan string, 1)
	b := newMesh(t, "b", handler{request: func(_ context.Context, from Peer, kind string, body []byte) ([]byte, error) {
		asked <- fmt.Sprintf("%s %s %s", from, kind, body)
		return []byte("fine"), nil
	}})
	a := newMesh(t, "a", handler{})

	answer, err := a.Request(within(t), b.peer(), "how", []byte("are you"))
	if err != nil || string(answer) != "fine" {
		t.Fatalf("answer %q, %v", answer, err)
	}
	if got, want := receive(t, "the request", asked), "a/boot-a how are you"; got != want {
		t.Errorf("b was asked %q, not %q", got, want)
	}
	// The way back uses the same connection: a's address is not even known.
	if answer, err = b.Request(within(t), Peer{Name: "a", Boot: "boot-a"}, "echo", []byte("x")); err != nil || string(answer) != "x" {
		t.Errorf("the way back: %q, %v", answer, err)
	}
	if n := len(a.Status()) + len(b.Status()); n != 2 {
		t.Errorf("%d ends of connections for one pair of nodes", n)
	}
}

func TestErrorsOfTheHandlerComeBack(t *testing.T) {
	answers := map[string]error{
		"own":     fmt.Errorf("wrapped: %w", &RemoteError{Code: "no_such_room", Text: "there is none"}),
		"other":   errors.New("broken"),
		"timeout": fmt.Errorf("ask: %w", context.DeadlineExceeded),
		"long":    &RemoteError{Code: strings.Repeat("c", 300), Text: strings.Repeat("t", 10_000)},
	}
	b := newMesh(t, "b", handler{request: func(_ context.Context, _ Peer, kind string, _ []byte) ([]byte, error) {
		return nil, answers[kind]
	}})
	a := newMesh(t, "a", handler{})
	for kind, want := range map[string]RemoteError{
		"own":     {Code: "no_such_room", Text: "there is none"},
		"other":   {Code: CodeInternal, Text: "broken"},
		"timeout": {Code: CodeTimeout, Text: "ask: context deadline exceeded"},
		"long":    {Code: strings.Repeat("c", 255), Text: strings.Repeat("t", maxText)},
	} {
		_, err := a.Request(within(t), b.peer(), kind, nil)
		if got, ok := errors.AsType[*RemoteError](err); !ok || *got != want {
			t.Errorf("%s: got %v, want %v", kind, err, want)
		}
	}
}

func TestARequestThatIsGivenUpIsCancelled(t *testing.T) {
	started, ended := make(chan bool), make(chan error)
	b := newMesh(t, "b", handler{request: func(ctx context.Context, _ Peer, _ string, _ []byte) ([]byte, error) {
		_, bounded := ctx.Deadline()
		started <- bounded
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}})
	a := newMesh(t, "a", handler{})

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	failed := make(chan error)
	go func() {
		_, err := a.Request(ctx, b.peer(), "wait", nil)
		failed <- err
	}()
	if receive(t, "the request", started) {
		t.Error("a request without a deadline got one")
	}
	cancel()
	if err := receive(t, "the asker's error", failed); !errors.Is(err, context.Canceled) {
		t.Errorf("the asker got %v", err)
	}
	if err := receive(t, "the handler's end", ended); !errors.Is(err, context.Canceled) {
		t.Errorf("the handler's context ended with %v", err)
	}

	// A deadline goes along with the request.
	timed, cancelTimed := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancelTimed()
	go func() {
		_, err := a.Request(timed, b.peer(), "wait", nil)
		failed <- err
	}()
	if !receive(t, "the second request", started) {
		t.Error("the deadline was not told")
	}
	if err := receive(t, "the handler's end", ended); err == nil {
		t.Error("the handler's context did not end")
	}
	err := receive(t, "the asker's error", failed)
	if remote, ok := errors.AsType[*RemoteError](err); !errors.Is(err, context.DeadlineExceeded) && (!ok || remote.Code != CodeTimeout) {
		t.Errorf("the asker got %v", err)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	b := newMesh(t, "b", handler{request: func(_ context.Context, _ Peer, kind string, body []byte) ([]byte, error) {
		if kind == "more" {
			return make([]byte, MaxBody+1), nil
		}
		return body, nil
	}})
	a := newMesh(t, "a", handler{})
	if answer, err := a.Request(within(t), b.peer(), "echo", make([]byte, MaxBody)); err != nil || len(answer) != MaxBody {
		t.Errorf("the largest body: %d bytes, %v", len(answer), err)
	}
	if _, err := a.Request(within(t), b.peer(), "echo", make([]byte, MaxBody+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a larger body: %v", err)
	}
	_, err := a.Request(within(t), b.peer(), "more", nil)
	if remote, ok := errors.AsType[*RemoteError](err); !ok || remote.Code != CodeInternal {
		t.Errorf("a larger answer: %v", err)
	}
	for _, kind := range []string{"", strings.Repeat("k", MaxKind+1)} {
		if _, err := a.Request(within(t), b.peer(), kind, nil); err == nil {
			t.Errorf("a kind of %d bytes was sent", len(kind))
		}
	}
}

// TestManyRequestsAtATime asks more at once than may be under way.
func TestManyRequestsAtATime(t *testing.T) {
	b := newMesh(t, "b", handler{})
	a := newMesh(t, "a", handler{})
	ctx := within(t)
	var asking sync.WaitGroup
	for i := range 3 * maxServed {
		asking.Go(func() {
			if answer, err := a.Request(ctx, b.peer(), "echo", number(i)); err != nil || !bytes.Equal(answer, number(i)) {
				t.Errorf("request %d: %q, %v", i, answer, err)
			}
		})
	}
	asking.Wait()
}

// TestBothDialAtOnce lets two nodes that do not know each other ask at the same moment, again and again: every request is answered, and
// streams opened meanwhile stay.
func TestBothDialAtOnce(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	twice := 0
	for range rounds {
		h := handler{stream: func(_ context.Context, s *Stream) {
			for {
				b, err := s.ReadFrame()
				if err != nil || s.WriteFrame(b) != nil {
					return
				}
			}
		}}
		a, b := newMesh(t, "a", h), newMesh(t, "b", h)
		ctx := within(t)
		start := make(chan struct{})
		var talking sync.WaitGroup
		for i := range 8 {
			from, to := a, b
			if i%2 == 1 {
				from, to = b, a
			}
			talking.Go(func() {
				<-start
				if answer, err := from.Request(ctx, to.peer(), "echo", number(i)); err != nil || !bytes.Equal(answer, number(i)) {
					t.Errorf("request %d: %q, %v", i, answer, err)
				}
			})
			talking.Go(func() {
				<-start
				s, err := from.Open(ctx, to.peer(), "echo")
				if err != nil {
					t.Errorf("stream %d: %v", i, err)
					return
				}
				defer func() { _ = s.Close() }()
				for n := range 20 {
					if err := s.WriteFrame(number(n)); err != nil {
						t.Errorf("stream %d: %v", i, err)
						return
					}
					if frame, err := s.ReadFrame(); err != nil || !bytes.Equal(frame, number(n)) {
						t.Errorf("stream %d: %q, %v", i, frame, err)
						return
					}
				}
			})
		}
		close(start)
		talking.Wait()
		if len(a.Status()) == 2 {
			twice++
		}
		_ = a.Close()
		_ = b.Close()
	}
	t.Logf("in %d of %d rounds both had dialled", twice, rounds)
}
