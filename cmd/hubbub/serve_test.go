package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := http.Client{Timeout: patience}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read to the end
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// dial opens a WebSocket as a client of the protocol does.
func dial(t *testing.T, s *server, origin string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"hubbub.v1"}, HandshakeTimeout: patience}
	header := http.Header{}
	if origin != "" {
		header.Set("Origin", origin)
	}
	ws, response, err := dialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/v1/signal", header)
	if err == nil {
		t.Cleanup(func() { _ = ws.Close() })
		if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	return ws, response, err
}

// connect opens a WebSocket and comes in as a guest.
func connect(t *testing.T, s *server) *websocket.Conn {
	t.Helper()
	ws, _, err := dial(t, s, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.WriteMessage(websocket.TextMessage, []byte(`{"jsonrpc":"2.0","id":1,"method":"connect","params":{"name":"Ana"}}`)); err != nil {
		t.Fatal(err)
	}
	var answer struct {
		ID     int
		Result struct{ Node string }
	}
	if err := ws.ReadJSON(&answer); err != nil || answer.ID != 1 {
		t.Fatalf("connect: %+v, %v", answer, err)
	}
	return ws
}

func TestServe(t *testing.T) {
	s := startServer(t, nil)

	if status, body := get(t, s.url+"/"); status != http.StatusOK || !strings.Contains(body, "<html") {
		t.Errorf("/: %d, %.200q", status, body)
	}
	if status, body := get(t, s.url+"/r/lobby"); status != http.StatusOK || !strings.Contains(body, "<html") {
		t.Errorf("/r/lobby: %d, %.200q", status, body)
	}
	for _, path := range []string{"/metrics", "/healthz", "/debug/pprof/", "/debug/cluster"} {
		if status, _ := get(t, s.url+path); status != http.StatusNotFound {
			t.Errorf("%s is on the public address: %d", path, status)
		}
	}
	connect(t, s)

	s.mu.Lock()
	stdout := s.stdout.String()
	s.mu.Unlock()
	if strings.Count(stdout, "\n") != 1 || strings.Count(stdout, "http://127.0.0.1:") != 1 {
		t.Errorf("stdout %q is not one line with the address", stdout)
	}
	if !strings.Contains(s.logged(), "guest") {
		t.Errorf("no warning of guests in %s", s.logged())
	}
}

func TestAdmin(t *testing.T) {
	s := startServer(t, nil, "--node=one")
	connect(t, s)
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := get(t, s.admin+path); status != http.StatusOK {
			t.Errorf("%s: %d, %q", path, status, body)
		}
	}

	status, body := get(t, s.admin+"/metrics")
	if status != http.StatusOK {
		t.Errorf("/metrics: %d", status)
	}
	for _, metric := range []string{"go_goroutines ", "process_resident_memory_bytes ", "hubbub_connections 1"} {
		if !strings.Contains(body, "\n"+metric) {
			t.Errorf("/metrics has no %q", metric)
		}
	}

	for path, want := range map[string]int{
		"/debug/pprof/": 200, "/debug/pprof/goroutine?debug=1": 200, "/debug/pprof/cmdline": 404,
	} {
		if status, _ := get(t, s.admin+path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}

	_, body = get(t, s.admin+"/debug/cluster")
	var view struct {
		Node    string
		Members []struct{ Name, Boot, Addr, State string }
		Rooms   map[string]struct{ Owner string }
	}
	if err := json.Unmarshal([]byte(body), &view); err != nil {
		t.Fatalf("/debug/cluster %q: %v", body, err)
	}
	if view.Node != "one" || len(view.Members) != 1 || view.Rooms == nil {
		t.Fatalf("/debug/cluster: %s", body)
	}
	if m := view.Members[0]; m.Name != "one" || m.Boot == "" || "http://"+m.Addr != s.url || m.State != "alive" {
		t.Errorf("/debug/cluster: %s", body)
	}
}

func TestKeysKeepGuestsOut(t *testing.T) {
	s := startServer(t, []string{"HUBBUB_API_KEY=key:a secret"})
	ws, _, err := dial(t, s, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.WriteMessage(websocket.TextMessage, []byte(`{"jsonrpc":"2.0","id":1,"method":"connect","params":{"name":"Ana"}}`)); err != nil {
		t.Fatal(err)
	}
	var answer struct{ Error struct{ Code int } }
	if err := ws.ReadJSON(&answer); err != nil || answer.Error.Code != 401 {
		t.Errorf("a guest was answered %+v, %v", answer, err)
	}
	if strings.Contains(s.logged(), "guest") || strings.Contains(s.logged(), "secret") {
		t.Errorf("logged: %s", s.logged())
	}
}

func TestAllowGuestsBeyondLoopback(t *testing.T) {
	s := startServer(t, nil, "--listen=0.0.0.0:0", "--allow-guests")
	if !strings.HasPrefix(s.url, "http://127.0.0.1:") {
		t.Errorf("ready at %s", s.url)
	}
	connect(t, s)
	if !strings.Contains(s.logged(), "guest") {
		t.Errorf("no warning of guests in %s", s.logged())
	}
}

func TestOrigin(t *testing.T) {
	s := startServer(t, nil, "--origin=https://one.example", "--origin=https://two.example:8443")
	for origin, allowed := range map[string]bool{
		"": true, s.url: true, "https://one.example": true, "https://two.example:8443": true,
		"https://two.example": false, "https://three.example": false, "null": false,
	} {
		_, response, err := dial(t, s, origin)
		if allowed != (err == nil) || !allowed && response.StatusCode != http.StatusForbidden {
			t.Errorf("origin %q: %v, %v", origin, response, err)
		}
	}
}

func TestSignalsEndIt(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			s := startServer(t, nil)
			ws := connect(t, s)
			closed := make(chan error, 1)
			go func() {
				_, _, err := ws.ReadMessage()
				_ = ws.Close() // a browser does so by itself
				closed <- err
			}()
			code, took := s.signal(sig)
			if code != 0 || took > 5*time.Second {
				t.Errorf("exit code %d after %v", code, took)
			}
			if err := <-closed; !websocket.IsCloseError(err, 1012) {
				t.Errorf("the client read %v, want close 1012", err)
			}
		})
	}
}

// TestEndsDespiteClientsThatStay has clients that neither answer the close frame nor hang up, and one that never finished its request.
func TestEndsDespiteClientsThatStay(t *testing.T) {
	s := startServer(t, nil)
	connect(t, s)
	half, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close() //nolint:errcheck // nothing to lose
	if _, err := io.WriteString(half, "GET / HTTP/1.1\r\nHost: "); err != nil {
		t.Fatal(err)
	}
	notReady := make(chan bool, 1)
	go func() { notReady <- s.becomesNotReady() }()
	if code, took := s.signal(syscall.SIGTERM); code != 0 || took > 5*time.Second {
		t.Errorf("exit code %d after %v", code, took)
	}
	if !<-notReady {
		t.Error("/readyz was never 503")
	}
}

// becomesNotReady asks /readyz until it is 503, or does not answer any more.
func (s *server) becomesNotReady() bool {
	for {
		response, err := http.Get(s.admin + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusServiceUnavailable {
			return true
		}
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // nothing to lose
	for _, flag := range []string{"--listen", "--admin-listen"} {
		args := []string{"serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--media-port=0", flag + "=" + taken.Addr().String()}
		r := runBinary(t, nil, args...)
		if r.code != exitFailed || r.stdout != "" || !strings.Contains(r.stderr, flag) || !strings.Contains(r.stderr, "in use") {
			t.Errorf("%s in use: %+v", flag, r)
		}
	}
}

func TestMediaPortInUse(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // nothing to lose
	port := taken.LocalAddr().(*net.UDPAddr).Port
	r := runBinary(t, nil, "serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--media-ip=127.0.0.1", fmt.Sprint("--media-port=", port))
	if r.code != exitFailed || r.stdout != "" || !strings.Contains(r.stderr, "--media-port") {
		t.Errorf("%+v", r)
	}
}
