package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// configuration is every setting of the server, declared here and nowhere else: flags, environment variables, keys of the file,
// the help and docs/configuration.md are all made from these fields.
//
// Tags: default is the value without one given; unset tells in words what happens where there is no such
// value; name is there where it does not follow from the field's. The rest is kong's.
type configuration struct {
	Listen    string       `default:"127.0.0.1:8080" help:"HTTP and WebSocket address. Port 0 takes any free one. An address that other machines reach needs --api-key or --allow-guests."`
	MediaPort int          `default:"7880" help:"The first lane's UDP port, one more for each lane; ICE-TCP on the same numbers. 0 takes any free ones."`
	MediaIP   []netip.Addr `name:"media-ip" placeholder:"IP" unset:"found by itself" help:"The address put into answers, for clients to send their media to; several may be given."`
	Lanes     int          `placeholder:"NUMBER" unset:"number of CPUs" help:"Number of lanes: each has a socket and a sending goroutine of its own."`

	VideoSlots int `default:"8" help:"How many pictures a participant may be sent at once: cameras and screens. 0: no video at all."`

	Redis         string       `placeholder:"URL" unset:"none: memory" help:"URL of the Redis that keeps presence and whispers for all nodes, redis:// or rediss://; redis+sentinel:// and redis+cluster:// too."`
	Node          string       `placeholder:"NAME" unset:"the host's name and port" help:"This node's name, unique in the cluster."`
	ClusterListen string       `placeholder:"HOST:PORT" unset:"none" help:"Gossip and link address; the cluster is off without it. Gossip uses the port by TCP and UDP, links the next one by UDP."`
	ClusterJoin   []string     `placeholder:"HOST:PORT" unset:"none" help:"Addresses of other nodes. The first node of a cluster is started without."`
	ClusterKey    []clusterKey `placeholder:"BASE64" unset:"none" help:"32 bytes in base64: encrypts gossip, proves nodes to each other, signs what clients resume with. Needed with --cluster-listen. Several may be given, to change the key: the first is used, all are accepted."`

	APIKey         []apiKey     `name:"api-key" placeholder:"ID:SECRET" unset:"none: guests" help:"A key for access tokens, as ID:SECRET; several may be given."`
	AllowGuests    bool         `help:"Let guests in although the address is not loopback, or although there are keys."`
	Origin         []string     `placeholder:"URL" unset:"none" help:"Origins allowed beside the server's own, as https://example.org; several may be given. * allows every one."`
	TrustedProxies []proxyRange `placeholder:"IP[/BITS]" unset:"none" help:"Addresses and networks of the proxies before the server, which are believed in X-Forwarded-For; several may be given. The client's address is then the last one in it that is not one of these."`

	Grace        time.Duration `default:"30s" help:"How long a broken connection may be resumed."`
	DrainTimeout time.Duration `default:"60s" help:"How long a node waits for its people to move to another one before it ends."`
	Transport    string        `default:"auto" enum:"auto,pion,lean" help:"How media are carried: pion (a PeerConnection for each participant), lean (a transport of our own), or auto, which takes lean."`
	Limits       string        `default:"default" enum:"default,off" help:"Rate limits of clients: default, or off for load tests on one machine."`
	AdminListen  string        `default:"127.0.0.1:8081" help:"Address of /healthz, /readyz, /metrics, /debug/pprof and /debug/cluster. It is not protected: keep it from strangers."`

	Config string `placeholder:"FILE" unset:"none" help:"A YAML file with settings."`
}

// describe is the help of a flag, with where else it can be set and what holds without.
func describe(v *kong.Value) string {
	help := v.Help
	if unset := v.Tag.Get("unset"); unset != "" {
		help += fmt.Sprintf(" Default: %s.", unset)
	}
	if isSetting(v) {
		help += fmt.Sprintf(" ($%s)", environmentName(v.Name))
	}
	return help
}

// environmentName is the environment variable of a setting.
func environmentName(setting string) string {
	return "HUBBUB_" + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}
