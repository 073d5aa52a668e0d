//go:build linux

// Command bench measures what forwarding voice costs the server, beside the least that it can cost (package floor). `make bench` runs it.
//
// The server and the floor take turns, pinned to one core, and the load (package crowd) has another: that of a machine with two. Every run starts a
// process of its own; what is printed are medians. Files, in the order of what happens: machine.go finds the cores and reads clocks; scenarios.go says what is
// measured; subject.go starts what is measured; media.go, people.go and profile.go measure; results.go keeps the figures, and table.go writes them
// down.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"hubbub/sfu/floor"
)

type commandLine struct {
	Run     runCommand     `cmd:"" default:"withargs" help:"Measure, and print a table."`
	Profile profileCommand `cmd:"" help:"Say where the server's CPU goes with 3 speakers in a room of 1,003."`
	Floor   floorCommand   `cmd:"" hidden:"" help:"Be the floor: peers as JSON on standard input, until that ends."`
}

// runCommand measures.
type runCommand struct {
	Scenarios []string      `arg:"" optional:"" help:"What to measure, by name; everything unless told."`
	Server    string        `default:"bin/bench/hubbub" help:"The server's binary."`
	Subjects  []string      `default:"floor,lean,pion" help:"What to measure: the floor, and the server with each of its transports."`
	Runs      int           `default:"3" help:"How often."`
	Duration  time.Duration `default:"8s" help:"How long each run measures, once everyone hears."`
	Retries   int           `default:"3" help:"How often a run is repeated, at most, in which other programs used more than 8 percent of a core."`
	JSON      string        `name:"json" placeholder:"FILE" help:"Write every single figure there."`
	Add       bool          `help:"Add to the figures that are in the --json file already, to measure in slices."`
	Document  string        `placeholder:"FILE" help:"Put the tables into this Markdown file, between the lines that mark them."`
	List      bool          `help:"List the scenarios."`
}

func main() {
	var commands commandLine
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	k := kong.Parse(&commands, kong.Name("bench"), kong.BindTo(ctx, (*context.Context)(nil)))
	k.FatalIfErrorf(k.Run())
}

// Run measures in turns: each scenario with the first subject, the second and so on, and then all of it again.
func (c *runCommand) Run(ctx context.Context) error {
	if c.List {
		for _, s := range scenarios {
			fmt.Printf("%-12s %s\n", s.name, s.title)
		}
		return nil
	}
	chosen, err := choose(c.Scenarios)
	if err != nil {
		return err
	}
	bench, err := newBench(c.Server, c.Duration)
	if err != nil {
		return err
	}
	var all results
	if c.Add {
		if err := all.read(c.JSON); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	for range c.Runs {
		for _, scenario := range chosen {
			for _, name := range c.Subjects {
				if name == floorName && !scenario.floor {
					continue
				}
				figures, err := c.measure(ctx, bench, scenario, name, all.runs(scenario.name, name))
				if err != nil {
					return fmt.Errorf("%s with %s: %w", scenario.name, name, err)
				}
				all.add(scenario.name, name, figures)
				if err := all.write(c.JSON); err != nil {
					return err
				}
			}
		}
	}
	text := all.tables(c.Subjects)
	fmt.Println(text)
	if c.Document == "" {
		return nil
	}
	return document(c.Document, "tables", text)
}

// measure makes one run, once more when something else disturbed it. When everything is disturbed it takes what was disturbed least.
func (c *runCommand) measure(ctx context.Context, b *bench, s *scenario, subject string, run int) (figures, error) {
	var best figures
	for range 1 + c.Retries {
		begin := time.Now()
		f, err := s.measure(ctx, b, subject, s, uint64(run))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "%-12s %-6s %5.1f s  %v\n", s.name, subject, time.Since(begin).Seconds(), f)
		if best == nil || f[othersShare] < best[othersShare] {
			best = f
		}
		if best[othersShare] <= tolerable {
			break
		}
		fmt.Fprintf(os.Stderr, "other programs used %.0f %% of a core\n", f[othersShare])
	}
	return best, nil
}

// floorCommand is the floor as a process of its own.
type floorCommand struct{}

// Run forwards until standard input ends, as it does with whoever started this.
func (floorCommand) Run() error {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	_ = conn.SetReadBuffer(socketBuffer) // the kernel may give less
	_ = conn.SetWriteBuffer(socketBuffer)
	fmt.Printf("The floor is ready: %s\n", conn.LocalAddr())
	var peers []floor.Peer
	input := json.NewDecoder(os.Stdin)
	if err := input.Decode(&peers); err != nil {
		return fmt.Errorf("read the peers: %w", err)
	}
	served := make(chan error, 1)
	go func() { served <- floor.Serve(conn, peers) }()
	_ = input.Decode(new(struct{})) // waits for the end
	return errors.Join(conn.Close(), <-served)
}

// socketBuffer is what the server asks for as well.
const socketBuffer = 4 << 20
