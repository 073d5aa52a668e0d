package main

import (
	"log/slog"
	"os"
)

// newLogger writes text for people at a terminal, else JSON for what collects it.
func newLogger(to *os.File) *slog.Logger {
	if info, err := to.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		return slog.New(slog.NewTextHandler(to, nil))
	}
	return slog.New(slog.NewJSONHandler(to, nil))
}
