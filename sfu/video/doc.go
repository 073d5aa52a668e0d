// Package video makes the pictures of a video slot: one continuous RTP stream out of the encodings (simulcast) of changing sources, such that
// whatever is forwarded can be decoded. It is to video what speech and continuity are to voice: RFC 7667's "selective forwarding
// middlebox", section 3.7, without sockets or goroutines.
//
//	one for each incoming stream (one SSRC: one encoding of a source)                 one for each video slot
//	payload ──► Inspect ──────► Facts ──────┐                                    ┌──► Stream.Next ──► Out ──► History
//	seq ──────► Unwrapper ────► Number ─────┼──► Packet ─────────────────────────┤
//	            └► Reception ─► what to ask again (NACK), when to ask for a      └──► Stream.Next ──► Out ──► History
//	                            key frame (PLI)
//
// The rules:
//   - A picture can be decoded when those that it refers to were. So another encoding or another source begins with a key frame, until which
//     the one before goes on; a temporal layer is added where the format says that this is possible, and dropped at any frame.
//   - A slot's sequence numbers have no gaps of the server's making: what is not forwarded is not counted. What was lost on the way to the server is counted, so
//     that the receiver asks for it; when it comes after all, it gets the number that was kept for it.
//   - Timestamps go forward, over changes of encoding and source too, by as much as the clock did.
//   - A receiver looks for gaps in VP8's picture ids as well (libwebrtc's RtpVp8RefFinder waits for a missing picture), and for the positions of VP9's in the
//     group of pictures. So VP8's are counted anew, without those that were dropped, while VP9's only move by a constant from one key frame of a change to the next.
//
// Everything here belongs to one goroutine at a time, takes its clock from the caller and is bounded in memory; what is called for each packet does not allocate.
package video
