package sfu

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"hubbub/sfu/video"
)

const (
	// smallProbe, in bytes, is below what a packet is probed with padding. At 300 kbit/s, which asks for about that much, a whole packet takes 32 ms.
	smallProbe = 500
	// maxPaddingBytes is how much padding a packet may have: its last byte says how much.
	maxPaddingBytes = 255
)

// videoSending is a packet that waits to be sent in a slot. It holds a reference of the packet's.
type videoSending struct {
	slot   *videoSlot
	out    video.Out
	packet *videoPacket
	repair bool // it has been sent before
}

// videoWriter puts a subscriber's packets together. It belongs to the lane's videoClock.
type videoWriter struct {
	plain, turned rtp.Header // without and with the orientation
	number        [2]byte    // extensions of both
	orientation   [1]byte
	csrc          [1]uint32
	payload       [maxPayload + 3]byte // with the number in front of what is repeated, and VP8's picture id in its long form
}

// newVideoWriter returns a writer for a client that wants extensions by these identifiers, 0 for those that it does not want.
func newVideoWriter(numbering, orientation uint8) *videoWriter {
	w := &videoWriter{}
	extend := func(h *rtp.Header, id uint8, value []byte) {
		if id == 0 {
			return
		}
		if max(numbering, orientation) > 14 && !h.Extension {
			h.Extension, h.ExtensionProfile = true, rtp.ExtensionProfileTwoByte
		}
		// The header keeps the slice, so that values are written into it from now on. It can only fail for values that are too long.
		_ = h.SetExtension(id, value)
	}
	w.plain = rtp.Header{Version: 2, CSRC: w.csrc[:]}
	w.turned = rtp.Header{Version: 2, CSRC: w.csrc[:]}
	extend(&w.plain, numbering, w.number[:])
	extend(&w.turned, numbering, w.number[:])
	extend(&w.turned, orientation, w.orientation[:])
	return w
}

// tick does what is due without being sent at once: sharing what the way carries. It appends the sender reports that are due.
func (s *videoSubscriber) tick(now time.Duration, to []rtcp.Packet) []rtcp.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.slots) == 0 || !s.peer.connected.Load() {
		return to
	}
	if now-s.allocated >= allocationInterval {
		s.allocate(now)
	}
	for _, t := range s.slots {
		if report := t.senderReport(now, s.peer.sfu.wallClock(now)); report != nil {
			to = append(to, report)
		}
	}
	return to
}

// silent says whether any occupant has not been heard of for long.
func (s *videoSubscriber) silent(now time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.slots {
		if t.occupant != nil && now-time.Duration(t.occupant.receivedAt.Load()) >= videoSilence {
			return true
		}
	}
	return false
}

// busy says whether anything may be due soon.
func (s *videoSubscriber) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rate > 0 || s.pacer != nil && s.pacer.Len() > 0
}

// ready says whether a packet may be sent now.
func (s *videoSubscriber) ready(now time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pacer != nil && s.pacer.Wait(now) == 0
}

// send sends what the pacer lets go now, up to a number of packets. It reports whether there may be more. It is called with the lane's lock held.
func (s *videoSubscriber) send(now time.Duration, packets int) (more bool) {
	for range packets {
		header, payload, ok := s.next(now)
		if !ok {
			return false
		}
		if header == nil {
			continue
		}
		if err := s.peer.transport.SendRTP(header, payload); err != nil {
			s.counters.drop(dropUnsent)
			continue
		}
		s.counters.video.packetsOut.Add(1)
		s.counters.video.bytesOut.Add(uint64(len(payload)))
	}
	return true
}

// next puts the next packet together. What it returns is valid until the next call. ok is false when there is none; header is nil for one that is not to be
// sent any more.
func (s *videoSubscriber) next(now time.Duration) (header *rtp.Header, payload []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pacer == nil {
		return nil, nil, false
	}
	if v, probe, ok := s.pacer.Pop(now); ok {
		if v.repair {
			header, payload = s.repeat(now, v, probe)
			v.packet.release()
		} else {
			header, payload = s.write(now, v, probe)
		}
		return header, payload, true
	}
	bytes, probe, ok := s.pacer.Padding(now)
	if !ok {
		return nil, nil, false
	}
	for _, t := range s.slots {
		if header, payload = s.probe(now, t, bytes, probe); header != nil {
			s.pacer.Padded(now, s.size(header, payload))
			return header, payload, true
		}
	}
	s.pacer.Padded(now, 0)
	return nil, nil, false
}

// probe makes a packet of a slot's repair stream that is there to be counted: one of the newest once more, which may be of use, or padding where the way is so narrow that a
// large packet would hold up the sound. header is nil when the slot has nothing to probe with.
func (s *videoSubscriber) probe(now time.Duration, t *videoSlot, bytes int, probe uint32) (header *rtp.Header, payload []byte) {
	if bytes < smallProbe {
		return s.pad(now, t, bytes, probe)
	}
	if v, ok := t.padding(now); ok {
		return s.repeat(now, v, probe)
	}
	return nil, nil
}

// pad makes a packet of nothing but padding (RFC 3550, section 5.1), of so many bytes as near as may be.
func (s *videoSubscriber) pad(now time.Duration, t *videoSlot, bytes int, probe uint32) (*rtp.Header, []byte) {
	if t.packets == 0 || t.plan.rtxSSRC == 0 || t.payloadType == 0 {
		return nil, nil
	}
	header := &s.writer.plain
	t.repairNumber++
	header.SSRC, header.PayloadType, header.SequenceNumber = t.plan.rtxSSRC, t.payloadType, t.repairNumber
	header.Timestamp, header.Marker, header.Padding = t.sent.Timestamp, false, true
	padding := s.writer.payload[:min(max(bytes-videoPacketOverhead, 1), maxPaddingBytes)]
	clear(padding)
	padding[len(padding)-1] = byte(len(padding))
	s.count(now, header, padding, probe)
	return header, padding
}

// write makes a packet of a slot's stream, and keeps it for when it is asked for again.
func (s *videoSubscriber) write(now time.Duration, v videoSending, probe uint32) (*rtp.Header, []byte) {
	t := v.slot
	codec, ok := t.codec(v.packet.Codec)
	if !ok || s.ended {
		v.packet.release()
		return nil, nil
	}
	header := s.header(v)
	header.SSRC, header.PayloadType = t.plan.ssrc, codec.payloadType
	header.SequenceNumber = v.out.Number
	payload := v.out.AppendPayload(s.writer.payload[:0], v.packet.payload())
	s.count(now, header, payload, probe)
	t.payloadType = codec.rtxPayloadType
	t.packets++
	t.octets += uint32(len(payload))
	t.sent, t.captured, t.sentAt = v.out, v.packet.Captured, now
	t.history.Put(v.out, v.packet)
	return header, payload
}

// repeat makes a packet of a slot's repair stream (RFC 4588), or the same packet again for a client that has none.
func (s *videoSubscriber) repeat(now time.Duration, v videoSending, probe uint32) (*rtp.Header, []byte) {
	t := v.slot
	codec, ok := t.codec(v.packet.Codec)
	if !ok || s.ended {
		return nil, nil
	}
	header := s.header(v)
	payload := s.writer.payload[:0]
	if codec.rtxPayloadType != 0 && t.plan.rtxSSRC != 0 {
		t.repairNumber++
		header.SSRC, header.PayloadType, header.SequenceNumber = t.plan.rtxSSRC, codec.rtxPayloadType, t.repairNumber
		payload = video.AppendRTX(payload, v.out.Number)
	} else {
		header.SSRC, header.PayloadType, header.SequenceNumber = t.plan.ssrc, codec.payloadType, v.out.Number
	}
	payload = v.out.AppendPayload(payload, v.packet.payload())
	s.count(now, header, payload, probe)
	s.counters.video.rtxOut.Add(1)
	return header, payload
}

// header is that of a packet, but for its stream.
func (s *videoSubscriber) header(v videoSending) *rtp.Header {
	w := s.writer
	header := &w.plain
	if v.packet.oriented && s.oriented != 0 {
		header = &w.turned
		w.orientation[0] = v.packet.orientation
	}
	header.Timestamp, header.Marker, header.Padding = v.out.Timestamp, v.out.Marker, false
	w.csrc[0] = v.packet.contributor.participant.csrc
	return header
}

// count gives a packet its transport-wide number.
func (s *videoSubscriber) count(now time.Duration, header *rtp.Header, payload []byte, probe uint32) {
	if s.numbering == 0 {
		return
	}
	s.number++
	binary.BigEndian.PutUint16(s.writer.number[:], s.number)
	s.estimator.Sent(now, s.number, s.size(header, payload), probe)
}

// size is that of a packet as UDP payload.
func (s *videoSubscriber) size(header *rtp.Header, payload []byte) int {
	const tag = 16 // AES-GCM
	return header.MarshalSize() + len(payload) + tag
}

// padding is one of the newest packets of a slot, to be sent once more. Browsers know it for what it is. ok is false when there is none, or no
// repair stream: the same packet twice would be taken for a replayed one.
func (t *videoSlot) padding(now time.Duration) (v videoSending, ok bool) {
	if t.packets == 0 || t.plan.rtxSSRC == 0 {
		return v, false
	}
	for range paddingRepeats {
		number := t.sent.Number - t.repeated%paddingRepeats
		t.repeated++
		if out, packet, ok := t.history.Get(now, number, 0); ok {
			return videoSending{slot: t, out: out, packet: packet, repair: true}, true
		}
	}
	return v, false
}
