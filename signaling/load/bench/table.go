//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// table is one of Markdown, which reads well enough in a terminal: columns are as wide as what is in them.
type table struct {
	head []string
	rows [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// String leaves out a table without rows.
func (t *table) String() string {
	if len(t.rows) == 0 {
		return ""
	}
	widths := make([]int, len(t.head))
	for _, cells := range append([][]string{t.head}, t.rows...) {
		for i, cell := range cells {
			widths[i] = max(widths[i], len([]rune(cell)), 3)
		}
	}
	var b strings.Builder
	line := func(cells []string) {
		for i, cell := range cells {
			padding := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if i == 0 {
				fmt.Fprintf(&b, "| %s%s |", cell, padding)
			} else {
				fmt.Fprintf(&b, " %s%s |", padding, cell)
			}
		}
		b.WriteByte('\n')
	}
	line(t.head)
	rule := make([]string, len(t.head))
	for i := range rule {
		rule[i] = strings.Repeat("-", widths[i])
		if i > 0 {
			rule[i] = rule[i][1:] + ":"
		}
	}
	line(rule)
	for _, cells := range t.rows {
		line(cells)
	}
	return b.String()
}

// tables are all that was measured, as Markdown.
func (r *results) tables(subjects []string) string {
	var b strings.Builder
	most := 0
	for _, s := range scenarios {
		for _, name := range subjects {
			most = max(most, r.runs(s.name, name))
		}
	}
	fmt.Fprintf(&b, "Medians of %d runs. %s.\n", most, describe())
	section := func(title string, t *table) {
		if text := t.String(); text != "" {
			fmt.Fprintf(&b, "\n%s\n\n%s", title, text)
		}
	}
	section("CPU µs for each packet that a listener received, and the median of each turn's ratio to the floor:", r.costs(subjects))
	section("Latency in ms, p50 / p99, from a speaker's sending to a listener's socket:", r.latencies(subjects))
	section("Quiet, CPU ms of the server for each second:", r.quiet(subjects))
	section("People:", r.people(subjects))
	section("Whether the load was up to it (the worst of all subjects):", r.soundness(subjects))
	return b.String()
}

// cell writes a figure, or a dash where there is none.
func (r *results) cell(scenario, subject string, f figure, format string) string {
	value, ok := r.median(scenario, subject, f)
	if !ok {
		return "–"
	}
	return fmt.Sprintf(format, value)
}

// measured says whether any subject did it.
func (r *results) measured(s *scenario, subjects []string) bool {
	for _, name := range subjects {
		if r.runs(s.name, name) > 0 {
			return true
		}
	}
	return false
}

// costs has a column for each subject, and how many times the floor that is.
func (r *results) costs(subjects []string) *table {
	t := &table{head: []string{""}}
	for _, name := range subjects {
		t.head = append(t.head, name)
		if name != floorName {
			t.head = append(t.head, "× floor")
		}
	}
	for _, s := range scenarios {
		if s.kind != forwarding && s.kind != crowding || !r.measured(s, subjects) {
			continue
		}
		cells := []string{s.title}
		for _, name := range subjects {
			cells = append(cells, r.cell(s.name, name, cpuPerPacket, "%.2f"))
			if name == floorName {
				continue
			}
			ratio := "–"
			if value, ok := r.timesFloor(s.name, name); ok {
				ratio = fmt.Sprintf("%.2f", value)
			}
			cells = append(cells, ratio)
		}
		t.row(cells...)
	}
	return t
}

func (r *results) latencies(subjects []string) *table {
	t := &table{head: append([]string{""}, subjects...)}
	for _, s := range scenarios {
		if s.kind != forwarding && s.kind != crowding || !r.measured(s, subjects) {
			continue
		}
		cells := []string{s.title}
		for _, name := range subjects {
			cells = append(cells, r.cell(s.name, name, latencyP50, "%.2f")+" / "+r.cell(s.name, name, latencyP99, "%.2f"))
		}
		t.row(cells...)
	}
	return t
}

// quiet compares open microphones with one speaker.
func (r *results) quiet(subjects []string) *table {
	servers := without(subjects, floorName)
	t := &table{head: append([]string{""}, servers...)}
	for _, s := range scenarios {
		if s.kind != quiet && s.name != "50x1" || !r.measured(s, servers) {
			continue
		}
		cells := []string{s.title}
		for _, name := range servers {
			cells = append(cells, r.cell(s.name, name, cpuPerSecond, "%.1f"))
		}
		t.row(cells...)
	}
	return t
}

// people are joins, memory, and the room with a thousand.
func (r *results) people(subjects []string) *table {
	servers := without(subjects, floorName)
	t := &table{head: append([]string{""}, servers...)}
	line := func(s *scenario, what string, f figure, format string) {
		cells := []string{s.title + ": " + what}
		for _, name := range servers {
			cells = append(cells, r.cell(s.name, name, f, format))
		}
		t.row(cells...)
	}
	for _, s := range scenarios {
		if !r.measured(s, servers) {
			continue
		}
		switch s.kind {
		case joining:
			line(s, "CPU ms for each", cpuPerJoin, "%.2f")
			line(s, "ms until media flow", joinP50, "%.1f")
		case idling:
			line(s, "KiB of RSS for each", memoryEach, "%.0f")
			line(s, "goroutines for each", goroutinesEach, "%.1f")
			line(s, "CPU µs/s for each", idleEach, "%.0f")
		case crowding:
			line(s, "packets/s to listeners", packetsPerSecond, "%.0f")
			line(s, "CPU ms/s", cpuPerSecond, "%.0f")
			line(s, "p99 ms in the server", serverP99, "%.1f")
		case forwarding, quiet:
		}
	}
	return t
}

// soundness tells whether the load was the bottleneck.
func (r *results) soundness(subjects []string) *table {
	t := &table{head: []string{"", "% of packets lost", "% of the load's core", "p99 ms that speakers were late", "% of a core for others"}}
	for _, s := range scenarios {
		cells := []string{s.title}
		for _, f := range []figure{loss, loadShare, sendingLate, othersShare} {
			worst, known := 0.0, false
			for _, name := range subjects {
				value, ok := r.median(s.name, name, f)
				worst, known = max(worst, value), known || ok
			}
			cell := "–"
			if known {
				cell = fmt.Sprintf("%.3g", worst)
			}
			cells = append(cells, cell)
		}
		if _, ok := r.median(s.name, subjects[len(subjects)-1], loadShare); ok {
			t.row(cells...)
		}
	}
	return t
}

func without(names []string, name string) []string {
	var rest []string
	for _, n := range names {
		if n != name {
			rest = append(rest, n)
		}
	}
	return rest
}

// document puts a text between the two lines of a file that mark its place: <!-- bench:NAME --> and <!-- /bench:NAME -->.
func document(path, name, text string) error {
	data, err := os.ReadFile(path) //nolint:gosec // a path that the user gave
	if err != nil {
		return fmt.Errorf("put the tables into a document: %w", err)
	}
	before, rest, opened := strings.Cut(string(data), "<!-- bench:"+name+" -->\n")
	_, after, closed := strings.Cut(rest, "<!-- /bench:"+name+" -->")
	if !opened || !closed {
		return fmt.Errorf("put the tables into %s: %w", path, errNoPlace)
	}
	whole := before + "<!-- bench:" + name + " -->\n" + strings.TrimSpace(text) + "\n<!-- /bench:" + name + " -->" + after
	if err := os.WriteFile(path, []byte(whole), 0o644); err != nil { //nolint:gosec // for anyone to read
		return fmt.Errorf("put the tables into a document: %w", err)
	}
	return nil
}

var errNoPlace = errors.New("it has no lines that mark their place")
