// Package replica keeps a room alike on several nodes.
//
// Every node with people in a room has a [Replica] of it: the model (package room), where each participant is
// connected (its [Seat]), and the newest part of the log of what happened. The room's owner alone puts commands in
// order, by [Replica.Sequence], and sends the entries of the log to the others, who [Replica.Apply] them: since the model is
// deterministic and an entry carries the time and the randomness that it was first applied with, all replicas come to the
// same roster, versions, chat numbers and ids.
//
// When the owner dies, the replica that has applied most of the log becomes the next owner's. A [Position] says how much
// that is; [Replica.Since] gives another what it lacks. Two replicas that went on apart, each under an owner of its own, are
// brought together by a command of kind [Adopt]: see merge.go.
//
// Nothing here waits, locks or knows of networks. A Replica is not safe for concurrent use.
package replica
