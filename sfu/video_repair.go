package sfu

import (
	"time"

	"github.com/pion/rtcp"
)

const (
	// feedbackInterval is how often a sender is told what has arrived, for its own estimate of bandwidth. Browsers tell every 50 to 250 ms; at 50 ms it is
	// 20 packets of some 50 bytes a second.
	feedbackInterval = 50 * time.Millisecond
	// repairInterval is how often it is looked for what is missing.
	repairInterval = 10 * time.Millisecond
	// firstRoundTrip is what a client's round trip is taken for until it is known.
	firstRoundTrip = 100 * time.Millisecond
	// maxFeedbackPackets bounds what is sent at a time. One tells of thousands of packets, unless their times leap.
	maxFeedbackPackets = 8
)

// appendFeedback appends what the sender is to be told now: what is missing, what has arrived, where a key frame is needed.
func (r *videoReceiver) appendFeedback(to []rtcp.Packet, now time.Duration) []rtcp.Packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now-r.askedAt >= repairInterval {
		r.askedAt = now
		to = r.appendRequests(to, now)
	}
	if r.untold && now-r.toldAt >= feedbackInterval {
		r.untold, r.toldAt = false, now
		packets := r.arrivals.BuildFeedbackPacket()
		to = append(to, packets[:min(len(packets), maxFeedbackPackets)]...)
	}
	return to
}

// appendRequests appends requests for what is missing of encodings that somebody uses.
func (r *videoReceiver) appendRequests(to []rtcp.Packet, now time.Duration) []rtcp.Packet {
	counters := &r.peer.lane.counters.video
	rtt := r.peer.roundTrip()
	for _, s := range r.sources {
		for _, t := range s.streams {
			if t.ssrc == 0 {
				continue
			}
			r.missing = t.reception.AppendMissing(r.missing[:0], now, rtt)
			if t.reception.Abandoned() && s.wants(t.layer) {
				t.keyframeDue = true
			}
			if len(r.missing) > 0 && s.wants(t.layer) {
				counters.nacksOut.Add(1)
				to = append(to, &rtcp.TransportLayerNack{
					SenderSSRC: r.peer.reporter, MediaSSRC: t.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(r.missing),
				})
			}
			if t.keyframeDue && now-t.keyframeAt >= max(keyframeInterval, rtt) {
				t.keyframeDue, t.keyframeAt = false, now
				counters.keyframeRequestsOut.Add(1)
				to = append(to, &rtcp.PictureLossIndication{SenderSSRC: r.peer.reporter, MediaSSRC: t.ssrc})
			}
		}
	}
	return to
}

// busy says whether packets have come lately, or something is to be asked for.
func (r *videoReceiver) busy(now time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.untold {
		return true
	}
	for _, s := range r.sources {
		for _, t := range s.streams {
			if t.ssrc != 0 && (t.keyframeDue || t.meter.receivedAt > 0 && now-t.meter.receivedAt < videoSilence) {
				return true
			}
		}
	}
	return false
}

// appendReports appends what receiver reports say of the streams of which something came.
func (r *videoReceiver) appendReports(to []rtcp.ReceptionReport, now time.Duration) []rtcp.ReceptionReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sources {
		for _, t := range s.streams {
			if len(to) == maxReportBlocks {
				return to
			}
			if block, ok := t.stats.report(now); ok {
				to = append(to, block)
			}
		}
	}
	return to
}

// roundTrip is the time to the client and back as far as it is known, from reports that it sent on ours.
func (p *Peer) roundTrip() time.Duration {
	if rtt := time.Duration(p.rtt.Load()); rtt > 0 {
		return rtt
	}
	return firstRoundTrip
}

// noteReceptionReports measures the round trip (RFC 3550, section 6.4.1: DLSR).
func (p *Peer) noteReceptionReports(now time.Duration, blocks []rtcp.ReceptionReport) {
	const longest = 5 * time.Second
	sent := uint32(ntpTime(p.sfu.wallClock(now)) >> 16)
	for _, b := range blocks {
		if b.LastSenderReport == 0 {
			continue
		}
		rtt := time.Duration(sent-b.LastSenderReport-b.Delay) * time.Second / 65536
		if rtt < 0 || rtt > longest {
			continue
		}
		if old := time.Duration(p.rtt.Load()); old > 0 {
			rtt = (7*old + rtt) / 8
		}
		p.rtt.Store(int64(max(rtt, time.Millisecond)))
	}
}
