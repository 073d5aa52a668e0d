package blackbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubbub/signaling/client"
)

// patience is how long a test waits for what must happen soon, on a machine that is busy with other tests.
const patience = 15 * time.Second

// person is someone at the other end of a connection, with all that the server told them.
type person struct {
	*client.Client
	t      *testing.T
	server *server
	told   *recorder
	hello  client.ConnectResult
	joined client.JoinResult
	media  *client.Media
	heard  *ear
	voice  *voice
}

// visitor dials without connecting.
func (s *server) visitor(t *testing.T, o client.Options) *person {
	t.Helper()
	p, err := s.dial(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *server) dial(t *testing.T, o client.Options) (*person, error) {
	t.Helper()
	p := &person{t: t, server: s, told: newRecorder()}
	also := o.OnNotification
	o.OnNotification = func(n client.Notification) {
		p.told.add(n)
		if also != nil {
			also(n)
		}
	}
	c, err := client.Dial(within(t, patience), s.signal, o)
	if err != nil {
		return nil, err
	}
	p.Client = c
	t.Cleanup(c.Abort)
	return p, nil
}

// connect dials and connects.
func (s *server) connect(t *testing.T, params client.ConnectParams) *person {
	t.Helper()
	p := s.visitor(t, client.Options{})
	p.mustConnect(params)
	return p
}

func (s *server) guest(t *testing.T, name string) *person {
	t.Helper()
	return s.connect(t, client.ConnectParams{Name: name})
}

func (p *person) mustConnect(params client.ConnectParams) {
	p.t.Helper()
	hello, err := p.Connect(within(p.t, patience), params)
	if err != nil {
		p.t.Fatalf("connect: %v", err)
	}
	p.hello = hello
}

// in joins a room with text alone.
func (p *person) in(room string) *person {
	p.t.Helper()
	p.mustJoin(client.JoinParams{Room: room})
	return p
}

func (p *person) mustJoin(params client.JoinParams) {
	p.t.Helper()
	joined, err := p.Join(within(p.t, patience), params)
	if err != nil {
		p.t.Fatalf("%s joins %s: %v", p.hello.User.Name, params.Room, err)
	}
	p.joined = joined
}

// id is the person's participant id.
func (p *person) id() string { return p.joined.Participant.ID }

func (p *person) mustChat(text string) client.ChatReceipt {
	p.t.Helper()
	r, err := p.Chat(within(p.t, patience), text, "")
	if err != nil {
		p.t.Fatalf("%s writes: %v", p.hello.User.Name, err)
	}
	return r
}

func (p *person) mustUpdate(ch client.Change) client.Participant {
	p.t.Helper()
	r, err := p.Update(within(p.t, patience), ch)
	if err != nil {
		p.t.Fatalf("%s updates: %v", p.hello.User.Name, err)
	}
	return r
}

func (p *person) mustModerate(o client.Order) {
	p.t.Helper()
	if err := p.Moderate(within(p.t, patience), o); err != nil {
		p.t.Fatalf("%s moderates (%s): %v", p.hello.User.Name, o.Action, err)
	}
}

// wantClosed waits until the server has closed the connection with code.
func (p *person) wantClosed(code int) {
	p.t.Helper()
	select {
	case <-p.Done():
	case <-time.After(patience):
		p.t.Fatalf("the connection of %s is still open, want it closed with %d", p.hello.User.Name, code)
	}
	if got := client.CloseCode(p.Err()); got != code {
		p.t.Fatalf("the connection of %s ended with %v, want close code %d", p.hello.User.Name, p.Err(), code)
	}
	if e, ok := errors.AsType[*client.CloseError](p.Err()); ok && e.Reason == "" {
		p.t.Errorf("the close frame %d came without a reason text", code)
	}
}

// wantOpen proves that the connection still serves.
func (p *person) wantOpen() {
	p.t.Helper()
	if _, err := p.Ping(within(p.t, patience)); err != nil {
		p.t.Fatalf("the connection of %s does not serve any more: %v", p.hello.User.Name, err)
	}
}

// fence returns when everything that the room did before has reached all these people: a message of a new
// participant of the room arrives after it.
func (s *server) fence(t *testing.T, room string, people ...*person) {
	t.Helper()
	who := client.ConnectParams{Name: "Fence"}
	if s == tokens {
		who = client.ConnectParams{Token: mint(t, unique("fence"), speaker(nil))}
	}
	f := s.connect(t, who).in(room)
	text := unique("fence")
	f.mustChat(text)
	for _, p := range people {
		await(p, "chat", func(m client.Message) bool { return m.Text == text })
	}
	if err := f.Leave(); err != nil {
		t.Fatal(err)
	}
}

// await returns the first notification of this method that matches, from the beginning of the connection on.
func await[E any](p *person, method string, match func(E) bool) E {
	p.t.Helper()
	timeout := time.After(patience)
	for seen := 0; ; {
		all, changed := p.told.from(seen)
		for _, n := range all {
			seen++
			if n.Method != method {
				continue
			}
			if e := decode[E](p.t, n); match(e) {
				return e
			}
		}
		select {
		case <-changed:
		case <-timeout:
			p.t.Fatalf("%s was not told the %s that is wanted; told: %s", p.hello.User.Name, method, p.told)
		}
	}
}

// allTold returns all notifications of this method so far.
func allTold[E any](p *person, method string) []E {
	p.t.Helper()
	var out []E
	all, _ := p.told.from(0)
	for _, n := range all {
		if n.Method == method {
			out = append(out, decode[E](p.t, n))
		}
	}
	return out
}

func decode[E any](t *testing.T, n client.Notification) E {
	t.Helper()
	var e E
	if err := n.Decode(&e); err != nil {
		t.Fatal(err)
	}
	return e
}

// recorder keeps the notifications of a connection.
type recorder struct {
	mu      sync.Mutex
	all     []client.Notification
	changed chan struct{} // closed and replaced at each one
}

func newRecorder() *recorder { return &recorder{changed: make(chan struct{})} }

func (r *recorder) add(n client.Notification) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, n)
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recorder) from(i int) ([]client.Notification, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[i:len(r.all):len(r.all)], r.changed
}

func (r *recorder) String() string {
	all, _ := r.from(0)
	var b strings.Builder
	for _, n := range all[max(0, len(all)-20):] {
		fmt.Fprintf(&b, "\n  %s %.300s", n.Method, n.Params)
	}
	return b.String()
}

// reasons are the stable reasons of the protocol's table of errors.
var reasons = map[int]string{
	400: "invalid", 401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict", 413: "too_large",
	429: "rate_limited", 480: "offline", 486: "busy", 503: "unavailable", 507: "room_full",
}

// wantError checks an answer's code, its reason, and that there is a message for people.
func wantError(t *testing.T, err error, code int) {
	t.Helper()
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		t.Errorf("the answer is %v, want error %d", err, code)
		return
	}
	if e.Code != code || e.Reason != reasons[code] {
		t.Errorf("the answer is error %d %q (%s), want %d %q", e.Code, e.Reason, e.Message, code, reasons[code])
	}
	if e.Message == "" {
		t.Errorf("error %d came without a message", e.Code)
	}
}

// eventually polls until cond holds.
func eventually(t *testing.T, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

var serial atomic.Int64

// unique makes a room name or text that no other test has.
func unique(prefix string) string { return fmt.Sprintf("%s-%d", prefix, serial.Add(1)) }
