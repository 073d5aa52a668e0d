package sfu

import (
	"cmp"
	"flag"
	"fmt"
	"testing"

	"go.uber.org/goleak"
)

// transportUnderTest carries the packets in tests that do not ask for another.
var transportUnderTest = "lean"

// eachTransport runs all tests once with each transport: whatever holds for one holds for the other.
type eachTransport struct{ *testing.M }

func (m eachTransport) Run() int {
	code := 0
	for _, transportUnderTest = range []string{"pion", "lean"} {
		fmt.Println("transport:", transportUnderTest)
		code = cmp.Or(m.M.Run(), code)
	}
	return code
}

// TestMain fails when tests leave goroutines behind: every peer, room and SFU must take its own with it.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() != "" || flag.Lookup("test.bench").Value.String() != "" {
		goleak.VerifyTestMain(m)
	}
	goleak.VerifyTestMain(eachTransport{m})
}
