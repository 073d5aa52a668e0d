package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds the waiting for the binary, generously: the race detector on a busy machine is slow.
const patience = 30 * time.Second

// binary is the path of the command under test, built once by TestMain.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "hubbub")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // the system cleans up what is left
		binary = filepath.Join(dir, "hubbub")
		build := exec.Command("go", append([]string{"build", "-o", binary}, raceFlag()...)...)
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build the binary:", err)
			return 1
		}
		return m.Run()
	}())
}

// raceFlag is -race if this test has been built with it.
func raceFlag() []string {
	info, _ := debug.ReadBuildInfo()
	if info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return []string{"-race"}
	}
	return nil
}

// command is the binary with these arguments, and an environment that has no settings but env's.
func command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "HUBBUB_") })
	cmd.Env = append(cmd.Env, "GORACE=atexit_sleep_ms=0") // else a binary with -race ends a second late
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// result is what came of a command that ended.
type result struct {
	code           int
	stdout, stderr string
}

// runBinary runs a command that ends by itself.
func runBinary(t *testing.T, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(ctx, env, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%q did not end, stdout %q, stderr %q", args, &stdout, &stderr)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// server is a running `hubbub serve`.
type server struct {
	*testing.T
	cmd        *exec.Cmd
	url, admin string        // without a slash at the end
	ended      chan struct{} // closed when the process has ended and its output was read

	mu             sync.Mutex
	stdout, stderr bytes.Buffer
}

var (
	readyLine    = regexp.MustCompile(`(http://\S+)`)
	adminAddress = regexp.MustCompile(`"admin":"([^"]+)"`)
)

// startServer starts `hubbub serve` on free ports, with further arguments, and waits until it is ready.
func startServer(t *testing.T, env []string, args ...string) *server {
	t.Helper()
	args = append([]string{"serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--media-port=0"}, args...)
	s := &server{T: t, cmd: command(context.Background(), env, args...), ended: make(chan struct{})}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, admin := make(chan string, 1), make(chan string, 1)
	var reading sync.WaitGroup
	reading.Go(func() { s.read(stdout, &s.stdout, readyLine, ready) })
	reading.Go(func() { s.read(stderr, &s.stderr, adminAddress, admin) })
	go func() {
		reading.Wait()
		_ = s.cmd.Wait() // the exit code is in ProcessState
		close(s.ended)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
		if t.Failed() {
			t.Logf("stderr of the server:\n%s", &s.stderr)
		}
	})
	s.url = strings.TrimSuffix(s.await(ready), "/")
	s.admin = "http://" + s.await(admin)
	return s
}

// await waits for something that the server is to print.
func (s *server) await(printed <-chan string) string {
	s.Helper()
	select {
	case match := <-printed:
		return match
	case <-s.ended:
		s.Fatalf("ended at once with %d", s.cmd.ProcessState.ExitCode())
	case <-time.After(patience):
		s.Fatal("not ready")
	}
	return ""
}

// read collects the lines of a pipe. Of the first one that matches it sends the first group.
func (s *server) read(from io.Reader, to *bytes.Buffer, pattern *regexp.Regexp, matched chan<- string) {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		s.mu.Lock()
		to.WriteString(lines.Text() + "\n")
		s.mu.Unlock()
		if match := pattern.FindStringSubmatch(lines.Text()); match != nil && matched != nil {
			matched <- match[1]
			matched = nil
		}
	}
}

func (s *server) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stderr.String()
}

// signal sends a signal and returns how the server ended, and after how long.
func (s *server) signal(sig syscall.Signal) (code int, took time.Duration) {
	s.Helper()
	began := time.Now()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.Fatal(err)
	}
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.Fatal("did not end")
	}
	return s.cmd.ProcessState.ExitCode(), time.Since(began)
}
