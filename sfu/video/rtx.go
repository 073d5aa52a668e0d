package video

import "encoding/binary"

// rtxHeader is the original sequence number in front of a retransmitted payload.
const rtxHeader = 2

// DecapsulateRTX takes a retransmission apart (RFC 4588, section 4): the original sequence number and payload. ok is false where there is no payload, as in the
// padding that senders probe the bandwidth with: nothing is to be done with that. What comes back points into payload.
func DecapsulateRTX(payload []byte) (original uint16, media []byte, ok bool) {
	if len(payload) <= rtxHeader {
		return 0, nil, false
	}
	return binary.BigEndian.Uint16(payload), payload[rtxHeader:], true
}

// AppendRTX appends the head of a retransmission's payload (RFC 4588, section 4) to dst: after it goes what was sent as number, that is
//
//	out.AppendPayload(AppendRTX(dst, out.Number), payload)
func AppendRTX(dst []byte, number uint16) []byte { return binary.BigEndian.AppendUint16(dst, number) }
