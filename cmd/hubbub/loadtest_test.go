package main

import (
	"encoding/json"
	"strings"
	"testing"

	"hubbub/signaling/load"
)

func TestLoadtest(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil, "--media-ip=127.0.0.1", "--api-key=k:secret")
	args := []string{
		"loadtest", "--url=" + s.url, "--api-key=k:secret", "--rooms=2", "--participants=4", "--speakers=2",
		"--duration=2s", "--ramp-up=500ms",
	}
	t.Run("measures what everyone heard", func(t *testing.T) {
		got := runBinary(t, nil, append(args, "--json", "--max-loss=5")...)
		if got.code != 0 {
			t.Fatalf("exit code %d, stderr %s", got.code, got.stderr)
		}
		var r load.Report
		if err := json.Unmarshal([]byte(got.stdout), &r); err != nil {
			t.Fatalf("the report is not JSON: %v\n%s", err, got.stdout)
		}
		// In each room two hear two speakers and two hear one, for 100 packets.
		if full := 2 * (2*2 + 2*1) * 100; int(r.Received) < full*8/10 || int(r.Received) > full*11/10 {
			t.Errorf("received %d packets, want about %d", r.Received, full)
		}
		if r.Participants != 8 || r.Failed != 0 || r.Unheard != 0 || r.Join.P50 <= 0 || r.Latency.P50 <= 0 {
			t.Errorf("report %+v", r)
		}
		if !strings.Contains(got.stderr, "talking") {
			t.Errorf("no progress on stderr: %s", got.stderr)
		}
	})
	t.Run("a broken threshold is exit code 1, and named", func(t *testing.T) {
		got := runBinary(t, nil, append(args, "--duration=1s", "--max-join=1ns")...)
		if got.code != 1 || !strings.Contains(got.stderr, "--max-join") || !strings.Contains(got.stdout, "latency") {
			t.Errorf("exit code %d, stdout %s, stderr %s", got.code, got.stdout, got.stderr)
		}
	})
	t.Run("a server that lets nobody in is exit code 1", func(t *testing.T) {
		got := runBinary(t, nil, "loadtest", "--url="+s.url, "--participants=2", "--duration=1s", "--ramp-up=0s")
		if got.code != 1 || !strings.Contains(got.stderr, "unauthorized") {
			t.Errorf("exit code %d, stderr %s", got.code, got.stderr)
		}
	})
}
