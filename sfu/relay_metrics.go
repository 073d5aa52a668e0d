package sfu

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	relaysDesc       = prometheus.NewDesc("hubbub_sfu_relays", "Relays to other nodes: one for each room and node.", nil, nil)
	relayPacketsDesc = prometheus.NewDesc("hubbub_sfu_relay_packets_total",
		"Packets exchanged with other nodes.", []string{"direction"}, nil)
	relayBytesDesc = prometheus.NewDesc("hubbub_sfu_relay_payload_bytes_total",
		"Bytes of payload exchanged with other nodes.", []string{"direction"}, nil)
	relayResentDesc = prometheus.NewDesc("hubbub_sfu_relay_resent_packets_total",
		"Packets of pictures that another node lost and was sent once more.", nil, nil)
	relayDropsDesc = prometheus.NewDesc("hubbub_sfu_relay_dropped_packets_total",
		"Packets from or for other nodes dropped, by cause.", []string{"cause"}, nil)
)

// relayCounters are what a lane's relays count, apart from what its peers do.
type relayCounters struct {
	packetsIn, bytesIn   atomic.Uint64 // well-formed; bytes of payload
	packetsOut, bytesOut atomic.Uint64 // once for each relay
	resent               atomic.Uint64
	drops                [dropCauses]atomic.Uint64
}

func (c *relayCounters) drop(cause dropCause) { c.drops[cause].Add(1) }

// receivers is how many a lane sends to.
func (c *laneCounters) receivers() int64 { return c.peers.Load() + c.relays.Load() }

// relayDropCauses are those that relays have.
var relayDropCauses = [...]dropCause{
	dropMalformed, dropUnexpected, dropSilent, dropDuplicate, dropSuperseded, dropNotSelected, dropLate, dropTooLarge,
}

func describeRelays(ch chan<- *prometheus.Desc) {
	ch <- relaysDesc
	ch <- relayPacketsDesc
	ch <- relayBytesDesc
	ch <- relayResentDesc
	ch <- relayDropsDesc
}

func (s *SFU) collectRelays(ch chan<- prometheus.Metric) {
	var relays int64
	var packetsIn, packetsOut, bytesIn, bytesOut, resent uint64
	var drops [dropCauses]uint64
	for _, l := range s.lanes {
		c := &l.counters.relayed
		relays += l.counters.relays.Load()
		packetsIn += c.packetsIn.Load()
		packetsOut += c.packetsOut.Load()
		bytesIn += c.bytesIn.Load()
		bytesOut += c.bytesOut.Load()
		resent += c.resent.Load()
		for _, cause := range relayDropCauses {
			drops[cause] += c.drops[cause].Load()
		}
	}
	counter := func(d *prometheus.Desc, value uint64, label string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), label)
	}
	ch <- prometheus.MustNewConstMetric(relaysDesc, prometheus.GaugeValue, float64(relays))
	counter(relayPacketsDesc, packetsIn, "in")
	counter(relayPacketsDesc, packetsOut, "out")
	counter(relayBytesDesc, bytesIn, "in")
	counter(relayBytesDesc, bytesOut, "out")
	ch <- prometheus.MustNewConstMetric(relayResentDesc, prometheus.CounterValue, float64(resent))
	for _, cause := range relayDropCauses {
		counter(relayDropsDesc, drops[cause], cause.String())
	}
}
