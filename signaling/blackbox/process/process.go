// Package process builds the server's real binary and runs it, for tests that see the server from outside, alone or as one
// node of several.
//
//	path, err := process.Build(ctx, dir, "-race")
//	p, err := process.Start(process.Config{Command: []string{path, "serve", "--listen=127.0.0.1:8080"}})
//	url, err := p.Ready(30 * time.Second)
//	err = p.Stop()
//
// It knows nothing of the server but its ready line, its signals and what it must never log.
package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// stopPatience is for a server that has nobody left: it promises 5 s, and the race detector on a busy machine is slow.
const stopPatience = 20 * time.Second

// Build builds the command with these flags of `go build` into dir, and returns its path. A binary that HUBBUB_BLACKBOX_BINARY
// names, as one that was released, is taken instead.
func Build(ctx context.Context, dir string, flags ...string) (string, error) {
	if given := os.Getenv("HUBBUB_BLACKBOX_BINARY"); given != "" {
		return given, nil
	}
	path := filepath.Join(dir, "hubbub"+strings.Join(flags, ""))
	args := append([]string{"build", "-o", path}, flags...)
	build := exec.CommandContext(ctx, "go", append(args, "hubbub/cmd/hubbub")...) //nolint:gosec // the flags are the tests' own
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, out)
	}
	return path, nil
}

// Config says what to run.
type Config struct {
	Command []string // the path and its arguments
	Env     []string // beside the environment of this process
}

// Process is a running server. Its methods are safe for concurrent use.
type Process struct {
	cmd   *exec.Cmd
	log   log
	ready chan string // the address of the ready line
	ended chan struct{}
	err   error // how it ended; set before ended is closed
}

// Start starts a server without waiting until it is ready. The caller ends it by Stop or Kill.
func Start(cfg Config) (*Process, error) {
	// The process outlives whatever context the test that starts it may have: Stop asks it to end in its own way.
	cmd := exec.Command(cfg.Command[0], cfg.Command[1:]...) //nolint:gosec,noctx // as above; the command is the tests' own
	p := &Process{cmd: cmd, ready: make(chan string, 1), ended: make(chan struct{})}
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // else a binary with -race ends a second late
	cmd.Env = append(cmd.Env, cfg.Env...)
	cmd.Stderr = &p.log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	go p.watch(stdout)
	return p, nil
}

var address = regexp.MustCompile(`http://\S+`)

// watch lives as long as the process.
func (p *Process) watch(stdout io.Reader) {
	defer close(p.ended)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if url := address.FindString(lines.Text()); url != "" {
			select {
			case p.ready <- strings.TrimSuffix(url, "/"):
			default:
			}
		}
	}
	p.err = p.cmd.Wait()
}

// Ready waits for the line that says where the server can be reached, and returns that address, without a slash at the end. It
// may be called once.
func (p *Process) Ready(patience time.Duration) (url string, err error) {
	select {
	case url := <-p.ready:
		return url, nil
	case <-p.ended:
		return "", fmt.Errorf("the server ended before it was ready: %w\n%s", errors.Join(errors.New("exited"), p.err), p.Log())
	case <-time.After(patience):
		return "", fmt.Errorf("the server said nothing of being ready in %s\n%s", patience, p.Log())
	}
}

// Signal sends a signal. A process that has ended already is no error.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("sending %s to the server: %w", s, err)
	}
	return nil
}

// Kill ends the process as a crash of its machine would, and waits until it is gone.
func (p *Process) Kill() error {
	err := p.Signal(syscall.SIGKILL)
	if err == nil {
		<-p.ended
	}
	return err
}

// Ended is closed when the process has ended, whoever ended it.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Wait waits until the process has ended by itself or by a signal sent before, and returns nil when its exit code is 0.
func (p *Process) Wait(patience time.Duration) error {
	select {
	case <-p.ended:
	case <-time.After(patience):
		return fmt.Errorf("the server has not ended within %s\n%s", patience, p.Log())
	}
	if p.err != nil {
		return fmt.Errorf("the server ended with: %w\n%s", p.err, p.Log())
	}
	return nil
}

// Stop asks the process to end, kills it if it does not, and tells what it did wrong while it lived.
func (p *Process) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := p.Wait(stopPatience); err != nil {
		return errors.Join(err, p.Kill())
	}
	return p.Misbehaved()
}

// Misbehaved tells whether the process has logged what no server may ever log: a data race, a panic.
func (p *Process) Misbehaved() error {
	for _, never := range []string{"DATA RACE", "panic", "fatal error"} {
		if text := p.Log(); strings.Contains(text, never) {
			return fmt.Errorf("the server logged %q:\n%s", never, text)
		}
	}
	return nil
}

// Log is what the process has written to standard error so far.
func (p *Process) Log() string { return p.log.String() }
