package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hubbub/signaling/client"
)

const (
	proxyPort = 21300
	deploy    = "../../../deploy/"
	// unpackedNginx is where scripts/install-test-deps puts it: as a package it would begin to serve this machine's port 80.
	unpackedNginx = "../../../.cache/nginx/usr/sbin/nginx"
)

// proxy is a web server before nodes, as deploy/ has it.
type proxy struct {
	ip   string
	port int
}

func (p *proxy) address() string { return fmt.Sprintf("%s:%d", p.ip, p.port) }

// starter starts a proxy on an address that ends so, before these nodes. trusting, if not "", is the proxy that asks it.
type starter func(t *testing.T, c *cluster, last, trusting string, nodes ...string) *proxy

// starters are the kinds of proxies that deploy/ has examples for. CADDY names the command of the second one, as `make proxies` does.
func starters() map[string]starter {
	kinds := map[string]starter{"nginx": startNginx}
	if caddy := os.Getenv("CADDY"); caddy != "" {
		kinds["caddy"] = func(t *testing.T, c *cluster, last, trusting string, nodes ...string) *proxy {
			return startCaddy(t, caddy, c, last, trusting, nodes...)
		}
	}
	return kinds
}

// example is a file of deploy/, to be edited for the addresses of a test.
type example struct {
	t    *testing.T
	name string
	text string
}

func readExample(t *testing.T, name string) *example {
	t.Helper()
	text, err := os.ReadFile(deploy + name)
	if err != nil {
		t.Fatal(err)
	}
	return &example{t, name, string(text)}
}

// edit replaces what matches pattern, which must be there.
func (e *example) edit(pattern, to string) {
	e.t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	if !re.MatchString(e.text) {
		e.t.Fatalf("%s has nothing like %q", e.name, pattern)
	}
	e.text = re.ReplaceAllLiteralString(e.text, to)
}

func writeConfiguration(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func startNginx(t *testing.T, c *cluster, last, trusting string, nodes ...string) *proxy {
	t.Helper()
	p := &proxy{c.prefix + last, proxyPort}
	upstream := ""
	for _, n := range nodes {
		upstream += fmt.Sprintf("    server %s max_fails=1 fail_timeout=5s;\n", n)
	}
	conf := readExample(t, "nginx.conf")
	// Addresses instead of names, which need a resolver and a newer nginx than some have.
	conf.edit(`^ +resolver .*\n( +server node\d.*\n)+`, upstream)
	conf.edit(`listen 80;`, "listen "+p.address()+";")
	if trusting != "" {
		conf.edit(`#   set_real_ip_from  203.0.113.0/24;`, "set_real_ip_from "+trusting+";")
		conf.edit(`#   real_ip_header    X-Forwarded-For;`, "real_ip_header X-Forwarded-For;")
		conf.edit(`#   real_ip_recursive on;`, "real_ip_recursive on;")
	}
	file := writeConfiguration(t, "nginx.conf", "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\n"+
		"access_log off;\nproxy_bind "+p.ip+";\nclient_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\n"+
		"uwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n"+conf.text+"}\n")
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = unpackedNginx
	}
	p.run(t, path, "-p", filepath.Dir(file), "-c", file, "-e", "stderr")
	return p
}

func startCaddy(t *testing.T, path string, c *cluster, last, trusting string, nodes ...string) *proxy {
	t.Helper()
	p := &proxy{c.prefix + last, proxyPort}
	conf := readExample(t, "Caddyfile")
	conf.edit(`^\tservers \{`, "\tadmin off\n\tservers {")
	conf.edit(`^voice.example.org \{`, "http://:"+strconv.Itoa(proxyPort)+" {\n\tbind "+p.ip)
	conf.edit(`reverse_proxy .*$`, "reverse_proxy "+strings.Join(nodes, " ")+" {\n\t\ttransport http {\n\t\t\tlocal_address "+p.ip+"\n\t\t}")
	if strings.HasSuffix(nodes[0], strconv.Itoa(httpPort)) {
		conf.edit(`health_port 8081`, "health_port "+strconv.Itoa(adminPort))
	} else {
		conf.edit(`^\t\thealth_.*\n`, "") // the next proxy has no such address
	}
	if trusting != "" {
		conf.edit(`#   trusted_proxies static 203.0.113.0/24`, "trusted_proxies static "+trusting)
		conf.edit(`#   trusted_proxies_strict`, "trusted_proxies_strict")
	}
	p.run(t, path, "run", "--adapter", "caddyfile", "--config", writeConfiguration(t, "Caddyfile", conf.text))
	return p
}

// run starts the proxy's command, and waits until it listens.
func (p *proxy) run(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", name, &out)
		}
	})
	eventually(t, name+" listens", func() bool {
		conn, err := net.Dial("tcp", p.address())
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

var errHandshake = errors.New("the proxy refused a handshake")

// visit connects somebody by the proxy, as a browser does that has this address, and joins a room. It returns the name of their node.
func (p *proxy) visit(t *testing.T, from, user, room string, header http.Header) (node string, err error) {
	t.Helper()
	ctx, cancel := within(patience)
	defer cancel()
	header = header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	header.Set("Origin", "http://"+p.address())
	c, err := client.Dial(ctx, "ws://"+p.address()+"/v1/signal", client.Options{
		Header: header,
		NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
			return d.DialContext(ctx, network, addr)
		},
	})
	if err != nil {
		return "", fmt.Errorf("%w: %w", errHandshake, err)
	}
	t.Cleanup(c.Abort)
	hello, err := c.Connect(ctx, client.ConnectParams{Token: mint(t, user, "speaker")})
	if err == nil {
		_, err = c.Join(ctx, client.JoinParams{Room: room})
	}
	return hello.Node, err
}

// visits does so where nothing stands in the way.
func (p *proxy) visits(t *testing.T, from, user, room string, header http.Header) (node string) {
	t.Helper()
	node, err := p.visit(t, from, user, room, header)
	if err != nil {
		t.Fatalf("%s comes in by the proxy: %v", user, err)
	}
	return node
}

// wantLogged waits until a node has written down that somebody joined, and checks the address.
func (c *cluster) wantLogged(t *testing.T, name, user, address string) {
	t.Helper()
	i := slices.IndexFunc(c.members, func(n *node) bool { return n.name == name })
	eventually(t, name+" writes down that "+user+" has joined", func() bool {
		for line := range strings.Lines(c.members[i].Log()) {
			if !strings.Contains(line, `"msg":"joined"`) || !strings.Contains(line, `"user":"`+user+`"`) {
				continue
			}
			if !strings.Contains(line, `"address":"`+address+`"`) {
				t.Errorf("the address should be %s: %s", address, line)
			}
			return true
		}
		return false
	})
}

func TestNodesKnowWhoIsBehindProxies(t *testing.T) {
	t.Parallel()
	for kind, start := range starters() {
		t.Run(kind, func(t *testing.T) { behindProxies(t, start) })
	}
}

func behindProxies(t *testing.T, start starter) {
	c := begin(t, layout{nodes: 2, trust: []string{"30", "31"}})
	inner := start(t, c, "30", c.prefix+"31", c.members[0].listens(), c.members[1].listens())
	outer := start(t, c, "31", "", inner.address())
	room, client := unique("room"), c.prefix+"77"
	forged := http.Header{"X-Forwarded-For": {"198.51.100.7"}, "X-Real-Ip": {"198.51.100.7"}}
	for _, way := range []struct {
		name  string
		proxy *proxy
	}{{"one proxy", inner}, {"two proxies", outer}} {
		for _, header := range []http.Header{nil, forged} {
			user := unique("ada")
			node := way.proxy.visits(t, client, user, room, header)
			c.wantLogged(t, node, user, client)
		}
		ctx, cancel := within(patience)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+way.proxy.address()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(page), "<html") {
			t.Errorf("the page by %s: %s, %v", way.name, resp.Status, err)
		}
		cancel()
	}
	// Who comes past the proxies is nobody's spokesman.
	direct := &proxy{c.members[0].address, httpPort}
	user := unique("eve")
	c.wantLogged(t, direct.visits(t, client, user, room, forged), user, client)
}

func TestProxiesSendNobodyToANodeThatDrainsOrIsDead(t *testing.T) {
	t.Parallel()
	for kind, start := range starters() {
		t.Run(kind, func(t *testing.T) {
			besideDraining(t, start, map[string]int{"caddy": 2}[kind]) // it does not ask another node for an answer that it does not like
		})
	}
}

func besideDraining(t *testing.T, start starter, mayRefuse int) {
	c := begin(t, layout{nodes: 3, args: []string{"--drain-timeout", "30s"}})
	drains, dead := c.members[0], c.members[1]
	p := start(t, c, "30", "", drains.listens(), dead.listens(), c.members[2].listens())
	stubborn := c.someone(t, "stubborn")
	stubborn.stubborn = true
	stubborn.arrive(drains, unique("room"), "speaker")
	if err := dead.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := drains.terminate(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it drains", func() bool { return !drains.ready() })
	began := time.Now()
	room := unique("room")
	refused := 0
	for came := 0; came < 10; {
		// The one that drains has the fewest connections of all.
		node, err := p.visit(t, c.prefix+"77", unique("ada"), room, nil)
		switch {
		case errors.Is(err, errHandshake) && refused < mayRefuse:
			refused++ // a client tries again
		case err != nil:
			t.Fatal(err)
		case node != c.members[2].name:
			t.Errorf("connected to %s", node)
			came++
		default:
			came++
		}
	}
	t.Logf("10 people, with one of three nodes draining and one dead: %s, %d refused", time.Since(began).Round(time.Millisecond), refused)
	stubborn.leave()
	if err := drains.Wait(patience); err != nil {
		t.Error(err)
	}
}
