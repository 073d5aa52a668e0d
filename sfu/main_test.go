package sfu

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when tests leave goroutines behind: every peer, room and SFU must take its own with it.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
