//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"hubbub/signaling/load/crowd"
)

// floorName is the subject that is not the server.
const floorName = "floor"

// How long a subject gets to start, and to end.
const (
	startTimeout = 15 * time.Second
	stopTimeout  = 15 * time.Second
)

// bench is what all measurements have in common.
type bench struct {
	cores    cores
	server   string // its binary
	self     string // of the floor
	duration time.Duration
}

func newBench(server string, duration time.Duration) (*bench, error) {
	c, err := splitCores()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the floor: %w", err)
	}
	return &bench{cores: c, server: server, self: self, duration: duration}, nil
}

// subject is a running process that is measured.
type subject struct {
	name   string
	cmd    *exec.Cmd
	input  io.WriteCloser // of the floor, which lives as long as this is open
	exited chan error

	address string // of the server's HTTP, or of the floor's socket
	admin   string // of the server, http://host:port
}

// start runs the floor, or the server with a transport, on its core, and waits until it is ready.
func (b *bench) start(ctx context.Context, name string) (*subject, error) {
	s := &subject{name: name, exited: make(chan error, 1)}
	if name == floorName {
		s.cmd = exec.CommandContext(ctx, b.self, "floor") //nolint:gosec // this very program
	} else {
		s.cmd = exec.CommandContext(ctx, b.server, "serve", "--transport="+name, "--lanes=1", "--limits=off", //nolint:gosec // what is to be measured
			"--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--media-port=0", "--media-ip=127.0.0.1")
	}
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = stopTimeout
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if s.input, err = s.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := startPinned(s.cmd, b.cores.server, b.cores.load); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := s.awaitReady(stdout, stderr); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

var (
	readyLine = regexp.MustCompile(`is ready: (?:http://)?([0-9.:]+)`)
	adminLine = regexp.MustCompile(`"admin":"([0-9.:]+)"`)
)

// awaitReady reads what the subject prints, and goes on reading it until it ends.
func (s *subject) awaitReady(stdout, stderr io.Reader) error {
	admin := make(chan string, 1)
	go scan(stderr, adminLine, admin)
	ready := make(chan string, 1)
	go func() {
		scan(stdout, readyLine, ready)
		s.exited <- s.cmd.Wait()
	}()
	var err error
	if s.address, err = s.await(ready); err != nil || s.name == floorName {
		return err
	}
	s.admin, err = s.await(admin)
	s.admin = "http://" + s.admin
	return err
}

// await waits for a line of the subject's.
func (s *subject) await(line <-chan string) (string, error) {
	select {
	case text, ok := <-line:
		if !ok {
			return "", fmt.Errorf("%s ended before it was ready", s.name)
		}
		return text, nil
	case <-time.After(startTimeout):
		return "", fmt.Errorf("%s does not say that it is ready", s.name)
	}
}

// scan finds the first match in a text, "" if there is none, and reads on to the end.
func scan(text io.Reader, pattern *regexp.Regexp, found chan<- string) {
	defer close(found)
	lines := bufio.NewScanner(text)
	for told := false; lines.Scan(); {
		if match := pattern.FindStringSubmatch(lines.Text()); match != nil && !told {
			found <- match[1]
			told = true
		} else if strings.Contains(lines.Text(), "panic") {
			fmt.Fprintln(os.Stderr, lines.Text())
		}
	}
}

// stop ends the subject and waits for it.
func (s *subject) stop() error {
	_ = s.input.Close()
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case err := <-s.exited:
		var died *exec.ExitError
		if errors.As(err, &died) && s.name == floorName {
			return nil // by the signal
		}
		return err
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("%s does not end", s.name), s.cmd.Process.Kill())
	}
}

// enter lets everyone of a crowd in.
func (s *subject) enter(ctx context.Context, c *crowd.Crowd, atOnce int, every time.Duration) ([]crowd.Join, error) {
	if s.name != floorName {
		return c.JoinHubbub(ctx, "ws://"+s.address+"/v1/signal", atOnce, every)
	}
	peers, err := c.FloorPeers()
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(s.input).Encode(peers); err != nil {
		return nil, fmt.Errorf("tell the floor its peers: %w", err)
	}
	address, err := netip.ParseAddrPort(s.address)
	if err != nil {
		return nil, fmt.Errorf("the floor's address: %w", err)
	}
	return nil, c.EnterFloor(address)
}

// cpu is what the subject has used.
func (s *subject) cpu() (time.Duration, error) { return cpuTime(s.cmd.Process.Pid) }

// metrics reads the server's own.
func (s *subject) metrics(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	body, err := s.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // read to the end
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(body)
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	return families, nil
}

// get asks the server's admin address.
func (s *subject) get(ctx context.Context, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.admin+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask the server for %s: %w", path, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the server for %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("ask the server for %s: %s", path, response.Status)
	}
	return response.Body, nil
}
