// Package signaling is Hubbub's front door for clients: JSON-RPC 2.0 over a
// WebSocket, as docs/protocol.md describes it.
//
// A message passes three places, kept apart on purpose:
//
//   - conn.go reads frames, bounds what waits to be written, and closes;
//     rpc.go and params.go turn a frame into a request or into an error.
//   - the method_*.go files decide what a request does: they check the
//     grants of the [session] and call the room model (package room), the
//     media (package sfu) and the inbox (package cluster).
//   - liveroom.go joins one room's model, its media router and the sessions in
//     it, and tells everyone in the room what happened, in one order.
//
// A session is one successful "connect". It outlives its WebSocket by the grace
// time, so that a client can come back with its resume string and find its
// participant and its media where they were.
//
// Locks are taken in this order, and none is held while waiting for the network:
// liveRoom.mu, session.mu, registry.mu. Writing to a client never blocks: it puts
// the frame into the connection's bounded queue.
package signaling
