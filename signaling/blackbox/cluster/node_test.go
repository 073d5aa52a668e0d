package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"syscall"
	"time"

	"hubbub/signaling/blackbox/process"
)

// The ports of every node: what tells nodes apart is their address. They lie below those that the system gives out.
const (
	httpPort   = 21080
	adminPort  = 21081
	mediaPort  = 21100
	gossipPort = 21200
	linkPort   = gossipPort + 1
)

// grace is long enough for people to come back on a machine that is busy.
const grace = 20 * time.Second

// node is one `hubbub serve`, which may be killed and started again under the same name and addresses.
type node struct {
	*process.Process
	name    string
	address string   // of clients
	links   string   // of other nodes; the same but where the test has cables of their own for them
	wrap    []string // command that puts it into its network
	args    []string // what all nodes of the cluster share
}

func (n *node) listens() string { return fmt.Sprintf("%s:%d", n.address, httpPort) }
func (n *node) signal() string  { return "ws://" + n.listens() + "/v1/signal" }
func (n *node) admin() string   { return fmt.Sprintf("http://%s:%d", n.address, adminPort) }
func (n *node) gossip() string  { return net.JoinHostPort(n.links, strconv.Itoa(gossipPort)) }

// start runs the node, without waiting for it.
func (n *node) start(args ...string) error {
	command := slices.Concat(n.wrap, []string{
		serverBinary, "serve",
		"--node", n.name,
		"--listen", n.listens(),
		"--admin-listen", fmt.Sprintf("%s:%d", n.address, adminPort),
		"--media-ip", n.address, "--media-port", strconv.Itoa(mediaPort), "--lanes", "2",
		"--grace", grace.String(), "--limits", "off",
	}, n.args, args)
	var err error
	n.Process, err = process.Start(process.Config{Command: command})
	return err
}

// running tells whether the process is there.
func (n *node) running() bool {
	if n.Process == nil {
		return false
	}
	select {
	case <-n.Ended():
		return false
	default:
		return true
	}
}

// terminate asks the node to drain.
func (n *node) terminate() error { return n.Signal(syscall.SIGTERM) }

// get asks the node's admin address, and returns the status with the body.
func (n *node) get(path string) (status int, body []byte, err error) {
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.admin()+path, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// ready tells whether a load balancer would send people here.
func (n *node) ready() bool {
	status, _, err := n.get("/readyz")
	return err == nil && status == http.StatusOK
}

// view is /debug/cluster: the service as this node sees it.
type view struct {
	Node    string           `json:"node"`
	Members []member         `json:"members"`
	Rooms   map[string]claim `json:"rooms"`
}

type member struct {
	Name  string `json:"name"`
	Boot  string `json:"boot"`
	Addr  string `json:"addr"`
	State string `json:"state"`
}

type claim struct {
	Owner        string `json:"owner"`
	Epoch        int    `json:"epoch"`
	Participants int    `json:"participants"`
}

func (n *node) view() (v view, err error) {
	status, body, err := n.get("/debug/cluster")
	if err != nil {
		return v, err
	}
	if status != http.StatusOK {
		return v, fmt.Errorf("GET /debug/cluster of %s: status %d", n.name, status)
	}
	err = json.Unmarshal(body, &v)
	return v, err
}

// alive are the names of the members that this node takes for alive, in order.
func (v view) alive() []string {
	var names []string
	for _, m := range v.Members {
		if m.State == "alive" {
			names = append(names, m.Name)
		}
	}
	slices.Sort(names)
	return names
}

// finish waits for a node that was asked to end, and tells what it did wrong while it lived.
func (n *node) finish() error {
	if n.Process == nil {
		return nil
	}
	var problem error
	if n.running() {
		if problem = n.Wait(patience); problem != nil {
			problem = errors.Join(fmt.Errorf("node %s", n.name), problem, n.Kill())
		}
	}
	return errors.Join(problem, n.Misbehaved())
}
