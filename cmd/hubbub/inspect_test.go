package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

const viewOfThree = `{
  "node": "n2",
  "members": [
    {"name": "n3", "boot": "B3", "addr": "10.0.0.3:7946", "state": "leaving"},
    {"name": "n1", "boot": "B1", "addr": "10.0.0.1:7946", "state": "alive"},
    {"name": "n2", "boot": "B2", "addr": "10.0.0.2:7946", "state": "alive"}
  ],
  "links": [{"node": "n1", "rttMs": 0.42, "loss": 0.012, "streams": 3, "since": "SINCE"}],
  "rooms": {
    "tea": {"owner": "n1", "epoch": 4, "participants": 7},
    "coffee": {"owner": "n1", "epoch": 1, "participants": 2},
    "water": {"owner": "n9", "epoch": 2, "participants": 0}
  }
}`

// stubAdmin answers /debug/cluster with body.
func stubAdmin(t *testing.T, status int, body string) (url string) {
	t.Helper()
	body = strings.ReplaceAll(body, "SINCE", time.Now().Add(-90*time.Second).Format(time.RFC3339Nano))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/debug/cluster" {
			http.NotFound(w, r)
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// cells splits a table into its lines and those into cells, which are two spaces or more apart.
func cells(printed string) (lines [][]string) {
	for line := range strings.Lines(printed) {
		var row []string
		for cell := range strings.SplitSeq(strings.TrimRight(line, "\n"), "  ") {
			if cell = strings.TrimSpace(cell); cell != "" {
				row = append(row, cell)
			}
		}
		lines = append(lines, row)
	}
	return lines
}

func TestInspecting(t *testing.T) {
	t.Parallel()
	admin := stubAdmin(t, http.StatusOK, viewOfThree)
	for _, c := range []struct {
		args []string
		want [][]string
	}{
		{[]string{"nodes"}, [][]string{
			{"NODE", "STATE", "ADDRESS", "ROOMS OWNED", "PEOPLE IN THEM", "LINK RTT", "LOSS", "STREAMS", "LINKED FOR"},
			{"n1", "alive", "10.0.0.1:7946", "2", "9", "0.4 ms", "1.2 %", "3", "1m30s"},
			{"n2 (asked)", "alive", "10.0.0.2:7946", "0", "0", "-", "-", "-", "-"},
			{"n3", "leaving", "10.0.0.3:7946", "0", "0", "-", "-", "-", "-"},
		}},
		{[]string{"rooms"}, [][]string{
			{"ROOM", "OWNER", "EPOCH", "PARTICIPANTS"},
			{"coffee", "n1", "1", "2"},
			{"tea", "n1", "4", "7"},
			{"water", "n9", "2", "0"},
		}},
		{[]string{"where", "tea"}, [][]string{
			{"ROOM", "OWNER", "ADDRESS", "EPOCH", "PARTICIPANTS"},
			{"tea", "n1", "10.0.0.1:7946", "4", "7"},
		}},
		{[]string{"where", "water"}, [][]string{
			{"ROOM", "OWNER", "ADDRESS", "EPOCH", "PARTICIPANTS"},
			{"water", "n9", "-", "2", "0"},
		}},
	} {
		// With and without the scheme, by the flag and by the environment.
		for _, way := range []result{
			runBinary(t, nil, append(c.args, "--admin", admin)...),
			runBinary(t, []string{"HUBBUB_ADMIN=" + strings.TrimPrefix(admin, "http://")}, c.args...),
		} {
			got := cells(way.stdout)
			if len(got) > 1 && len(got[1]) == 9 && c.args[0] == "nodes" && got[1][8] == "1m31s" {
				got[1][8] = "1m30s" // a second has passed meanwhile
			}
			if way.code != 0 || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%v: code %d, stderr %q, printed\n%s", c.args, way.code, way.stderr, way.stdout)
			}
		}
	}
}

func TestInspectingAsJSON(t *testing.T) {
	t.Parallel()
	admin := stubAdmin(t, http.StatusOK, viewOfThree)
	printed := func(args ...string) map[string]any {
		r := runBinary(t, nil, append(args, "--json", "--admin", admin)...)
		var v map[string]any
		if err := json.Unmarshal([]byte(r.stdout), &v); r.code != 0 || err != nil {
			t.Fatalf("%v: %+v, %v", args, r, err)
		}
		return v
	}
	if v := printed("nodes"); v["node"] != "n2" || len(v["members"].([]any)) != 3 || v["links"].([]any)[0].(map[string]any)["rttMs"] != 0.42 {
		t.Errorf("nodes: %v", v)
	}
	if v := printed("rooms"); !reflect.DeepEqual(v["tea"], map[string]any{"owner": "n1", "epoch": 4.0, "participants": 7.0}) {
		t.Errorf("rooms: %v", v)
	}
	want := map[string]any{"room": "tea", "addr": "10.0.0.1:7946", "owner": "n1", "epoch": 4.0, "participants": 7.0}
	if v := printed("where", "tea"); !reflect.DeepEqual(v, want) {
		t.Errorf("where: %v", v)
	}
}

func TestInspectingTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := stubAdmin(t, http.StatusOK, viewOfThree)
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"unknown room":    {[]string{"where", "milk", "--admin", good}, exitFailed, `node n2 knows no room "milk"`},
		"no room":         {[]string{"where", "--admin", good}, exitUsage, "<room>"},
		"no address":      {[]string{"nodes", "--admin", "ftp://x"}, exitUsage, "--admin"},
		"nobody there":    {[]string{"nodes", "--admin", "http://127.0.0.1:1"}, exitFailed, "127.0.0.1:1"},
		"another server":  {[]string{"rooms", "--admin", good + "/elsewhere"}, exitFailed, "404"},
		"an error":        {[]string{"rooms", "--admin", stubAdmin(t, http.StatusInternalServerError, "")}, exitFailed, "500"},
		"no JSON":         {[]string{"rooms", "--admin", stubAdmin(t, http.StatusOK, "<html>")}, exitFailed, "read the node's answer"},
		"another's JSON":  {[]string{"rooms", "--admin", stubAdmin(t, http.StatusOK, "{}")}, exitFailed, "names no node"},
		"another's types": {[]string{"rooms", "--admin", stubAdmin(t, http.StatusOK, `{"node": 5}`)}, exitFailed, "read the node's answer"},
	} {
		if r := runBinary(t, nil, c.args...); r.code != c.code || r.stdout != "" || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%s: %+v, want code %d and %q", name, r, c.code, c.says)
		}
	}
}

func TestInspectingARealNode(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil, "--node=alone")
	ws := connect(t, s)
	defer ws.Close() //nolint:errcheck // the server closes it at the latest
	join := `{"jsonrpc":"2.0","id":2,"method":"join","params":{"room":"tea"}}`
	if err := ws.WriteMessage(websocket.TextMessage, []byte(join)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	if r := runBinary(t, nil, "where", "tea", "--admin", s.admin); r.code != 0 || !reflect.DeepEqual(cells(r.stdout)[1][:2], []string{"tea", "alone"}) {
		t.Errorf("where: %+v", r)
	}
	if r := runBinary(t, nil, "nodes", "--admin", s.admin); r.code != 0 || !reflect.DeepEqual(cells(r.stdout)[1][:2], []string{"alone (asked)", "alive"}) {
		t.Errorf("nodes: %+v", r)
	}
}
