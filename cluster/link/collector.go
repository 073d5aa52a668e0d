package link

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	connectionsDesc = prometheus.NewDesc("hubbub_link_connections", "Connections to a node; two for a while when both dialled.", []string{"peer"}, nil)
	rttDesc         = prometheus.NewDesc("hubbub_link_rtt_seconds", "Smoothed round-trip time to a node.", []string{"peer"}, nil)
	lossDesc        = prometheus.NewDesc("hubbub_link_loss_ratio",
		"Part of the QUIC packets sent to a node in the last minute that were lost.", []string{"peer"}, nil)
	streamsDesc   = prometheus.NewDesc("hubbub_link_streams", "Open streams with a node.", []string{"peer"}, nil)
	connectedDesc = prometheus.NewDesc("hubbub_link_connected_seconds", "How long there has been a connection to a node.", []string{"peer"}, nil)
	lostDesc      = prometheus.NewDesc("hubbub_link_datagrams_missing", "Datagrams that a node sent on its present connection and that have not come.",
		[]string{"peer"}, nil)
	datagramsDesc = prometheus.NewDesc("hubbub_link_datagrams_total", "Datagrams, by direction.", []string{"direction"}, nil)
	bytesDesc     = prometheus.NewDesc("hubbub_link_datagram_bytes_total", "Payload of datagrams, by direction.", []string{"direction"}, nil)
	dropsDesc     = prometheus.NewDesc("hubbub_link_dropped_datagrams_total", "Datagrams dropped at this node, by cause.", []string{"cause"}, nil)
)

// dropCause is why a datagram was dropped at this node.
type dropCause int

const (
	dropNotConnected dropCause = iota
	dropQueueFull
	dropTooLarge
	dropMalformed
	dropFailed
	dropCauses
)

func (d dropCause) String() string {
	return [...]string{"not_connected", "queue_full", "too_large", "malformed", "failed"}[d]
}

// metrics are a Mesh's counts over all connections it ever had.
type metrics struct {
	datagramsIn, datagramsOut         atomic.Uint64
	datagramBytesIn, datagramBytesOut atomic.Uint64
	drops                             [dropCauses]atomic.Uint64

	requests      *prometheus.CounterVec
	asked, served *requestCounter // of requests
	dials         *prometheus.CounterVec
	losses        *prometheus.CounterVec
	slow          prometheus.Counter
}

func newMetrics() *metrics {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hubbub_link_requests_total", Help: "Requests, by direction (out: of this node), kind and outcome.",
	}, []string{"direction", "kind", "outcome"})
	return &metrics{
		requests: requests,
		asked:    newRequestCounter(requests, "out"),
		served:   newRequestCounter(requests, "in"),
		dials: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hubbub_link_dials_total", Help: "Attempts of this node to make a connection, by outcome.",
		}, []string{"outcome"}),
		losses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hubbub_link_losses_total", Help: "Peers lost, by cause: silent, reset (it forgot the connection), closed (it went), failed.",
		}, []string{"cause"}),
		slow: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hubbub_link_slow_streams_total", Help: "Streams reset by this node because the peer did not keep up.",
		}),
	}
}

func (m *metrics) dropped(cause dropCause, n int) { m.drops[cause].Add(uint64(n)) }

func (m *metrics) dialled(err error) {
	if err != nil {
		m.dials.WithLabelValues("failed").Inc()
		return
	}
	m.dials.WithLabelValues("ok").Inc()
}

// requestCounter counts requests of one direction.
type requestCounter struct {
	total *prometheus.CounterVec

	mu    sync.Mutex
	kinds map[string]struct{}
}

// maxCountedKinds bounds the kinds that are counted apart, since peers name them; the rest is "other".
const maxCountedKinds = 64

func newRequestCounter(total *prometheus.CounterVec, direction string) *requestCounter {
	return &requestCounter{total: total.MustCurryWith(prometheus.Labels{"direction": direction}), kinds: make(map[string]struct{})}
}

func (r *requestCounter) count(kind string, err error) {
	r.mu.Lock()
	if _, known := r.kinds[kind]; !known {
		if len(r.kinds) < maxCountedKinds {
			r.kinds[kind] = struct{}{}
		} else {
			kind = "other"
		}
	}
	r.mu.Unlock()
	r.total.WithLabelValues(kind, outcome(err)).Inc()
}

func outcome(err error) string {
	if _, ok := errors.AsType[*RemoteError](err); ok {
		return "refused"
	}
	for _, known := range []struct {
		err  error
		name string
	}{
		{nil, "ok"},
		{context.DeadlineExceeded, "timeout"},
		{context.Canceled, "canceled"},
		{ErrUnreachable, "unreachable"},
		{ErrLost, "lost"},
		{ErrBusy, "busy"},
		{ErrTooLarge, "too_large"},
		{ErrClosed, "closed"},
	} {
		if errors.Is(err, known.err) {
			return known.name
		}
	}
	return "failed"
}

// Describe implements prometheus.Collector.
func (m *Mesh) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		connectionsDesc, rttDesc, lossDesc, streamsDesc, connectedDesc, lostDesc, datagramsDesc, bytesDesc, dropsDesc,
	} {
		ch <- d
	}
	for _, c := range m.metrics.collectors() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *Mesh) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, peer string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, peer)
	}
	counter := func(d *prometheus.Desc, value uint64, label string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), label)
	}
	for name, s := range m.byName() {
		gauge(connectionsDesc, float64(s.connections), name)
		gauge(rttDesc, s.RTT.Seconds(), name)
		gauge(lossDesc, s.Loss, name)
		gauge(streamsDesc, float64(s.Streams), name)
		gauge(connectedDesc, time.Since(s.Since).Seconds(), name)
		gauge(lostDesc, float64(s.DatagramsLost), name)
	}
	counter(datagramsDesc, m.metrics.datagramsIn.Load(), "in")
	counter(datagramsDesc, m.metrics.datagramsOut.Load(), "out")
	counter(bytesDesc, m.metrics.datagramBytesIn.Load(), "in")
	counter(bytesDesc, m.metrics.datagramBytesOut.Load(), "out")
	for cause := range dropCauses {
		counter(dropsDesc, m.metrics.drops[cause].Load(), cause.String())
	}
	for _, c := range m.metrics.collectors() {
		c.Collect(ch)
	}
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.dials, m.losses, m.slow}
}

// nodeStatus is what there is with all processes of a node: a second connection, or a restart not yet noticed, must not make a second
// metric of the same name.
type nodeStatus struct {
	Status
	connections int
}

// byName joins the connections of each node: sums, the longest time, and of what cannot be summed the newest connection's.
func (m *Mesh) byName() map[string]nodeStatus {
	nodes := make(map[string]nodeStatus)
	for _, s := range m.Status() { // oldest first
		before, second := nodes[s.Peer.Name]
		if second {
			s.Since = before.Since
			s.Streams += before.Streams
			s.DatagramsLost += before.DatagramsLost
		}
		nodes[s.Peer.Name] = nodeStatus{s, before.connections + 1}
	}
	return nodes
}
