package blackbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hubbub/signaling/blackbox/process"
)

const lanes = 2

// server is a running hubbub process.
type server struct {
	*process.Process
	http      string // http://127.0.0.1:port, of the ready line
	signal    string // ws://…/v1/signal
	admin     string // http://127.0.0.1:port
	mediaPort int    // of the first lane
}

// launch starts a server on free ports and waits until it says that it is ready.
func launch(args ...string) (*server, error) { return launchBinary(serverBinary, args...) }

func launchBinary(path string, args ...string) (*server, error) {
	listen, admin := freeTCPPort(), freeTCPPort()
	s := &server{admin: fmt.Sprintf("http://127.0.0.1:%d", admin), mediaPort: freeMediaPorts()}
	var err error
	s.Process, err = process.Start(process.Config{Command: append([]string{
		path, "serve",
		"--listen", fmt.Sprintf("127.0.0.1:%d", listen),
		"--admin-listen", fmt.Sprintf("127.0.0.1:%d", admin),
		"--media-port", strconv.Itoa(s.mediaPort),
		"--media-ip", "127.0.0.1",
		"--lanes", strconv.Itoa(lanes),
		"--grace", grace.String(),
	}, args...)})
	if err != nil {
		return nil, err
	}
	if s.http, err = s.Ready(30 * time.Second); err != nil {
		return nil, errors.Join(err, s.Kill())
	}
	s.signal = "ws" + strings.TrimPrefix(s.http, "http") + "/v1/signal"
	return s, nil
}

// start launches a server that belongs to one test.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	return startBinary(t, serverBinary, args...)
}

func startBinary(t *testing.T, path string, args ...string) *server {
	t.Helper()
	s, err := launchBinary(path, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *server) get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s\n%s", url, resp.Status, body)
	}
	return string(body)
}

// goroutines counts those of the server, without the ones that serve this request.
func (s *server) goroutines(t *testing.T) int {
	t.Helper()
	profile := s.get(t, s.admin+"/debug/pprof/goroutine?debug=1")
	m := regexp.MustCompile(`goroutine profile: total (\d+)`).FindStringSubmatch(profile)
	if m == nil {
		t.Fatalf("no total in the goroutine profile:\n%s", profile)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// metric sums the samples of a metric over its labels; found is false when there are none.
func (s *server) metric(t *testing.T, name string) (sum float64, found bool) {
	t.Helper()
	for line := range strings.Lines(s.get(t, s.admin+"/metrics")) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || (rest[0] != ' ' && rest[0] != '{') {
			continue
		}
		fields := strings.Fields(line)
		v, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			t.Fatalf("reading %q: %v", line, err)
		}
		sum, found = sum+v, true
	}
	return sum, found
}

var ports struct {
	sync.Mutex
	given map[int]bool
}

// freeTCPPort finds a port that nobody has, and that no earlier call has returned.
func freeTCPPort() int {
	ports.Lock()
	defer ports.Unlock()
	for {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			panic(err) // a machine without free ports cannot run these tests
		}
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if take(port) {
			return port
		}
	}
}

// freeMediaPorts finds a run of ports, one for each lane, free for UDP and TCP.
func freeMediaPorts() int {
	ports.Lock()
	defer ports.Unlock()
	for {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		first := c.LocalAddr().(*net.UDPAddr).Port
		_ = c.Close()
		free := true
		for port := first; port < first+lanes && free; port++ {
			free = take(port) && isFree(port)
		}
		if free {
			return first
		}
	}
}

func take(port int) bool {
	if ports.given == nil {
		ports.given = make(map[int]bool)
	}
	if ports.given[port] {
		return false
	}
	ports.given[port] = true
	return true
}

func isFree(port int) bool {
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	u, err := net.ListenPacket("udp4", addr)
	if err != nil {
		return false
	}
	_ = u.Close()
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
