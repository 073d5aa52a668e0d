// Package blackbox tests the server from outside, as docs/protocol.md promises it: the real binary, built with the race
// detector, is started with flags and spoken to by the Go client of the protocol. Each test's name is
// a sentence of the protocol. Nothing here may import the server's packages.
package blackbox

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"hubbub/signaling/blackbox/process"
)

// grace is the grace time of all servers under test: short, so that waiting for its end is too.
const grace = 2 * time.Second

// The servers that most tests share. Tests that stop or measure a server start their own.
var (
	serverBinary string
	guests       *server // as `hubbub serve` alone, guests only
	tokens       *server // with API keys
	unlimited    *server // guests, without rate limits
)

func TestMain(m *testing.M) {
	// Most of these tests wait most of the time, so the number of processors says little about how many may run at once.
	flag.Parse()
	if err := flag.Set("test.parallel", "24"); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "hubbub-blackbox-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()

	if serverBinary, err = process.Build(context.Background(), dir, "-race"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var launched []*server
	defer func() {
		for _, s := range launched {
			if err := s.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}
	}()
	for _, shared := range []struct {
		server **server
		args   []string
	}{
		{&guests, nil},
		{&tokens, []string{"--api-key", keyOne.flag(), "--api-key", keyTwo.flag(), "--origin", "https://talk.example"}},
		{&unlimited, []string{"--limits", "off"}},
	} {
		s, err := launch(shared.args...)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		launched = append(launched, s)
		*shared.server = s
	}
	return m.Run()
}
