package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/hashicorp/memberlist"

	"hubbub/cluster/ownership"
)

// metaVersion is the first byte of what a node says of itself. Later versions only append.
const metaVersion = 1

const (
	metaDraining   = 1   // a flag in the second byte
	metaStringsMax = 255 // bytes of each string
)

var errMeta = errors.New("a node that does not say who it is")

// encodeMeta is what a node says of itself beside its name and gossip address: version, flags, load, link address, then boot id, version
// of the software and HTTP address, each with its length before it. memberlist lets it have 512 bytes.
func encodeMeta(n Node) ([]byte, error) {
	link, err := n.Link.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode the link address of %s: %w", n.Name, err)
	}
	b := []byte{metaVersion, 0}
	if n.Draining {
		b[1] |= metaDraining
	}
	b = binary.AppendUvarint(b, uint64(max(0, n.Load)))
	for _, s := range []string{string(link), n.Boot, n.Version, n.HTTP} {
		if len(s) > metaStringsMax {
			return nil, fmt.Errorf("%q is too long for what a node may say of itself", s)
		}
		b = append(append(b, byte(len(s))), s...)
	}
	if len(b) > memberlist.MetaMaxSize {
		return nil, fmt.Errorf("node %s says %d bytes of itself, of which there may be %d", n.Name, len(b), memberlist.MetaMaxSize)
	}
	return b, nil
}

// decodeNode is who memberlist means.
func decodeNode(n *memberlist.Node) (Node, error) {
	if err := validName(n.Name); err != nil {
		return Node{}, err
	}
	ip, ok := netip.AddrFromSlice(n.Addr)
	if !ok {
		return Node{}, fmt.Errorf("%w: address %q", errMeta, n.Addr)
	}
	node, err := decodeMeta(n.Meta)
	node.Name = n.Name
	node.Addr = netip.AddrPortFrom(ip.Unmap(), n.Port)
	return node, err
}

func decodeMeta(b []byte) (Node, error) {
	if len(b) < 2 || b[0] < metaVersion {
		return Node{}, errMeta
	}
	n := Node{Draining: b[1]&metaDraining != 0}
	load, size := binary.Uvarint(b[2:])
	if size <= 0 || load > 1<<31 {
		return Node{}, errMeta
	}
	n.Load = int(load)
	b = b[2+size:]
	var link string
	for _, s := range []*string{&link, &n.Boot, &n.Version, &n.HTTP} {
		if len(b) == 0 {
			return Node{}, errMeta
		}
		length := int(b[0])
		if b = b[1:]; len(b) < length {
			return Node{}, errMeta
		}
		*s, b = string(b[:length]), b[length:]
	}
	if err := n.Link.UnmarshalBinary([]byte(link)); err != nil || !n.Link.IsValid() {
		return Node{}, fmt.Errorf("%w: link address", errMeta)
	}
	if n.Boot == "" || len(n.Boot) > ownership.MaxBoot {
		return Node{}, fmt.Errorf("%w: boot id", errMeta)
	}
	return n, nil
}

func validName(name string) error {
	if name == "" || len(name) > ownership.MaxOwner {
		return fmt.Errorf("a node's name has 1 to %d bytes, %q has %d", ownership.MaxOwner, name, len(name))
	}
	return nil
}
