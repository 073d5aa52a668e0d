// Package redistest runs real Redis servers for tests, on free ports of the loopback address and with nothing kept on disk:
// a single one, a Redis Cluster, a pair of master and replica behind Sentinel. They end with the test, also with one that is killed.
package redistest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds the waiting for servers. It is long, for busy machines: who waits so long sees a failure anyway.
const patience = 30 * time.Second

// Server is one redis-server. Its methods are for the goroutine of the test.
type Server struct {
	Port int // on 127.0.0.1

	t       testing.TB
	options []string // of the command line, less the port
	portKey string
	run     *run
}

// run is one process.
type run struct {
	cmd   *exec.Cmd
	stdin io.Closer
	log   *log
}

// Start runs a server with further options as on redis-server's command line ("--maxmemory", "1mb").
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	return start(t, "--port", append([]string{"--save", "", "--appendonly", "no"}, options...))
}

func start(t testing.TB, portKey string, options []string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatalf("the test needs redis-server (make test-deps installs it): %v", err)
	}
	s := &Server{t: t, portKey: portKey, options: append(options, "--bind", "127.0.0.1", "--dir", t.TempDir())}
	for range 10 { // somebody may take the port before the server does
		s.Port = freePort(t)
		if s.launch() {
			t.Cleanup(s.Kill)
			return s
		}
	}
	t.Fatal("no free port for redis-server")
	return nil
}

// URL is that of the server, without TLS.
func (s *Server) URL() string { return "redis://" + s.Address() }

// Address is host and port.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// Kill ends the server at once, as SIGKILL does, and waits for its end.
func (s *Server) Kill() {
	if s.run != nil {
		s.run.end()
		s.run = nil
	}
}

// Restart runs a server on the same port after Kill. It knows nothing of what the former one had.
func (s *Server) Restart() {
	s.t.Helper()
	if !s.launch() {
		s.t.Fatal("the port of redis-server was taken meanwhile")
	}
}

// Pause has the server answer nobody, while it still takes connections, until Resume.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(number syscall.Signal) {
	s.t.Helper()
	first := regexp.MustCompile(`pid=(\d+)`).FindStringSubmatch(s.run.log.String())
	pid, err := strconv.Atoi(first[1])
	if err != nil {
		s.t.Fatal(err)
	}
	if err := syscall.Kill(pid, number); err != nil {
		s.t.Fatalf("signal to redis-server: %v", err)
	}
}

// launch reports false when the port is taken.
func (s *Server) launch() bool {
	s.t.Helper()
	// The shell ends the server when its own input ends: by Kill, or because the test is no more.
	const script = `redis-server "$@" & cat >/dev/null; kill -9 $!; wait`
	arguments := append([]string{"-c", script, "sh"}, s.options...)
	cmd := exec.Command("sh", append(arguments, s.portKey, strconv.Itoa(s.Port))...) //nolint:gosec,noctx // ends with its input
	stdin, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	started := &run{cmd: cmd, stdin: stdin, log: new(log)}
	cmd.Stdout, cmd.Stderr = started.log, started.log
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("starting redis-server: %v", err)
	}
	taken := false
	wait(s.t, "redis-server to start", func() error {
		said := started.log.String()
		taken = strings.Contains(said, "Failed listening on port") || strings.Contains(said, "listening socket")
		ready := strings.Contains(said, "Ready to accept connections") || strings.Contains(said, "Sentinel ID is")
		if !taken && !ready {
			return fmt.Errorf("it said: %s", said)
		}
		return nil
	})
	if taken {
		started.end()
		return false
	}
	s.run = started
	return true
}

func (r *run) end() {
	_ = r.stdin.Close()
	_ = r.cmd.Wait() // it is killed, which is an error
}

// log is what a server says.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// ports are those that tests of this process have been given: the port of a server that is to be restarted is not another's meanwhile.
var ports sync.Map

// freePort finds one below those that the system gives to outgoing connections: a port that is left for
// a while, between Kill and Restart, is not taken by a connection.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 20_000 + rand.IntN(12_000)
		if _, given := ports.LoadOrStore(port, true); given {
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // at once
		if err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// wait tries until there is no error.
func wait(t testing.TB, what string, try func() error) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s: %v", what, err)
		}
		<-ticker.C
	}
}
