// Package link joins the nodes of a cluster: one QUIC connection (RFC 9000) between two nodes that have something to say to each
// other, opened when it is first needed and used by both.
//
// A [Mesh] is one node's end of all its connections. Over them go
//   - requests ([Mesh.Request]): a question and its answer, bounded by the asker's context, each on a QUIC stream of its own, so
//     that none waits behind another;
//   - streams ([Mesh.Open]): frames in order, both ways, for as long as both ends want. A [Stream] never makes its writer wait: who
//     cannot keep up loses the stream (ErrSlow);
//   - datagrams ([Mesh.SendDatagram], RFC 9221): media, which is better lost than late.
//
// Both ends prove that they hold the cluster's key, and which node they are, before anything else is read (identity.go and
// docs/cluster-security.md). A node is known by its name and its boot: one that restarted is another node, and what is meant for the
// former one is not delivered to it.
//
// A peer that falls silent is given up after Config.IdleTimeout: its streams and requests end with an error, and Config.ConnectionLost
// is called. There is no queue for a peer that is away and nothing is sent twice: who needs that builds it on top.
//
// When two nodes dial each other at the same time both connections work; both nodes then prefer the same one for what is new, and
// the other is closed when nothing is left on it (dial.go).
package link
