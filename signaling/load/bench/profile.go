//go:build linux

package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"hubbub/signaling/load/crowd"
)

// profileCommand says where the CPU goes.
type profileCommand struct {
	Server    string        `default:"bin/bench/hubbub" help:"The server's binary."`
	Transport string        `default:"lean" enum:"lean,pion" help:"The server's transport."`
	Scenario  string        `default:"1000x3" help:"What to profile, by name. A server with little to do runs for less than the kernel's tick at a time, and the samples miss most of it."`
	Duration  time.Duration `default:"20s" help:"How long."`
	Output    string        `default:"bin/bench/profile.pprof" help:"Where to leave the profile, for go tool pprof."`
	Document  string        `placeholder:"FILE" help:"Put the table into this Markdown file, between the lines that mark it."`
}

// Run profiles the server under load and prints the groups.
func (c *profileCommand) Run(ctx context.Context) error {
	chosen, err := choose([]string{c.Scenario})
	if err != nil {
		return err
	}
	bench, err := newBench(c.Server, c.Duration)
	if err != nil {
		return err
	}
	plan := chosen[0].plan
	var packets uint64
	err = bench.attend(ctx, c.Transport, plan, func(subject *subject, c2 *crowd.Crowd) error {
		if _, err := subject.enter(ctx, c2, joiningAtOnce, 0); err != nil {
			return err
		}
		c2.Talk()
		if err := wait(ctx, settling); err != nil {
			return err
		}
		c2.Count()
		err := c.fetch(ctx, subject)
		packets = c2.Heard().Packets
		return err
	})
	if err != nil {
		return err
	}
	traces, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-traces", c.Output).Output() //nolint:gosec // a path that the user gave
	if err != nil {
		return fmt.Errorf("read the profile: %w", err)
	}
	text := groupTraces(string(traces)).table(packets)
	fmt.Println(text)
	if c.Document == "" {
		return nil
	}
	return document(c.Document, "profile", text)
}

func (c *profileCommand) fetch(ctx context.Context, s *subject) (err error) {
	body, err := s.get(ctx, fmt.Sprintf("/debug/pprof/profile?seconds=%d", int(c.Duration.Seconds())))
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // read to the end
	file, err := os.Create(c.Output)
	if err != nil {
		return fmt.Errorf("keep the profile: %w", err)
	}
	_, err = io.Copy(file, body)
	return errors.Join(err, file.Close())
}

// groups of what CPU is spent on, and how a stack is known to be of one. The first that fits counts; what is nearer to the leaf is not
// preferred, so that the kernel's work for sending is sending wherever it is called from.
var groups = []struct {
	name string
	of   func(stack []string) bool
}{
	{"kernel, sending", func(stack []string) bool { return systemCall(stack) == "send" }},
	{"kernel, receiving", func(stack []string) bool { return systemCall(stack) == "receive" }},
	{"SRTP and AES-GCM", anyOf("crypto/", "pion/srtp")},
	{"Go's scheduler, poller, sysmon and timers", func(stack []string) bool {
		return matches(stack, "runtime.mcall", "runtime.schedule", "runtime.findRunnable", "runtime.sysmon", "runtime.mstart", "runtime.netpoll",
			"runtime.futex", "runtime.ready", "runtime.gopark", "runtime.goready", "runtime.exitsyscall", "runtime.entersyscall", "runtime.reentersyscall",
			"runtime.chan", "runtime.selectgo", "runtime.send", "runtime.recv", "runtime.lock", "runtime.unlock", "internal/runtime/syscall", "runtime.usleep") &&
			!matches(stack, "runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.mallocgc")
	}},
	{"memory: allocation and collection", anyOf("runtime.gc", "runtime.malloc", "runtime.bgsweep", "runtime.bgscavenge", "runtime.newobject", "runtime.growslice")},
	{"pion beside SRTP", func(stack []string) bool { return nearest(stack, "github.com/pion/", "hubbub/") == "github.com/pion/" }},
	{"ours", func(stack []string) bool { return nearest(stack, "github.com/pion/", "hubbub/") == "hubbub/" }},
}

// anyOf matches stacks in which some function has one of these names in its own.
func anyOf(names ...string) func([]string) bool {
	return func(stack []string) bool { return matches(stack, names...) }
}

// nearest is which of these names is in the function nearest to the leaf that has one: pion's goroutines call us, and we call pion.
func nearest(stack []string, names ...string) string {
	for _, function := range stack {
		for _, name := range names {
			if strings.Contains(function, name) {
				return name
			}
		}
	}
	return ""
}

// systemCall is what a stack that ends in a system call of a program's, not of the runtime's, does: by the nearest function whose name tells.
func systemCall(stack []string) string {
	if len(stack) < 2 || !strings.Contains(stack[0], "yscall6") {
		return ""
	}
	for _, function := range stack[1:] {
		switch {
		case strings.HasPrefix(function, "runtime."), strings.Contains(function, "runtime/syscall.Epoll"):
			return ""
		case matches([]string{function}, "send", "Send", "write", "Write"):
			return "send"
		case matches([]string{function}, "recv", "receive", "Receive", "read", "Read"):
			return "receive"
		}
	}
	return ""
}

func matches(stack []string, names ...string) bool {
	for _, function := range stack {
		for _, name := range names {
			if strings.Contains(function, name) {
				return true
			}
		}
	}
	return false
}

// spent is CPU by group.
type spent map[string]time.Duration

// groupTraces reads what `go tool pprof -traces` prints: blocks between dashed lines, the first line with the time and the leaf, its callers below.
func groupTraces(text string) spent {
	s := make(spent)
	var stack []string
	var value time.Duration
	finish := func() {
		if len(stack) > 0 {
			s[groupOf(stack)] += value
		}
		stack, value = nil, 0
	}
	begun := false
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "-----") {
			finish()
			begun = true
			continue
		}
		fields := strings.Fields(line)
		if !begun || len(fields) == 0 {
			continue
		}
		if d, err := time.ParseDuration(fields[0]); err == nil && len(fields) > 1 {
			value = d
			fields = fields[1:]
		}
		stack = append(stack, fields[0])
	}
	finish()
	return s
}

func groupOf(stack []string) string {
	for _, g := range groups {
		if g.of(stack) {
			return g.name
		}
	}
	return "other"
}

// table is the groups, the largest first, also as µs for each of the packets.
func (s spent) table(packets uint64) string {
	var total time.Duration
	names := make([]string, 0, len(s))
	for name, d := range s {
		total += d
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(s[b], s[a]) })
	t := &table{head: []string{"", "% of CPU", "µs for each packet"}}
	row := func(name string, d time.Duration) {
		t.row(name, fmt.Sprintf("%.0f", 100*d.Seconds()/total.Seconds()), fmt.Sprintf("%.2f", d.Seconds()*1e6/float64(max(packets, 1))))
	}
	for _, name := range names {
		row(name, s[name])
	}
	row("all", total)
	return t.String()
}
