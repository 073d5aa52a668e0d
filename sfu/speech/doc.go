// Package speech decides who is heard: from the audio levels in packets' headers (RFC 6464) it tells speech from silence and
// noise, and gives a subscriber's few slots to those who speak. It sees neither payloads nor sockets, and takes its
// clock from the caller, so that it works with end-to-end encryption and is tested by replaying levels.
//
//	                  one for each source                   one for each subscriber
//	header's level ──► Detector.Observe ──► Verdict ──┬────► Assigner.Place ──► slot
//	                                                  └────► Assigner.Place ──► not heard here
//
// A Verdict is a value. Detectors and Assigners therefore share nothing and may live on different goroutines.
package speech
