package sfu

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	videoPacketsDesc = prometheus.NewDesc("hubbub_sfu_video_packets_total",
		"RTP packets of video: in after decryption, out for each receiver.", []string{"direction"}, nil)
	videoBytesDesc = prometheus.NewDesc("hubbub_sfu_video_payload_bytes_total",
		"Bytes of video payload: in after decryption, out for each receiver.", []string{"direction"}, nil)
	videoRepeatsDesc = prometheus.NewDesc("hubbub_sfu_video_repeated_packets_total",
		"Packets of video sent once more: in by clients, out to clients, for what they lost or to probe.", []string{"direction"}, nil)
	videoNACKsDesc = prometheus.NewDesc("hubbub_sfu_video_nacks_total",
		"Requests for lost packets: in from clients, out to clients.", []string{"direction"}, nil)
	videoKeyframesDesc = prometheus.NewDesc("hubbub_sfu_video_keyframe_requests_total",
		"Requests for key frames: in from clients, out to clients.", []string{"direction"}, nil)
	videoPausesDesc    = prometheus.NewDesc("hubbub_sfu_video_pauses_total", "Pictures paused since there was no bandwidth for them.", nil, nil)
	videoBandwidthDesc = prometheus.NewDesc("hubbub_sfu_video_bandwidth_bits_per_second",
		"Estimated bandwidth for video to each client that sees any now.", nil, nil)
)

// videoBandwidthBuckets are the upper bounds of the histogram of estimates, in bits/s.
var videoBandwidthBuckets = [...]float64{100e3, 200e3, 300e3, 500e3, 1e6, 2e6, 3e6, 5e6, 10e6}

// videoCounters are what a lane's peers count of video, which is not among the lane's packets and bytes. Drops are counted together.
type videoCounters struct {
	packetsIn, bytesIn                      atomic.Uint64 // decrypted; bytes of payload
	packetsOut, bytesOut                    atomic.Uint64 // with those that are repeated
	rtxIn, rtxOut                           atomic.Uint64 // packets
	nacksIn, nacksOut                       atomic.Uint64 // each of any number of packets
	keyframeRequestsIn, keyframeRequestsOut atomic.Uint64
	pauses                                  atomic.Uint64
}

func describeVideo(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		videoPacketsDesc, videoBytesDesc, videoRepeatsDesc, videoNACKsDesc, videoKeyframesDesc, videoPausesDesc, videoBandwidthDesc,
	} {
		ch <- d
	}
}

func (s *SFU) collectVideo(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, value func(*videoCounters) *atomic.Uint64, labels ...string) {
		var total uint64
		for _, l := range s.lanes {
			total += value(&l.counters.video).Load()
		}
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(total), labels...)
	}
	counter(videoPacketsDesc, func(c *videoCounters) *atomic.Uint64 { return &c.packetsIn }, "in")
	counter(videoPacketsDesc, func(c *videoCounters) *atomic.Uint64 { return &c.packetsOut }, "out")
	counter(videoBytesDesc, func(c *videoCounters) *atomic.Uint64 { return &c.bytesIn }, "in")
	counter(videoBytesDesc, func(c *videoCounters) *atomic.Uint64 { return &c.bytesOut }, "out")
	counter(videoRepeatsDesc, func(c *videoCounters) *atomic.Uint64 { return &c.rtxIn }, "in")
	counter(videoRepeatsDesc, func(c *videoCounters) *atomic.Uint64 { return &c.rtxOut }, "out")
	counter(videoNACKsDesc, func(c *videoCounters) *atomic.Uint64 { return &c.nacksIn }, "in")
	counter(videoNACKsDesc, func(c *videoCounters) *atomic.Uint64 { return &c.nacksOut }, "out")
	counter(videoKeyframesDesc, func(c *videoCounters) *atomic.Uint64 { return &c.keyframeRequestsIn }, "in")
	counter(videoKeyframesDesc, func(c *videoCounters) *atomic.Uint64 { return &c.keyframeRequestsOut }, "out")
	counter(videoPausesDesc, func(c *videoCounters) *atomic.Uint64 { return &c.pauses })
	s.collectBandwidth(ch)
}

// collectBandwidth looks at the present estimates, so that the histogram is a snapshot, and not a sum over time.
func (s *SFU) collectBandwidth(ch chan<- prometheus.Metric) {
	buckets := make(map[float64]uint64, len(videoBandwidthBuckets))
	for _, bound := range videoBandwidthBuckets {
		buckets[bound] = 0
	}
	var count uint64
	var sum float64
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.peers {
		subscriber := p.subscriber.Load()
		if subscriber == nil {
			continue
		}
		rate := subscriber.video.allowed()
		if rate == 0 {
			continue
		}
		count++
		sum += float64(rate)
		for bound := range buckets {
			if float64(rate) <= bound {
				buckets[bound]++
			}
		}
	}
	ch <- prometheus.MustNewConstHistogram(videoBandwidthDesc, count, sum, buckets)
}

// allowed is how many bits/s of video the client may be sent, 0 while there is nothing to see.
func (s *videoSubscriber) allowed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rate
}
