//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// figures are what one run measured, by name.
type figures map[figure]float64

// figure names something measured, with its unit.
type figure string

const (
	cpuPerPacket     figure = "cpuPerPacketUs"  // of the subject, for each packet that a listener received
	cpuPerSecond     figure = "cpuPerSecondMs"  // of the subject
	packetsPerSecond figure = "packetsPerSec"   // received by all listeners together
	latencyP50       figure = "latencyP50Ms"    // from a speaker's sending to a listener's socket
	latencyP99       figure = "latencyP99Ms"    //
	serverP99        figure = "serverP99Ms"     // from decryption until the last copy is sent, by the server's own histogram
	loss             figure = "lossPercent"     //
	loadShare        figure = "loadCorePercent" // of the load's core that the load used
	sendingLate      figure = "sendingLateMs"   // 99th percentile of how late the load's speakers were
	othersShare      figure = "othersPercent"   // of one core that everyone else on the machine used, and the hypervisor took
	cpuPerJoin       figure = "cpuPerJoinMs"    //
	joinP50          figure = "joinP50Ms"       // from dialling to media that flow
	memoryEach       figure = "memoryEachKiB"   // RSS for each participant
	goroutinesEach   figure = "goroutinesEach"  //
	idleEach         figure = "idleEachUsPerSec"
)

// String lists the figures, for progress.
func (f figures) String() string {
	parts := make([]string, 0, len(f))
	for name, value := range f {
		parts = append(parts, fmt.Sprintf("%s %.3g", name, value))
	}
	slices.Sort(parts)
	return strings.Join(parts, "  ")
}

// results are all runs. Their JSON form is an array.
type results struct{ all []result }

type result struct {
	Scenario string  `json:"scenario"`
	Subject  string  `json:"subject"`
	Figures  figures `json:"figures"`
}

func (r *results) add(scenario, subject string, f figures) {
	r.all = append(r.all, result{scenario, subject, f})
}

// tolerable is how many percent of a core other programs may use while something is measured.
const tolerable = 8

// runs is how often something has been measured.
func (r *results) runs(scenario, subject string) int { return len(r.of(scenario, subject)) }

// median is over all runs, or, if there are any, over those that nothing disturbed; ok is false when there is none.
func (r *results) median(scenario, subject string, f figure) (value float64, ok bool) {
	var values, disturbed []float64
	for _, one := range r.of(scenario, subject) {
		switch v, ok := one[f]; {
		case !ok:
		case one[othersShare] > tolerable:
			disturbed = append(disturbed, v)
		default:
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		values = disturbed
	}
	return middle(values)
}

// timesFloor is the median of how many times the floor's cost a subject's is, each time that of the same turn: a virtual machine is not equally fast all the
// time, but most of it within a turn.
func (r *results) timesFloor(scenario, subject string) (ratio float64, ok bool) {
	floors, subjects := r.of(scenario, floorName), r.of(scenario, subject)
	var ratios, disturbed []float64
	for i := range min(len(floors), len(subjects)) {
		ratio := subjects[i][cpuPerPacket] / floors[i][cpuPerPacket]
		if max(floors[i][othersShare], subjects[i][othersShare]) > tolerable {
			disturbed = append(disturbed, ratio)
		} else {
			ratios = append(ratios, ratio)
		}
	}
	if len(ratios) == 0 {
		ratios = disturbed
	}
	return middle(ratios)
}

// of are the runs of one subject, in the order in which they were.
func (r *results) of(scenario, subject string) []figures {
	var runs []figures
	for _, one := range r.all {
		if one.Scenario == scenario && one.Subject == subject {
			runs = append(runs, one.Figures)
		}
	}
	return runs
}

// middle is the median; of nothing there is none.
func middle(values []float64) (value float64, ok bool) {
	if len(values) == 0 {
		return 0, false
	}
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 0 {
		return (values[half-1] + values[half]) / 2, true
	}
	return values[half], true
}

func (r *results) read(path string) error {
	data, err := os.ReadFile(path) //nolint:gosec // a path that the user gave
	if err != nil {
		return fmt.Errorf("read the earlier figures: %w", err)
	}
	if err := json.Unmarshal(data, &r.all); err != nil {
		return fmt.Errorf("read the earlier figures: %w", err)
	}
	return nil
}

// write does nothing without a path.
func (r *results) write(path string) error {
	if path == "" {
		return nil
	}
	data, err := json.MarshalIndent(r.all, "", "  ")
	if err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil { //nolint:gosec // for anyone to read
		return fmt.Errorf("write the figures: %w", err)
	}
	return nil
}
