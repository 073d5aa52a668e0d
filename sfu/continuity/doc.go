// Package continuity makes one continuous RTP stream out of packets of changing sources, so that a receiver's jitter buffer sees
// nothing of the changes: the middle of RFC 7667's "selective forwarding middlebox", section 3.7.
//
//	one for each incoming stream              one for each slot of each subscriber
//	seq, timestamp ──► Source.Forward ──► Packet ──┬──► Stream.Next ──► seq, timestamp
//	                   Source.Drop                 └──► Stream.Next ──► seq, timestamp
//
// Source closes the gaps that the server makes itself by not forwarding packets, once for all subscribers, and leaves those that
// were losses on the way to the server, for which receivers have FEC and concealment. Stream joins one source's
// packets to those of the source before. Both are pure arithmetic: the clock is passed in, nothing allocates.
package continuity
