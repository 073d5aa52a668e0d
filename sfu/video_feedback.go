package sfu

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/pion/rtcp"
)

// maxNACKs is how many packets are repeated for one NACK at most. A browser asks for some dozens at once.
const maxNACKs = 256

// receiveFeedback takes what a client says of the video that it is sent. SSRCs that are not those of its slots have no effect. It is called on the
// goroutine that receives the client's RTCP.
func (s *videoSubscriber) receiveFeedback(now time.Duration, packet rtcp.Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.estimator == nil {
		return
	}
	switch f := packet.(type) {
	case *rtcp.TransportLayerCC:
		s.takeArrivals(now, f)
	case *rtcp.TransportLayerNack:
		s.repair(now, f)
	case *rtcp.PictureLossIndication:
		s.takeLossIndication(func(ssrc uint32) bool { return f.MediaSSRC == ssrc })
	case *rtcp.FullIntraRequest:
		s.takeLossIndication(func(ssrc uint32) bool {
			return slices.ContainsFunc(f.FIR, func(entry rtcp.FIREntry) bool { return entry.SSRC == ssrc })
		})
	}
}

func (s *videoSubscriber) takeArrivals(now time.Duration, f *rtcp.TransportLayerCC) {
	if s.numbering == 0 {
		return
	}
	if err := s.estimator.Feedback(now, f); err != nil {
		s.counters.drop(dropMalformed)
		return
	}
	if rate := s.estimator.Rate(now); rate < s.rate {
		s.allocate(now) // what fits no longer must not wait
	} else if s.rate > 0 {
		s.pacer.SetRate(rate)
	}
}

// takeLossIndication passes on that a client cannot decode what it has of some streams.
func (s *videoSubscriber) takeLossIndication(lost func(ssrc uint32) bool) {
	for _, t := range s.slots {
		if t.occupant == nil || !lost(t.plan.ssrc) {
			continue
		}
		s.counters.video.keyframeRequestsIn.Add(1)
		if stream, ok := t.stream.Current(); ok {
			t.occupant.requestKeyframe(stream)
		}
	}
}

// repair repeats what a client has not got. A packet is repeated once in a round trip at most.
func (s *videoSubscriber) repair(now time.Duration, f *rtcp.TransportLayerNack) {
	var slot *videoSlot
	for _, t := range s.slots {
		if t.plan.ssrc == f.MediaSSRC && t.history != nil {
			slot = t
		}
	}
	if slot == nil {
		return
	}
	s.counters.video.nacksIn.Add(1)
	rtt := s.estimator.RTT()
	asked := 0
	for _, pair := range f.Nacks {
		pair.Range(func(number uint16) bool {
			asked++
			out, packet, ok := slot.history.Get(now, number, rtt)
			if ok {
				packet.retain()
				v := videoSending{slot: slot, out: out, packet: packet, repair: true}
				if !s.pacer.PushFirst(v, packet.length+videoPacketOverhead) {
					packet.release()
				}
			}
			return asked < maxNACKs
		})
		if asked >= maxNACKs {
			break
		}
	}
	s.peer.lane.video.attend(s.peer)
}

// plausibleRTCP says whether a compound packet can be read at no more cost than its length justifies: transport-wide feedback may claim, in a few
// bytes, the arrival of 65,535 packets, for each of which a reader makes room before it finds that their times are missing.
func plausibleRTCP(b []byte) bool {
	const (
		transportFeedback = 205
		transportWide     = 15
		feedbackHeader    = 20
	)
	for len(b) >= 4 {
		length := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if length > len(b) {
			return false
		}
		if b[1] == transportFeedback && b[0]&0x1f == transportWide &&
			(length < feedbackHeader || !plausibleArrivals(b[feedbackHeader:length], int(binary.BigEndian.Uint16(b[14:])))) {
			return false
		}
		b = b[length:]
	}
	return len(b) == 0
}

// plausibleArrivals says whether there are as many times as arrivals in transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1). b begins
// with the chunks, which tell of so many packets.
func plausibleArrivals(b []byte, packets int) bool {
	times := 0 // bytes of them
	for packets > 0 {
		if len(b) < 2 {
			return false
		}
		chunk := binary.BigEndian.Uint16(b)
		b = b[2:]
		switch {
		case chunk>>15 == 0: // run length
			run := min(int(chunk&0x1fff), packets)
			if symbol := int(chunk >> 13 & 3); symbol < 3 {
				times += run * symbol // 1: a byte, 2: two
			}
			packets -= run
			if run == 0 {
				return false
			}
		case chunk>>14&1 == 0: // a vector of one bit each
			for bit := 13; bit >= 0 && packets > 0; bit-- {
				times += int(chunk >> bit & 1)
				packets--
			}
		default: // of two bits
			for bit := 12; bit >= 0 && packets > 0; bit -= 2 {
				if symbol := int(chunk >> bit & 3); symbol < 3 {
					times += symbol
				}
				packets--
			}
		}
		if times > len(b) {
			return false
		}
	}
	return times <= len(b)
}
