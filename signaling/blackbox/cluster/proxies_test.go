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

// nginx starts one with deploy/nginx.conf, whose nodes are these. trusting, if not "", is the proxy that asks it.
func (c *cluster) nginx(t *testing.T, last, trusting string, nodes ...string) *proxy {
	t.Helper()
	p := &proxy{c.prefix + last, proxyPort}
	example, err := os.ReadFile(deploy + "nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	upstream := ""
	for _, n := range nodes {
		upstream += fmt.Sprintf("    server %s max_fails=1 fail_timeout=5s;\n", n)
	}
	conf := string(example)
	edit := func(pattern, to string) {
		t.Helper()
		re := regexp.MustCompile(pattern)
		if !re.MatchString(conf) {
			t.Fatalf("deploy/nginx.conf has nothing like %q", pattern)
		}
		conf = re.ReplaceAllLiteralString(conf, to)
	}
	// Addresses instead of names, which need a resolver and a newer nginx than some have.
	edit(`(?m)^ +resolver .*\n( +server node\d.*\n)+`, upstream)
	edit(`listen 80;`, "listen "+p.address()+";")
	if trusting != "" {
		edit(`#   set_real_ip_from  203.0.113.0/24;`, "set_real_ip_from "+trusting+";")
		edit(`#   real_ip_header    X-Forwarded-For;`, "real_ip_header X-Forwarded-For;")
		edit(`#   real_ip_recursive on;`, "real_ip_recursive on;")
	}
	dir := t.TempDir()
	main := "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n" +
		"proxy_bind " + p.ip + ";\nclient_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n" + conf + "}\n"
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(main), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = unpackedNginx
	}
	p.run(t, path, "-p", dir, "-c", file, "-e", "stderr")
	return p
}

// run starts the proxy's command, and waits until it listens.
func (p *proxy) run(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...) //nolint:noctx // ended by the cleanup
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

// visit connects somebody by the proxy, as a browser does that has this address, and joins a room. It returns the name of their node.
func (p *proxy) visit(t *testing.T, from, user, room string, header http.Header) string {
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
		t.Fatalf("%s connects by the proxy: %v", user, err)
	}
	t.Cleanup(c.Abort)
	hello, err := c.Connect(ctx, client.ConnectParams{Token: mint(t, user, "speaker")})
	if err == nil {
		_, err = c.Join(ctx, client.JoinParams{Room: room})
	}
	if err != nil {
		t.Fatalf("%s comes in by the proxy: %v", user, err)
	}
	return hello.Node
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
	c := begin(t, layout{nodes: 2, trust: []string{"30", "31"}})
	inner := c.nginx(t, "30", c.prefix+"31", c.members[0].listens(), c.members[1].listens())
	outer := c.nginx(t, "31", "", inner.address())
	room, client := unique("room"), c.prefix+"77"
	forged := http.Header{"X-Forwarded-For": {"198.51.100.7"}, "X-Real-Ip": {"198.51.100.7"}}
	for _, way := range []struct {
		name  string
		proxy *proxy
	}{{"one proxy", inner}, {"two proxies", outer}} {
		for _, header := range []http.Header{nil, forged} {
			user := unique("ada")
			node := way.proxy.visit(t, client, user, room, header)
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
	c.wantLogged(t, direct.visit(t, client, user, room, forged), user, client)
}

func TestProxiesSendNobodyToANodeThatDrainsOrIsDead(t *testing.T) {
	t.Parallel()
	c := begin(t, layout{nodes: 3, args: []string{"--drain-timeout", "30s"}})
	drains, dead := c.members[0], c.members[1]
	p := c.nginx(t, "30", "", drains.listens(), dead.listens(), c.members[2].listens())
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
	for range 10 {
		// The one that drains has the fewest connections of all.
		if node := p.visit(t, c.prefix+"77", unique("ada"), room, nil); node != c.members[2].name {
			t.Errorf("connected to %s", node)
		}
	}
	t.Logf("10 people, with one of three nodes draining and one dead: %s", time.Since(began).Round(time.Millisecond))
	stubborn.leave()
	if err := drains.Wait(patience); err != nil {
		t.Error(err)
	}
}
