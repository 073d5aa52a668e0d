package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"hubbub/signaling/client"
)

// run is a plan under way.
type run struct {
	plan   Plan
	url    string
	name   string // of the rooms, unlike those of any other run
	engine *client.Engine
	begin  time.Time

	mu     sync.Mutex
	there  []*participant
	failed []error
	phase  atomic.Pointer[string]
}

func (r *run) clock() time.Duration { return time.Since(r.begin) }

// arriving bounds how many join at the same moment: more would measure the queue
// inside this process.
const arriving = 16

// Run puts the load on the server and reports what the participants got. It
// returns an error when nobody could join, or when ctx ends first.
func Run(ctx context.Context, plan Plan) (*Report, error) {
	if err := plan.check(); err != nil {
		return nil, err
	}
	address, err := signalURL(plan.URL)
	if err != nil {
		return nil, err
	}
	engine, err := engineFor()
	if err != nil {
		return nil, err
	}
	r := &run{plan: plan, url: address, name: "load-" + strings.ToLower(rand.Text()[:8]), engine: engine, begin: time.Now()}
	r.enterPhase("ramp-up")
	progress := r.tellProgress()
	defer progress()

	talking, hush := context.WithCancel(ctx)
	defer hush()
	var speakers errgroup.Group
	r.rampUp(ctx, func(p *participant) {
		speakers.Go(func() error { return p.talk(talking, r.clock, plan.PayloadBytes) })
	})
	if len(r.there) > 0 && ctx.Err() == nil {
		r.measure(ctx)
	}
	hush()
	spoken := speakers.Wait()
	left := r.dismiss()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("run the load: %w", err)
	}
	if len(r.there) == 0 {
		return nil, fmt.Errorf("nobody could join: %w", errors.Join(r.failed[:min(3, len(r.failed))]...))
	}
	report := r.report()
	return report, errors.Join(spoken, left)
}

// rampUp lets everyone join, evenly over the plan's time. speak is called for
// those who are to speak, when they are there.
func (r *run) rampUp(ctx context.Context, speak func(*participant)) {
	total := r.plan.Rooms * r.plan.Participants
	var joining errgroup.Group
	joining.SetLimit(arriving)
	for number := range total {
		due := time.Duration(int64(r.plan.RampUp) * int64(number) / int64(total))
		select {
		case <-time.After(due - r.clock()):
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		joining.Go(func() error {
			speaks := r.speaks(number)
			p, err := r.arrive(ctx, number, speaks)
			r.mu.Lock()
			defer r.mu.Unlock()
			if err != nil {
				r.failed = append(r.failed, err)
				return nil
			}
			r.there = append(r.there, p)
			if speaks {
				speak(p)
			}
			return nil
		})
	}
	_ = joining.Wait() // failures are in r.failed
}

// speaks tells whether a participant is one of its room's speakers.
func (r *run) speaks(number int) bool { return number%r.plan.Participants < r.plan.Speakers }

// measure lets the load stand for the plan's duration.
func (r *run) measure(ctx context.Context) {
	r.enterPhase("talking")
	for _, p := range r.there {
		p.ear.count()
	}
	select {
	case <-time.After(r.plan.Duration):
	case <-ctx.Done():
	}
	for _, p := range r.there {
		p.ear.stop()
	}
}

// dismiss lets everyone leave.
func (r *run) dismiss() error {
	var leaving errgroup.Group
	leaving.SetLimit(arriving)
	for _, p := range r.there {
		leaving.Go(p.leave)
	}
	return leaving.Wait()
}

func (r *run) enterPhase(name string) { r.phase.Store(&name) }

// tellProgress calls the plan's Progress once a second until the returned
// function is called, which waits for it.
func (r *run) tellProgress() (stop func()) {
	if r.plan.Progress == nil {
		return func() {}
	}
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				r.plan.Progress(r.progress())
			case <-quit:
				return
			}
		}
	})
	return func() { close(quit); done.Wait() }
}

func (r *run) progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Progress{Elapsed: r.clock(), Phase: *r.phase.Load(), Participants: len(r.there), Failed: len(r.failed)}
	for _, there := range r.there {
		there.ear.mu.Lock()
		p.Received += there.ear.total.received
		there.ear.mu.Unlock()
	}
	return p
}

// signalURL makes the WebSocket's address of that of the page.
func signalURL(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("the server's address: %w", err)
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return "", fmt.Errorf("the server's address %q does not begin with http:// or https://", address)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/signal"
	}
	return u.String(), nil
}
