//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCPUTimeIsWhatThreadsRan(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with its thread: what that ran counts still
		defer close(done)
		for n := 0; ; n++ {
			if now, err := cpuTime(os.Getpid()); err != nil || now-before > 20*time.Millisecond {
				return
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the clock stands still")
	}
	if after, err := cpuTime(os.Getpid()); err != nil || after-before < 20*time.Millisecond {
		t.Errorf("ran %v: %v", after-before, err)
	}
	if _, err := cpuTime(1 << 22); err == nil {
		t.Error("a process that is not there has a clock")
	}
}

func TestMedianIsOfTheRunsOfOneSubject(t *testing.T) {
	var r results
	for _, v := range []float64{9, 1, 4} {
		r.add("50x3", "lean", figures{cpuPerPacket: v})
	}
	for _, v := range []float64{3, 0.5, 2} {
		r.add("50x3", "floor", figures{cpuPerPacket: v})
	}
	r.add("50x3", "pion", figures{cpuPerPacket: 5})
	r.add("50x3", "pion", figures{cpuPerPacket: 6})
	r.add("50x3", "pion", figures{cpuPerPacket: 50, othersShare: 90}) // disturbed, and not the only one
	r.add("calls", "lean", figures{cpuPerPacket: 7, othersShare: 90})
	for name, want := range map[string]float64{"floor": 2, "lean": 4, "pion": 5.5} {
		if got, ok := r.median("50x3", name, cpuPerPacket); got != want || !ok {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if _, ok := r.median("50x1", "lean", cpuPerPacket); ok {
		t.Error("there is a median of nothing")
	}
	if got, ok := r.median("calls", "lean", cpuPerPacket); got != 7 || !ok {
		t.Errorf("where everything is disturbed: %v, want 7", got)
	}
	path := filepath.Join(t.TempDir(), "results.json")
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	var again results
	if err := again.read(path); err != nil || again.runs("50x3", "lean") != 3 {
		t.Errorf("read %+v: %v", again, err)
	}
	subjects := []string{"floor", "lean", "pion"}
	if got, want := r.costs(subjects).String(), strings.Join([]string{
		"|                             | floor | lean | × floor | pion | × floor |",
		"| --------------------------- | ----: | ---: | ------: | ---: | ------: |",
		"| one room of 50, 3 speak     |  2.00 | 4.00 |    2.00 | 5.50 |    6.83 |",
		"| 20 calls of two, both speak |     – | 7.00 |       – |    – |       – |",
		"",
	}, "\n"); got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
}

func TestDelaysHaveQuantiles(t *testing.T) {
	before := &delays{count: 10, bounds: []float64{0.001, 0.01}, counts: []uint64{10, 10}}
	after := &delays{count: 210, bounds: []float64{0.001, 0.01}, counts: []uint64{110, 208}}
	d := after.since(before)
	for q, want := range map[float64]float64{0.25: 0.0005, 0.5: 0.001, 0.999: 0.01} {
		if got := d.quantile(q); got < want*0.99 || got > want*1.01 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}

func TestTracesAreGrouped(t *testing.T) {
	const text = `File: hubbub
Type: cpu
-----------+-------------------------------------------------------
     1.50s   internal/runtime/syscall/linux.Syscall6
             syscall.RawSyscall6
             hubbub/sfu.(*outgoingBatch).sendNow
-----------+-------------------------------------------------------
     300ms   internal/runtime/syscall/linux.Syscall6
             hubbub/sfu.(*incomingBatch).receiveNow
-----------+-------------------------------------------------------
      20ms   crypto/internal/fips140/aes/gcm.gcmAesEnc
             github.com/pion/srtp/v3.(*Context).EncryptRTP
             hubbub/sfu.(*lane).run
-----------+-------------------------------------------------------
      10ms   internal/runtime/syscall/linux.Syscall6
             internal/runtime/syscall/linux.EpollWait
             runtime.netpoll
             runtime.findRunnable
-----------+-------------------------------------------------------
      30ms   hubbub/sfu.(*subscriber).forward
             hubbub/sfu.(*lane).burst
             github.com/pion/ice/v4.(*UDPMuxDefault).connWorker
-----------+-------------------------------------------------------
      40ms   github.com/pion/ice/v4.(*UDPMuxDefault).registerConnForAddress
             github.com/pion/ice/v4.(*UDPMuxDefault).connWorker
`
	got := groupTraces(text)
	for name, want := range map[string]time.Duration{
		"kernel, sending": 1500 * time.Millisecond, "kernel, receiving": 300 * time.Millisecond, "SRTP and AES-GCM": 20 * time.Millisecond,
		"Go's scheduler, poller, sysmon and timers": 10 * time.Millisecond, "ours": 30 * time.Millisecond,
		"pion beside SRTP": 40 * time.Millisecond,
	} {
		if got[name] != want {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	if len(got) != 6 {
		t.Errorf("grouped as %v", got)
	}
}

func TestDocumentReplacesWhatIsMarked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.md")
	text := "before\n<!-- bench:tables -->\nold\n<!-- /bench:tables -->\nafter\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := document(path, "tables", "new\n"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := strings.ReplaceAll(text, "old", "new"); err != nil || string(got) != want {
		t.Errorf("the file is %q (%v), want %q", got, err, want)
	}
	if document(path, "profile", "new") == nil {
		t.Error("a document without a place for it was changed")
	}
}

func TestChooseKnowsTheScenarios(t *testing.T) {
	if all, err := choose(nil); err != nil || len(all) != len(scenarios) {
		t.Errorf("chose %d of %d: %v", len(all), len(scenarios), err)
	}
	if one, err := choose([]string{"calls"}); err != nil || len(one) != 1 || one[0].name != "calls" {
		t.Errorf("chose %v: %v", one, err)
	}
	if _, err := choose([]string{"nothing"}); err == nil {
		t.Error("what is not there was chosen")
	}
}
