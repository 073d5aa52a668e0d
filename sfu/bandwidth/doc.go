// Package bandwidth decides how much video one subscriber gets, and when: it estimates what the way to the subscriber carries beside the
// voice, shares that among the pictures, and spreads their packets over time. It has no sockets and no goroutines, and takes its
// clock from the caller, so that it is tested on simulated links.
//
//	Sent, Feedback ──► Estimator ──Rate──► Allocator ──► which layer of which picture
//	                     ▲   │   └─Rate──► Pacer ──► when each packet leaves
//	       Wanted ───────┘   └──Probe────► Pacer ──► padding that finds out whether more would fit
//
// Voice is outside of all this. It is sent at once and has no transport-wide numbers, so the estimate is of what is left beside it; when that is
// too little for a picture, the picture pauses.
//
// The Estimator has three parts, and its rate is the least of what the first two allow:
//   - the delay part is Google Congestion Control as in draft-ietf-rmcat-gcc-02 with the trendline filter that browsers have since: growing
//     delay means a growing queue, and the rate falls below what arrives before packets are lost;
//   - the loss part tells loss that the rate causes from loss that is there anyway, as on radio links, by fitting a model of both to the
//     last seconds (loss.go), since halving the rate does not help against the second;
//   - probes: short bursts at a higher rate. A server sends what cameras make, not what the link carries, so that only bursts
//     can show that a better layer would fit.
//
// pion/interceptor/pkg/gcc is not used: its loss part falls to 100 kbit/s at 10 % random loss, its estimate grows without limit while less is
// sent than it allows, it has no probes, and it reads the wall clock on goroutines of its own, which no simulation can follow.
package bandwidth
