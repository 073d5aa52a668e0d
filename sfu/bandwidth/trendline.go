package bandwidth

import (
	"math"
	"time"
)

// The constants are those of draft-ietf-rmcat-gcc-02, section 5, and, for the trendline that has replaced its Kalman filter, of libwebrtc's
// trendline_estimator.cc.
const (
	burst          = 5 * time.Millisecond // packets sent within it are one group
	groupsLost     = 2 * time.Second      // after such a pause groups are not compared
	trendWindow    = 20                   // groups
	trendSmoothing = 0.9
	trendGain      = 4.0
	trendDeltas    = 60

	initialThreshold = 12.5 // ms, as all of these
	minThreshold     = 6.0
	maxThreshold     = 600.0
	outlier          = 15.0
	thresholdUp      = 0.0087 // per ms
	thresholdDown    = 0.039
	overuseTime      = 10.0
)

// usage is what the delay says of the bottleneck's queue.
type usage uint8

const (
	normal  usage = iota
	overuse       // the queue grows
	underuse
)

// group is packets that left together.
type group struct {
	first, last time.Duration // when sent
	arrived     time.Duration // when the last of them arrived
}

// trendline tells from arrival times whether the queue at the bottleneck grows: it fits a line to the delays of the last groups of packets.
type trendline struct {
	current, previous       group
	hasCurrent, hasPrevious bool

	groups   int           // since the start, up to trendDeltas
	start    time.Duration // arrival of the first
	delay    float64       // sum of all differences between groups, ms
	smoothed float64
	window   [trendWindow]struct{ at, delay float64 } // ms
	filled   int
	next     int
	slope    float64 // 0 until the window is full

	threshold float64
	adapted   time.Duration // arrival time of the last adaption
	last      float64       // trend before
	over      float64       // ms for which the trend has been above the threshold, negative: it is not
	overs     int
	state     usage
}

func newTrendline() trendline { return trendline{threshold: initialThreshold, over: -1} }

// reset forgets what came before, so that what comes next is not compared with it.
func (t *trendline) reset() {
	*t = trendline{threshold: t.threshold, over: -1}
}

// add takes a packet that was sent and arrived then, by two clocks.
func (t *trendline) add(sent, arrived time.Duration) {
	if !t.hasCurrent {
		t.current, t.hasCurrent = group{sent, sent, arrived}, true
		return
	}
	switch {
	case sent < t.current.first:
		return // reordered, by us or on the way
	case sent-t.current.first <= burst:
		t.current.last = max(t.current.last, sent)
		t.current.arrived = max(t.current.arrived, arrived)
		return
	}
	if t.hasPrevious {
		departure, arrival := t.current.last-t.previous.last, t.current.arrived-t.previous.arrived
		if departure > groupsLost || arrival > groupsLost+departure || arrival < -groupsLost {
			t.reset()
			t.current, t.hasCurrent = group{sent, sent, arrived}, true
			return
		}
		t.update(milliseconds(arrival-departure), milliseconds(departure), t.current.arrived)
	}
	t.previous, t.hasPrevious = t.current, true
	t.current = group{sent, sent, arrived}
}

// update takes how much longer than the group before a group was on its way.
func (t *trendline) update(difference, departure float64, arrived time.Duration) {
	if t.groups == 0 {
		t.start, t.adapted = arrived, arrived
	}
	t.groups = min(t.groups+1, trendDeltas)
	t.delay += difference
	t.smoothed = trendSmoothing*t.smoothed + (1-trendSmoothing)*t.delay
	t.window[t.next].at, t.window[t.next].delay = milliseconds(arrived-t.start), t.smoothed
	t.next = (t.next + 1) % trendWindow
	t.filled = min(t.filled+1, trendWindow)
	if t.filled == trendWindow {
		t.slope = t.fit()
	}
	t.detect(float64(t.groups)*t.slope*trendGain, departure, arrived)
}

// fit returns the slope of the line with the least squares.
func (t *trendline) fit() float64 {
	var at, delay float64
	for _, s := range t.window[:t.filled] {
		at += s.at
		delay += s.delay
	}
	at /= float64(t.filled)
	delay /= float64(t.filled)
	var numerator, denominator float64
	for _, s := range t.window[:t.filled] {
		numerator += (s.at - at) * (s.delay - delay)
		denominator += (s.at - at) * (s.at - at)
	}
	if denominator == 0 {
		return 0
	}
	return numerator / denominator
}

// detect compares a trend with the threshold, and lets that follow the trend, so that jitter is not taken for a queue and other flows on
// the same link do not starve this one.
func (t *trendline) detect(trend, departure float64, arrived time.Duration) {
	switch {
	case trend > t.threshold:
		if t.over < 0 {
			t.over = departure / 2
		} else {
			t.over += departure
		}
		t.overs++
		if t.over > overuseTime && t.overs > 1 && trend >= t.last {
			t.over, t.overs = 0, 0
			t.state = overuse
		}
	case trend < -t.threshold:
		t.over, t.overs = -1, 0
		t.state = underuse
	default:
		t.over, t.overs = -1, 0
		t.state = normal
	}
	t.last = trend
	t.adapt(math.Abs(trend), arrived)
}

func (t *trendline) adapt(trend float64, arrived time.Duration) {
	elapsed := min(max(milliseconds(arrived-t.adapted), 0), 100)
	t.adapted = arrived
	if trend > t.threshold+outlier {
		return // a change of route, say
	}
	k := thresholdUp
	if trend < t.threshold {
		k = thresholdDown
	}
	t.threshold = min(max(t.threshold+k*(trend-t.threshold)*elapsed, minThreshold), maxThreshold)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
