//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"hubbub/signaling/load/crowd"
)

const (
	// warmUp is how many join and leave before joining is measured: the first ones pay for what a server does once.
	warmUp = 5
	// joinEvery is the pace of the joins that are measured: the machine has nothing else to do, so each is by itself.
	joinEvery = 40 * time.Millisecond
	// calming lets what joining has left behind be cleared away.
	calming = 5 * time.Second
	// afterJoins is when the last join is over for the server as well.
	afterJoins = 300 * time.Millisecond
)

// measureJoins measures what joining costs the server, and how long it takes, one after another.
func measureJoins(ctx context.Context, b *bench, name string, s *scenario, _ uint64) (f figures, err error) {
	err = b.attend(ctx, name, s.plan, func(subject *subject, c *crowd.Crowd) error {
		if err := warm(ctx, subject); err != nil {
			return err
		}
		before, err := subject.clocks()
		if err != nil {
			return err
		}
		begin := time.Now()
		joins, err := subject.enter(ctx, c, 1, joinEvery)
		if err != nil {
			return err
		}
		if err := wait(ctx, afterJoins); err != nil {
			return err
		}
		after, err := subject.clocks()
		if err != nil {
			return err
		}
		others := after.others - before.others - (after.server - before.server) - (after.load - before.load)
		slices.SortFunc(joins, func(a, b crowd.Join) int { return cmp.Compare(a.Connected, b.Connected) })
		f = figures{
			cpuPerJoin:  milliseconds(after.server-before.server) / float64(len(joins)),
			joinP50:     milliseconds(joins[len(joins)/2].Connected),
			othersShare: 100 * max(0, others.Seconds()) / time.Since(begin).Seconds(),
		}
		return nil
	})
	return f, err
}

// warm lets a few people join and leave.
func warm(ctx context.Context, s *subject) error {
	c, err := crowd.Open(crowd.Plan{Rooms: 1, People: warmUp, Microphones: warmUp, Slots: slots})
	if err != nil {
		return err
	}
	if _, err := s.enter(ctx, c, 1, 0); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	return c.Close()
}

// measureIdle measures what people cost who are there, with a microphone, and silent.
func measureIdle(ctx context.Context, b *bench, name string, s *scenario, _ uint64) (f figures, err error) {
	err = b.attend(ctx, name, s.plan, func(subject *subject, c *crowd.Crowd) error {
		if err := warm(ctx, subject); err != nil {
			return err
		}
		memoryBefore, goroutinesBefore, err := subject.size(ctx)
		if err != nil {
			return err
		}
		if _, err := subject.enter(ctx, c, joiningAtOnce, 0); err != nil {
			return err
		}
		if err := wait(ctx, calming); err != nil {
			return err
		}
		cost, err := b.spend(ctx, subject)
		if err != nil {
			return err
		}
		memory, goroutines, err := subject.size(ctx)
		if err != nil {
			return err
		}
		people := float64(s.plan.Rooms * s.plan.People)
		f = figures{
			memoryEach:     (memory - memoryBefore) / people,
			goroutinesEach: (goroutines - goroutinesBefore) / people,
			idleEach:       float64(cost.server.Microseconds()) / cost.elapsed.Seconds() / people,
			othersShare:    100 * cost.others.Seconds() / cost.elapsed.Seconds(),
		}
		return nil
	})
	return f, err
}

// size is the memory in KiB and the number of goroutines.
func (s *subject) size(ctx context.Context) (memory, goroutines float64, err error) {
	families, err := s.metrics(ctx)
	if err != nil {
		return 0, 0, err
	}
	for _, m := range families["go_goroutines"].GetMetric() {
		goroutines = m.GetGauge().GetValue()
	}
	memory, err = residentMemory(s.cmd.Process.Pid)
	return memory, goroutines, err
}
