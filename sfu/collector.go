package sfu

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	peersDesc     = prometheus.NewDesc("hubbub_sfu_peers", "Media connections.", []string{"lane"}, nil)
	routersDesc   = prometheus.NewDesc("hubbub_sfu_rooms", "Rooms with media.", nil, nil)
	datagramsDesc = prometheus.NewDesc("hubbub_sfu_datagrams_received_total",
		"UDP datagramsDesc received on media ports, whatever they were.", nil, nil)
	packetsDesc = prometheus.NewDesc("hubbub_sfu_packets_total",
		"RTP packets of sound: in after decryption, out for each receiver.", []string{"direction"}, nil)
	bytesDesc = prometheus.NewDesc("hubbub_sfu_payload_bytes_total",
		"Bytes of RTP payload of sound: in after decryption, out for each receiver.", []string{"direction"}, nil)
	dropsDesc    = prometheus.NewDesc("hubbub_sfu_dropped_packets_total", "Packets dropped, by cause.", []string{"cause"}, nil)
	switchesDesc = prometheus.NewDesc("hubbub_sfu_selection_switches_total", "Slots given to a speaker that had none.", nil, nil)
	delayDesc    = prometheus.NewDesc("hubbub_sfu_forwarding_delay_seconds",
		"From a packet's decryption until a lane has sent it to all its receivers.", nil, nil)
)

// Describe implements prometheus.Collector.
func (s *SFU) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{peersDesc, routersDesc, datagramsDesc, packetsDesc, bytesDesc, dropsDesc, switchesDesc, delayDesc} {
		ch <- d
	}
	describeRelays(ch)
	describeVideo(ch)
}

// Collect implements prometheus.Collector.
func (s *SFU) Collect(ch chan<- prometheus.Metric) {
	sum := func(value func(*laneCounters) *atomic.Uint64) float64 {
		var total uint64
		for _, l := range s.lanes {
			total += value(&l.counters).Load()
		}
		return float64(total)
	}
	counter := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
	}
	for i, l := range s.lanes {
		ch <- prometheus.MustNewConstMetric(peersDesc, prometheus.GaugeValue, float64(l.counters.peers.Load()), strconv.Itoa(i))
	}
	ch <- prometheus.MustNewConstMetric(routersDesc, prometheus.GaugeValue, float64(s.rooms.Load()))
	counter(datagramsDesc, sum(func(c *laneCounters) *atomic.Uint64 { return &c.datagramsIn }))
	counter(packetsDesc, sum(func(c *laneCounters) *atomic.Uint64 { return &c.packetsIn }), "in")
	counter(packetsDesc, sum(func(c *laneCounters) *atomic.Uint64 { return &c.packetsOut }), "out")
	counter(bytesDesc, sum(func(c *laneCounters) *atomic.Uint64 { return &c.bytesIn }), "in")
	counter(bytesDesc, sum(func(c *laneCounters) *atomic.Uint64 { return &c.bytesOut }), "out")
	for cause := range dropCauses {
		counter(dropsDesc, sum(func(c *laneCounters) *atomic.Uint64 { return &c.drops[cause] }), cause.String())
	}
	counter(switchesDesc, sum(func(c *laneCounters) *atomic.Uint64 { return &c.switches }))
	s.collectDelays(ch)
	s.collectRelays(ch)
	s.collectVideo(ch)
}

func (s *SFU) collectDelays(ch chan<- prometheus.Metric) {
	buckets := make(map[float64]uint64, len(delayBuckets))
	var count uint64
	var sum int64
	for i := range len(delayBuckets) + 1 {
		for _, l := range s.lanes {
			count += l.counters.delays[i].Load()
		}
		if i < len(delayBuckets) {
			buckets[delayBuckets[i].Seconds()] = count
		}
	}
	for _, l := range s.lanes {
		sum += l.counters.delaySum.Load()
	}
	ch <- prometheus.MustNewConstHistogram(delayDesc, count, float64(sum)/1e9, buckets)
}
