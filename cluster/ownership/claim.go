// Package ownership is the pure part of knowing which node owns which room: claims, the order in which one beats another, the
// table in which a node keeps them, and the form in which they travel.
//
// Nodes tell each other claims by gossip, in any order, repeated, late or never. What a node believes of a room is the greatest
// claim that it has seen, by Compare, which is a total order: so merging is commutative, associative and idempotent (a join
// semilattice; Shapiro et al., "Conflict-free Replicated Data Types", 2011), and all who have seen the same claims believe the same.
//
// Which node is asked first for a room that nobody owns is a matter of Home.
//
// The package does no I/O, starts nothing and reads no clock.
package ownership

import (
	"cmp"
	"strings"
)

// What a claim's fields may be at most, so that any claim fits into a broadcast.
const (
	MaxRoom  = 256 // bytes of a room's name: 64 characters of any script
	MaxOwner = 128 // bytes of a node's name
	MaxBoot  = 32  // bytes of a boot id

	// MaxClaimSize is what a claim adds to a Frame at most, with an owner that is new to it.
	MaxClaimSize = MaxRoom + MaxOwner + MaxBoot + 32

	// MaxEpoch is far above what a room reaches, and leaves room for those who count on.
	MaxEpoch = 1 << 56
)

// Claim says that a node owns a room, or that the room has been given up.
type Claim struct {
	Room  string
	Owner string // the node's name
	// Boot is the id of the node's process. A node that was started again is another owner: what the old process had is void.
	Boot string
	// Epoch grows with each change of a room's owner.
	Epoch uint64
	// Released makes it a tombstone: the owner closed the room, nobody has it.
	Released bool
}

// By says whether the claim is that of this very process.
func (c Claim) By(owner, boot string) bool { return c.Owner == owner && c.Boot == boot }

// Valid says whether all fields are within their limits, as those of every claim of ours are.
func (c Claim) Valid() bool {
	return c.Room != "" && len(c.Room) <= MaxRoom &&
		c.Owner != "" && len(c.Owner) <= MaxOwner &&
		c.Boot != "" && len(c.Boot) <= MaxBoot &&
		c.Epoch > 0 && c.Epoch <= MaxEpoch
}

// Compare orders claims for one room: negative when b beats a. A higher epoch wins. At the same epoch, which happens when two
// homes grant at once or a room is taken over while it is closed, one that holds beats one that is released, then the higher
// Score, then the greater name and boot id. Only equal claims compare equal.
func Compare(a, b Claim) int {
	return cmp.Or(
		cmp.Compare(a.Epoch, b.Epoch),
		compareBool(b.Released, a.Released),
		compareScores(a, b),
		strings.Compare(a.Boot, b.Boot),
	)
}

func compareScores(a, b Claim) int {
	if a.Owner == b.Owner {
		return 0
	}
	return cmp.Or(cmp.Compare(Score(a.Room, a.Owner), Score(b.Room, b.Owner)), strings.Compare(a.Owner, b.Owner))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
