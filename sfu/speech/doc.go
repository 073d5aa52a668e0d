// Package speech decides who is heard: from the audio levels in packets' headers (RFC 6464) it tells speech from silence and
// noise, and gives a subscriber's few slots to those who speak. It sees neither payloads nor sockets, and takes its
// clock from the caller, so that it works with end-to-end encryption and is tested by replaying levels.
//
//	                  one for each source                   one for each subscriber
//	header's level ──► Detector.Observe ──► Verdict ──┬────► Assigner.Place ──► slot
//	                                                  └────► Assigner.Place ──► not heard here
//
// A Verdict is a value. Detectors and Assigners therefore share nothing and may live on different goroutines.
//
// The rules, most of which matter only where there are more sources than slots:
//   - Who has a slot keeps it until another needs it. Where there are enough for all, each has one for good (Assigner.Fill).
//   - Who begins to speak gets an empty slot with the first packet, and that of someone quiet with the second. Quiet is 400 ms
//     without voice, where the sender's voice flag says what voice is, or, from a sender that never sets it, a level above -60 dBov.
//     Constant noise below -40 dBov is no voice whatever a flag that is always set says.
//   - Where all are speaking, someone who has been speaking for half a second and is 6 dB louder than the weakest takes their slot.
//   - Faint speech (below -45 dBov) and streams without levels that hide their pauses wait longer for a slot, and a faint speaker
//     makes way for a plain one at once.
//   - A source that was silent for three seconds is forwarded to nobody until its next sound.
//
// The algorithm is not the dominant speaker identification of Volfin and Cohen, which other servers use: that ranks everyone to find one
// speaker, while slots need a yes or no for each packet that comes, and should change as seldom as possible.
package speech
