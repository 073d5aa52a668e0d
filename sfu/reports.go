package sfu

import (
	"cmp"
	"sync"
	"time"

	"github.com/pion/rtcp"
)

const (
	// reportInterval is how often receiver reports are sent, for streams from which something came; browsers tell round trip and loss by them.
	reportInterval = time.Second
	// senderReportInterval is the same for sender reports: five seconds is the usual minimum (RFC 3550, section 6.2).
	senderReportInterval = 5 * time.Second
	// activeFor is how long after its last packet a slot is reported on. Reports on slots that have never sent confuse receivers.
	activeFor = 6 * time.Second
	// maxReportBlocks is how many fit a report: its count has five bits (RFC 3550, section 6.4.2).
	maxReportBlocks = 31

	// maxRTCPRate is how many compound packets of a client are read within a second. A browser that sees eight pictures and sends one has about a hundred, when much
	// is lost.
	maxRTCPRate = 400

	opusClock = 48000
)

// receptionStats are the statistics of one incoming stream, for receiver reports (RFC 3550, appendices A.1, A.3 and A.8). The lock is between
// the receiving goroutine and the lane of the same peer, once a second.
type receptionStats struct {
	clock int64 // of the timestamps, in Hz; 0 is that of Opus

	mu       sync.Mutex
	ssrc     uint32
	base     int64
	highest  int64 // extended sequence number
	received int64
	transit  int64
	jitter   float64

	arrived   time.Duration // the last packet
	timestamp uint32        // of it

	reportedExpected, reportedReceived int64
	senderReport                       uint32 // middle bits of the NTP timestamp of the last one
	senderReportAt                     time.Duration
}

// observe counts a packet. skipped is how many have come since the last one and were not looked at.
func (r *receptionStats) observe(now time.Duration, h *rtpHeader, skipped int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	transit := int64(now)*(cmp.Or(r.clock, opusClock)/1000)/int64(time.Millisecond) - int64(h.timestamp)
	step := int64(int16(h.seq - uint16(r.highest)))
	if r.ssrc != h.ssrc || r.received == 0 || step > 3000 || step < -3000 {
		r.ssrc, r.received, r.jitter = h.ssrc, 0, 0
		r.base, r.highest = int64(h.seq), int64(h.seq)
		r.reportedExpected, r.reportedReceived, r.senderReport = 0, 0, 0
	} else {
		r.highest = max(r.highest, r.highest+step)
		r.received += min(int64(skipped), max(step-1, 0)) // no more than can have come
		difference := float64(int32(transit - r.transit))
		r.jitter += (max(difference, -difference) - r.jitter) / 16
	}
	r.transit = transit
	r.arrived, r.timestamp = now, h.timestamp
	r.received++
}

// lastOf is when the last packet of a stream arrived, and its timestamp.
func (r *receptionStats) lastOf(ssrc uint32) (arrived time.Duration, timestamp uint32, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.arrived, r.timestamp, r.received > 0 && r.ssrc == ssrc
}

// noteSenderReport keeps what the next receiver report has to say about the sender's last report.
func (r *receptionStats) noteSenderReport(now time.Duration, report *rtcp.SenderReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if report.SSRC == r.ssrc {
		r.senderReport, r.senderReportAt = uint32(report.NTPTime>>16), now
	}
}

// report returns a block about what has come since the last one. ok is false when nothing has.
func (r *receptionStats) report(now time.Duration) (block rtcp.ReceptionReport, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.received == r.reportedReceived {
		return block, false
	}
	expected := r.highest - r.base + 1
	lost := expected - r.received
	expectedNow, receivedNow := expected-r.reportedExpected, r.received-r.reportedReceived
	r.reportedExpected, r.reportedReceived = expected, r.received
	block = rtcp.ReceptionReport{
		SSRC:               r.ssrc,
		TotalLost:          uint32(min(max(lost, 0), 1<<24-1)),
		LastSequenceNumber: uint32(r.highest),
		Jitter:             uint32(r.jitter),
		LastSenderReport:   r.senderReport,
	}
	if lostNow := expectedNow - receivedNow; lostNow > 0 {
		block.FractionLost = uint8(min(lostNow*256/expectedNow, 255))
	}
	if r.senderReport != 0 {
		block.Delay = uint32((now - r.senderReportAt) * 65536 / time.Second)
	}
	return block, true
}

// ReceiveRTCP implements TransportHandler. Of what clients say of sound, their clocks matter, and how much of it they lose.
func (p *Peer) ReceiveRTCP(b []byte) {
	now := p.sfu.now()
	if second := now / time.Second; p.reportSecond != second {
		p.reportSecond, p.reportCount = second, 0
	}
	if p.reportCount++; p.reportCount > maxRTCPRate {
		p.lane.counters.drop(dropFlood)
		return
	}
	if !plausibleRTCP(b) {
		p.lane.counters.drop(dropMalformed)
		return
	}
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		p.lane.counters.drop(dropMalformed)
		return
	}
	for _, packet := range packets {
		switch report := packet.(type) {
		case *rtcp.SenderReport:
			p.noteSenderReport(now, report)
			p.noteReceptionReports(now, report.Reports)
			p.noteSoundLoss(report.Reports)
		case *rtcp.ReceiverReport:
			p.noteReceptionReports(now, report.Reports)
			p.noteSoundLoss(report.Reports)
		default:
			if s := p.subscriber.Load(); s != nil {
				s.video.receiveFeedback(now, packet)
			}
		}
	}
}

// report sends what is due. It is called on the peer's lane.
func (p *Peer) report(now time.Duration) {
	if !p.connected.Load() {
		return
	}
	var packets []rtcp.Packet
	if s := p.subscriber.Load(); s != nil {
		packets = s.senderReports(now, p.sfu.wallClock(now))
	}
	var blocks []rtcp.ReceptionReport
	streams := p.streams.Load()
	for _, s := range streams.sources {
		if block, ok := s.stats.report(now); ok && len(blocks) < maxReportBlocks {
			if c := s.contributor.Load(); c != nil {
				block.FractionLost = max(block.FractionLost, c.listenerLoss())
			}
			blocks = append(blocks, block)
		}
	}
	if streams.video != nil {
		blocks = streams.video.appendReports(blocks, now)
	}
	if len(blocks) > 0 {
		packets = append(packets, &rtcp.ReceiverReport{SSRC: p.reporter, Reports: blocks})
	}
	if len(packets) > 0 {
		// What cannot be sent is sent anew in a second.
		_ = p.transport.SendRTCP(packets)
	}
}

// senderReports are those of the slots that carry something, when they are due.
func (s *subscriber) senderReports(now time.Duration, wall time.Time) []rtcp.Packet {
	if now-s.reportedAt < senderReportInterval {
		return nil
	}
	s.reportedAt = now
	var packets []rtcp.Packet
	for _, slot := range s.slots {
		stream := slot.stream
		if stream == nil || now-stream.sentAt >= activeFor {
			continue
		}
		packets = append(packets, &rtcp.SenderReport{
			SSRC: slot.ssrc, NTPTime: ntpTime(wall), RTPTime: stream.numbers.TimestampAt(now),
			PacketCount: stream.packets, OctetCount: stream.octets,
		})
	}
	return packets
}

// ntpTime is a moment in the format of RFC 3550, section 4: seconds since 1900 in 32.32 fixed point.
func ntpTime(t time.Time) uint64 {
	const from1900to1970 = 2208988800
	seconds := uint64(t.Unix() + from1900to1970)
	fraction := uint64(t.Nanosecond()) << 32 / uint64(time.Second)
	return seconds<<32 | fraction
}
