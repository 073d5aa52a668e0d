package signaling

import "hubbub/signaling/replica"

// follower is another node with people in a room that this node owns.
type follower struct{}

func (f *follower) close() {}

func (o *ownership) spread(replica.Entry) {}
