package signaling

import (
	"strconv"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics is what operators see of signalling. All of it has few label values: no
// room's or user's name is one.
type metrics struct {
	connections   prometheus.GaugeFunc
	sessions      prometheus.GaugeFunc
	rooms         prometheus.GaugeFunc
	participants  prometheus.GaugeFunc
	requests      *prometheus.CounterVec
	failures      *prometheus.CounterVec
	closes        *prometheus.CounterVec
	handshakes    *prometheus.CounterVec
	whispers      *prometheus.CounterVec
	calls         *prometheus.CounterVec
	joinDurations prometheus.Histogram
}

func newMetrics(s *Server) *metrics {
	const namespace, subsystem = "hubbub", "signaling"
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: name, Help: help,
		}, []string{label})
	}
	gauge := func(name, help string, value func() int) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: name, Help: help,
		}, func() float64 { return float64(value()) })
	}
	return &metrics{
		connections: gauge("connections", "WebSockets that are open.", s.connections),
		sessions: gauge("sessions", "Sessions, those within their grace time included.", func() int {
			sessions, _ := s.registry.size()
			return sessions
		}),
		rooms: gauge("rooms", "Rooms that have a participant.", func() int {
			_, rooms := s.registry.size()
			return rooms
		}),
		participants: gauge("participants", "Participants of all rooms.", s.Participants),
		requests:     counter("messages_total", "Requests and notifications received, by method.", "method"),
		failures:     counter("errors_total", "Requests answered with an error, by its reason.", "reason"),
		closes:       counter("closes_total", "WebSockets that ended, by close code; 0 stands for a broken connection.", "code"),
		handshakes:   counter("refused_handshakes_total", "WebSockets that did not come about, by reason.", "reason"),
		whispers:     counter("whispers_total", "Whispers sent, by status.", "status"),
		calls:        counter("calls_total", "Calls that this node has brought into a state, by that state.", "state"),
		joinDurations: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "join_duration_seconds",
			Help:    "From a join's arrival to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 12),
		}),
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{
		m.connections, m.sessions, m.rooms, m.participants, m.requests, m.failures,
		m.closes, m.handshakes, m.whispers, m.calls, m.joinDurations,
	}
}

// Describe is part of prometheus.Collector.
func (s *Server) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range s.metrics.all() {
		c.Describe(ch)
	}
}

// Collect is part of prometheus.Collector.
func (s *Server) Collect(ch chan<- prometheus.Metric) {
	for _, c := range s.metrics.all() {
		c.Collect(ch)
	}
}

func (m *metrics) received(method string)    { m.requests.WithLabelValues(method).Inc() }
func (m *metrics) failed(e *Error)           { m.failures.WithLabelValues(e.Data.Reason).Inc() }
func (m *metrics) refused(reason string)     { m.handshakes.WithLabelValues(reason).Inc() }
func (m *metrics) whispered(status string)   { m.whispers.WithLabelValues(status).Inc() }
func (m *metrics) joined(took time.Duration) { m.joinDurations.Observe(took.Seconds()) }

// closed counts the end of a WebSocket: by the server's status if it gave one,
// else by the client's. A client may send any code, so all that are not the
// usual ones count as one.
func (m *metrics) closed(status closeStatus, err error) {
	label := strconv.Itoa(status.code)
	if status.code == 0 {
		switch {
		case websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway):
			label = strconv.Itoa(err.(*websocket.CloseError).Code) //nolint:errorlint // IsCloseError asserts the same
		case err != nil && !websocket.IsUnexpectedCloseError(err):
		default:
			label = "other"
		}
	}
	m.closes.WithLabelValues(label).Inc()
}

func (s *Server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Participants counts those who are connected to this node.
func (s *Server) Participants() int {
	n := 0
	for _, r := range s.registry.allRooms() {
		n += r.locals()
	}
	return n
}

// locals counts the participants who are connected to this node, or were.
func (r *liveRoom) locals() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.members)
}
