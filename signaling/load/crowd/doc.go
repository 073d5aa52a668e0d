// Package crowd is a load generator that costs little: so many light participants that the server is what is measured, and not they. Load
// tests of a server that is not on this machine are what package load is for.
//
// A [Crowd] is all participants of a run. They come in by the real protocol ([Crowd.JoinHubbub]: WebSocket, ICE, DTLS), or with fixed keys to
// where there is no protocol ([Crowd.EnterFloor]); from then on the same code does the same on the same sockets, so that what is measured of both can
// be compared. Each has a UDP socket. One goroutine receives for all of them, one sends:
//
//	c, err := crowd.Open(plan)
//	joins, err := c.JoinHubbub(ctx, "ws://127.0.0.1:8080/v1/signal", 1)
//	c.Talk()
//	err = c.AwaitHearing(ctx)
//	c.Count()
//	…
//	heard := c.Heard()
//
// The latency that it reports ends when the kernel gives a packet to the listener's socket. So it does not matter when the generator gets round to reading.
// It runs on Linux only.
package crowd
