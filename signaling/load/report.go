package load

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what the participants of a run got. Its JSON form has times in
// milliseconds.
type Report struct {
	Participants int `json:"participants"` // that joined
	Failed       int `json:"failed"`       // that could not

	Join  Times `json:"joinMs"`  // from dialling to the answer to join
	Media Times `json:"mediaMs"` // from dialling to media that flow

	// Unheard counts the listeners' slots that should have carried a speaker and
	// never did.
	Unheard int `json:"unheard"`

	Received       uint64  `json:"received"`      // packets, while talking
	Lost           uint64  `json:"lost"`          // that did not arrive, of speakers who had a slot
	LossPercent    float64 `json:"lossPercent"`   // of those that should have arrived
	Latency        Times   `json:"latencyMs"`     // from a speaker's sending to a listener's receiving
	JitterMs       float64 `json:"jitterMs"`      // mean of all streams, RFC 3550
	Gaps           uint64  `json:"gaps"`          // longer than 100 ms between two packets of a speaker
	LongestGapMs   float64 `json:"longestGapMs"`  // 0: there was none
	PacketsPerSec  float64 `json:"packetsPerSec"` // received by all participants together
	FirstErrorText string  `json:"firstError,omitempty"`
}

// Times sums up many durations, in milliseconds.
type Times struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// report sums up what everyone heard, when all have left.
func (r *run) report() *Report {
	report := &Report{Participants: len(r.there), Failed: len(r.failed)}
	if len(r.failed) > 0 {
		report.FirstErrorText = r.failed[0].Error()
	}
	latency := hdrhistogram.New(shortest, longest, digits)
	var answered, connected []time.Duration
	var total tally
	var jitter float64
	streams := 0
	speaking := r.speaking()
	for _, p := range r.there {
		report.Unheard += max(0, min(r.plan.Slots, speaking[r.roomOf(p)]-r.own(p))-len(p.ear.speakers))
		answered = append(answered, p.answered)
		connected = append(connected, p.connected)
		latency.Merge(p.ear.latency)
		total.received += p.ear.total.received
		total.lost += p.ear.total.lost
		total.gaps += p.ear.total.gaps
		total.longestGap = max(total.longestGap, p.ear.total.longestGap)
		for _, h := range p.ear.speakers {
			jitter += h.jitter
			streams++
		}
	}
	report.Join, report.Media = timesOf(answered), timesOf(connected)
	report.Received, report.Lost, report.Gaps = total.received, total.lost, total.gaps
	report.LongestGapMs = milliseconds(total.longestGap)
	report.PacketsPerSec = float64(total.received) / r.plan.Duration.Seconds()
	if all := total.received + total.lost; all > 0 {
		report.LossPercent = 100 * float64(total.lost) / float64(all)
	}
	if streams > 0 {
		report.JitterMs = jitter / float64(streams) / float64(time.Millisecond)
	}
	if latency.TotalCount() > 0 {
		at := func(q float64) float64 { return float64(latency.ValueAtQuantile(q)) / 1000 }
		report.Latency = Times{P50: at(50), P95: at(95), P99: at(99), Max: float64(latency.Max()) / 1000}
	}
	return report
}

// speaking counts the speakers of each room who are there.
func (r *run) speaking() map[int]int {
	count := make(map[int]int, r.plan.Rooms)
	for _, p := range r.there {
		count[r.roomOf(p)] += r.own(p)
	}
	return count
}

func (r *run) roomOf(p *participant) int { return p.number / r.plan.Participants }

// own is how many of a room's speakers a participant does not hear because it is
// them: 1 or 0.
func (r *run) own(p *participant) int {
	if r.speaks(p.number) {
		return 1
	}
	return 0
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func timesOf(all []time.Duration) Times {
	slices.SortFunc(all, cmp.Compare)
	at := func(q float64) float64 { return milliseconds(all[int(q*float64(len(all)-1))]) }
	return Times{P50: at(0.50), P95: at(0.95), P99: at(0.99), Max: at(1)}
}

// WriteTo prints the report for people.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	counted := &countingWriter{to: w}
	t := tabwriter.NewWriter(counted, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\tp50\tp95\tp99\tmax\t\t\n")
	row := func(name string, times Times) {
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t ms\t\n", name, times.P50, times.P95, times.P99, times.Max)
	}
	row("join answered", r.Join)
	row("media flowing", r.Media)
	row("latency", r.Latency)
	if err := t.Flush(); err != nil {
		return counted.n, err
	}
	_, err := fmt.Fprintf(counted, "\nparticipants %d, failed %d\nreceived %d packets (%.0f/s), lost %d (%.3f %%), jitter %.2f ms\ngaps over 100 ms: %d, the longest %.0f ms, speakers not heard at all: %d\n",
		r.Participants, r.Failed, r.Received, r.PacketsPerSec, r.Lost, r.LossPercent, r.JitterMs, r.Gaps, r.LongestGapMs, r.Unheard)
	if err == nil && r.FirstErrorText != "" {
		_, err = fmt.Fprintf(counted, "first failure: %s\n", r.FirstErrorText)
	}
	return counted.n, err
}

type countingWriter struct {
	to io.Writer
	n  int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}
