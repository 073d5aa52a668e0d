package cluster

import "github.com/prometheus/client_golang/prometheus"

var (
	membersDesc = prometheus.NewDesc("hubbub_cluster_members", "Nodes that are thought to be alive, this one included.", nil, nil)
	claimsDesc  = prometheus.NewDesc("hubbub_cluster_claims", "Rooms whose owner, or recent end, this node remembers.", nil, nil)
	ownedDesc   = prometheus.NewDesc("hubbub_cluster_owned_rooms", "Rooms that this node owns.", nil, nil)
	queuedDesc  = prometheus.NewDesc("hubbub_cluster_gossip_queue", "Claims that wait to be told to other nodes.", nil, nil)
	ignoredDesc = prometheus.NewDesc("hubbub_cluster_gossip_ignored_total",
		"Gossip about rooms that was not used: malformed and overflow count messages, refused counts claims.", []string{"cause"}, nil)
	grantedDesc = prometheus.NewDesc("hubbub_cluster_granted_rooms_total", "Rooms that this node gave to a node, as their home.", nil, nil)
	lostDesc    = prometheus.NewDesc("hubbub_cluster_lost_rooms_total",
		"Rooms of this node that came to another one: handed over, succeeded, or given twice.", nil, nil)
	refutedDesc = prometheus.NewDesc("hubbub_cluster_refuted_claims_total",
		"Claims for this node that it knew nothing of: replayed, long past, or answered too late.", nil, nil)
)

// Describe implements prometheus.Collector.
func (d *Directory) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		membersDesc, claimsDesc, ownedDesc, queuedDesc, ignoredDesc, grantedDesc, lostDesc, refutedDesc,
	} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (d *Directory) Collect(ch chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value int) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value))
	}
	counter := func(desc *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
	}
	d.mu.Lock()
	known, owned := d.table.Len(), len(d.held)
	d.mu.Unlock()
	gauge(membersDesc, len(d.members.current.Load().nodes))
	gauge(claimsDesc, known)
	gauge(ownedDesc, owned)
	gauge(queuedDesc, d.queue.NumQueued())
	counter(ignoredDesc, d.counts.malformed.Load(), "malformed")
	counter(ignoredDesc, d.counts.overflow.Load(), "overflow")
	counter(ignoredDesc, d.counts.refused.Load(), "refused")
	counter(grantedDesc, d.counts.granted.Load())
	counter(lostDesc, d.counts.lost.Load())
	counter(refutedDesc, d.counts.refuted.Load())
}
