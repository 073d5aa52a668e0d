package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table is lines of cells under a heading, for people. The zero value is empty.
type table struct {
	lines []string
}

// row adds a line; the first one is the heading.
func (t *table) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		texts[i] = fmt.Sprint(cell)
	}
	t.lines = append(t.lines, strings.Join(texts, "\t"))
}

func (t *table) writeTo(w io.Writer) error {
	aligned := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range t.lines {
		fmt.Fprintln(aligned, line) // Flush has the error
	}
	return aligned.Flush()
}
