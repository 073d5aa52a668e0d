// Package cluster is what the nodes of a Hubbub installation know together, beyond the one room that each participant is in:
// who is connected where (Presence), and which whispers still wait for their target (Inbox).
//
// Both are interfaces, because a single node keeps them in its memory and several nodes keep them in one
// place that all reach. The package clustertest states, as tests, what every implementation must do; a new one is run through them.
//
// All implementations are safe for concurrent use. Contexts bound the waiting for a store that is elsewhere; those in
// memory never wait and never fail for a reason of their own, but for ErrInboxFull.
package cluster
