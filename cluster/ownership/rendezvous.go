package ownership

import (
	"iter"

	"github.com/cespare/xxhash/v2"
)

// Score is a node's weight for a room in rendezvous hashing (Thaler & Ravishankar, "Using Name-Based Mappings to Increase Hit
// Rates", 1998). All nodes compute the same.
func Score(room, node string) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(node)
	_, _ = d.Write([]byte{0}) // no name contains it
	_, _ = d.WriteString(room)
	return d.Sum64()
}

// Home is the node, of those named, that answers for a room nobody owns: the one with the highest score. When a node comes or
// goes, only those rooms change their home that it was or becomes the home of. It is false when there are none.
func Home(room string, nodes iter.Seq[string]) (string, bool) {
	var (
		home  string
		best  uint64
		found bool
	)
	for node := range nodes {
		if score := Score(room, node); !found || score > best || score == best && node > home {
			home, best, found = node, score, true
		}
	}
	return home, found
}
