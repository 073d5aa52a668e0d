package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"hubbub/room"
	"hubbub/signaling"
	"hubbub/signaling/load"
)

// loadtestCommand puts a load on a server, to size a machine. Start the server
// with --limits=off when all of the load comes from one address.
type loadtestCommand struct {
	URL          string        `name:"url" default:"http://127.0.0.1:8080" help:"The server's address, as a browser has it."`
	Rooms        int           `default:"1" help:"Number of rooms."`
	Participants int           `default:"10" help:"Participants of each room."`
	Speakers     int           `default:"1" help:"How many of each room's participants talk, all the time."`
	Slots        int           `default:"8" help:"How many voices each participant can hear at once."`
	Duration     time.Duration `default:"30s" help:"How long to measure, once all have joined."`
	RampUp       time.Duration `default:"5s" help:"Time over which the participants join."`
	Payload      int           `default:"80" help:"Bytes of sound in a packet."`
	APIKey       *apiKey       `name:"api-key" help:"A key to make access tokens with, as ID:SECRET, for servers without guests."`
	JSON         bool          `name:"json" help:"Print the report as JSON."`

	MaxFailed  int           `default:"0" help:"Fail when more participants than that could not join."`
	MaxJoin    time.Duration `help:"Fail when the 95th percentile of joining (until media flow) is longer."`
	MaxLatency time.Duration `help:"Fail when the 99th percentile of latency is longer."`
	MaxJitter  time.Duration `help:"Fail when the mean jitter is more."`
	MaxLoss    float64       `default:"-1" help:"Fail when more percent of the packets are lost. -1: never."`
	MaxGap     time.Duration `help:"Fail when there is a longer gap in what a listener hears of a speaker."`
}

// Run prints the report. The error is of the run, or says which threshold is broken.
func (c *loadtestCommand) Run(stdout io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	report, err := load.Run(ctx, load.Plan{
		URL: c.URL, Rooms: c.Rooms, Participants: c.Participants, Speakers: c.Speakers, Slots: c.Slots,
		Duration: c.Duration, RampUp: c.RampUp, PayloadBytes: c.Payload,
		Token: c.token(), Progress: showProgress,
	})
	if report == nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = errors.Join(err, encoder.Encode(report))
	} else {
		_, printing := report.WriteTo(stdout)
		err = errors.Join(err, printing)
	}
	return errors.Join(err, c.judge(report))
}

// token makes access tokens, if there is a key to make them with.
func (c *loadtestCommand) token() func(user, room string) (string, error) {
	if c.APIKey == nil {
		return nil
	}
	return func(user, name string) (string, error) {
		return signaling.AccessToken{
			User: user, Name: user, Expires: time.Now().Add(c.RampUp + c.Duration + time.Hour),
			Grants: signaling.Grants{Room: name, Role: room.Speaker},
		}.Sign(signaling.APIKey(*c.APIKey))
	}
}

// judge compares the report with the thresholds that were given.
func (c *loadtestCommand) judge(r *load.Report) error {
	var broken []error
	check := func(flag string, is, most float64, given bool) {
		if given && is > most {
			broken = append(broken, fmt.Errorf("--%s: %.3g is more than %.3g", flag, is, most))
		}
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	check("max-failed", float64(r.Failed), float64(c.MaxFailed), true)
	check("max-join", r.Media.P95, ms(c.MaxJoin), c.MaxJoin > 0)
	check("max-latency", r.Latency.P99, ms(c.MaxLatency), c.MaxLatency > 0)
	check("max-jitter", r.JitterMs, ms(c.MaxJitter), c.MaxJitter > 0)
	check("max-loss", r.LossPercent, c.MaxLoss, c.MaxLoss >= 0)
	check("max-loss", float64(r.Unheard), 0, c.MaxLoss >= 0)
	check("max-gap", r.LongestGapMs, ms(c.MaxGap), c.MaxGap > 0)
	return errors.Join(broken...)
}

// showProgress writes a line to standard error, so that the report stays alone on
// standard output.
func showProgress(p load.Progress) {
	fmt.Fprintf(os.Stderr, "%5.0fs  %-8s  participants %d  failed %d  received %d\n",
		p.Elapsed.Seconds(), p.Phase, p.Participants, p.Failed, p.Received)
}
