package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
)

// network gives each node a network namespace with two interfaces: one on a bridge that people (and Redis) are on, one on a bridge
// for the nodes alone, whose cable can be pulled. Needs root, or sudo for `ip`.
type network struct {
	name    string // beginning of the names of everything that is made
	subnet  int    // third byte of the addresses
	gateway string // this end of the people's bridge
	places  int
}

// lay makes a network for so many nodes, which is taken down when the test has ended.
func lay(t *testing.T, places int) *network {
	t.Helper()
	w := &network{name: fmt.Sprintf("hb%d", os.Getpid()), subnet: rand.N(256), places: places}
	w.gateway = fmt.Sprintf("10.78.%d.254", w.subnet)
	t.Cleanup(func() { w.remove(t) })
	ip(t, "link", "add", w.bridge("p"), "type", "bridge")
	ip(t, "link", "add", w.bridge("n"), "type", "bridge")
	ip(t, "address", "add", w.gateway+"/24", "dev", w.bridge("p"))
	for _, kind := range []string{"p", "n"} {
		ip(t, "link", "set", w.bridge(kind), "up")
	}
	for i := range places {
		ip(t, "netns", "add", w.namespace(i))
		ip(t, "-n", w.namespace(i), "link", "set", "lo", "up")
		for kind, address := range map[string]string{"p": w.people(i), "n": w.nodes(i)} {
			ip(t, "link", "add", w.cable(kind, i), "type", "veth", "peer", "name", "to-"+kind, "netns", w.namespace(i))
			ip(t, "-n", w.namespace(i), "address", "add", address+"/24", "dev", "to-"+kind)
			ip(t, "-n", w.namespace(i), "link", "set", "to-"+kind, "up")
			ip(t, "link", "set", w.cable(kind, i), "up")
			ip(t, "link", "set", w.cable(kind, i), "master", w.bridge(kind))
		}
	}
	return w
}

// remove takes everything down; the cables go with the namespaces that they end in.
func (w *network) remove(t *testing.T) {
	t.Helper()
	for i := range w.places {
		ip(t, "netns", "delete", w.namespace(i))
	}
	ip(t, "link", "delete", w.bridge("p"))
	ip(t, "link", "delete", w.bridge("n"))
}

// Names of interfaces have at most 15 characters.
func (w *network) bridge(kind string) string       { return w.name + kind }
func (w *network) cable(kind string, i int) string { return fmt.Sprintf("%s%s%d", w.name, kind, i) }
func (w *network) namespace(i int) string          { return fmt.Sprintf("%s-%d", w.name, i) }
func (w *network) people(i int) string             { return fmt.Sprintf("10.78.%d.%d", w.subnet, i+1) }
func (w *network) nodes(i int) string              { return fmt.Sprintf("10.79.%d.%d", w.subnet, i+1) }

// place puts the i-th node into its namespace.
func (w *network) place(n *node, i int) {
	n.address, n.links = w.people(i), w.nodes(i)
	n.wrap = append(asRoot(), "ip", "netns", "exec", w.namespace(i))
}

// pull takes the i-th node's cable to the other nodes out: nothing says so to either end, packets are lost from then on.
func (w *network) pull(t *testing.T, i int) {
	t.Helper()
	ip(t, "link", "set", w.cable("n", i), "nomaster")
}

// plug puts it back.
func (w *network) plug(t *testing.T, i int) {
	t.Helper()
	ip(t, "link", "set", w.cable("n", i), "master", w.bridge("n"))
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	command := append(asRoot(), append([]string{"ip"}, args...)...)
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			t.Fatalf("this test needs `ip` (iproute2): %v", err)
		}
		t.Fatalf("ip %v (needs root or sudo): %v\n%s", args, err, out)
	}
}

func asRoot() []string {
	if os.Getuid() == 0 {
		return nil
	}
	return []string{"sudo", "-n"}
}
