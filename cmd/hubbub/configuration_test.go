package main

import (
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// aClusterKey is 32 bytes in base64.
const aClusterKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// parseServe parses `hubbub serve` with these arguments, without running it.
func parseServe(t *testing.T, args ...string) (configuration, error) {
	t.Helper()
	var commands commandLine
	parser, err := newParser(&commands, newSources(), io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append([]string{"serve"}, args...))
	return commands.Serve.configuration, err
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hubbub.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	got, err := parseServe(t)
	want := configuration{
		Listen: "127.0.0.1:8080", MediaPort: 7880, Grace: 30 * time.Second, DrainTimeout: time.Minute, VideoSlots: 8,
		Transport: "auto", Limits: "default", AdminListen: "127.0.0.1:8081",
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if err := got.validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
}

// TestEverySetting gives each setting by each of the three ways. A new setting fails it until it is here.
func TestEverySetting(t *testing.T) {
	key, err := (func() (k clusterKey, err error) { err = k.UnmarshalText([]byte(aClusterKey)); return })()
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"listen": "127.0.0.1:1", "media-port": "2", "media-ip": "192.0.2.1,2001:db8::1", "lanes": "3", "video-slots": "4", "redis": "redis://h",
		"node": "n", "cluster-listen": "127.0.0.1:4", "cluster-join": "a:1,b:2", "cluster-key": aClusterKey,
		"api-key": "a:b,c:d:e", "allow-guests": "true", "origin": "https://a,https://b", "trusted-proxies": "192.0.2.1,10.1.0.0/16", "grace": "5s", "drain-timeout": "6s",
		"transport": "pion", "limits": "off", "admin-listen": "127.0.0.1:7",
	}
	want := configuration{
		Listen: "127.0.0.1:1", MediaPort: 2, Lanes: 3, VideoSlots: 4, Redis: "redis://h", Node: "n",
		MediaIP:       []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
		ClusterListen: "127.0.0.1:4", ClusterJoin: []string{"a:1", "b:2"}, ClusterKey: []clusterKey{key},
		APIKey: []apiKey{{"a", "b"}, {"c", "d:e"}}, AllowGuests: true, Origin: []string{"https://a", "https://b"},
		TrustedProxies: []proxyRange{
			proxyRange(netip.MustParsePrefix("192.0.2.1/32")), proxyRange(netip.MustParsePrefix("10.1.0.0/16")),
		},
		Grace: 5 * time.Second, DrainTimeout: 6 * time.Second, Transport: "pion", Limits: "off", AdminListen: "127.0.0.1:7",
	}
	for name, is := range settingNames() {
		if _, listed := texts[name]; is && !listed && name != "config" {
			t.Errorf("setting %q is not tested", name)
		}
	}
	check := func(t *testing.T, args ...string) {
		t.Helper()
		got, err := parseServe(t, args...)
		got.Config = ""
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	t.Run("flags", func(t *testing.T) {
		var args []string
		for name, text := range texts {
			args = append(args, "--"+name+"="+text)
		}
		check(t, args...)
	})
	t.Run("environment", func(t *testing.T) {
		for name, text := range texts {
			t.Setenv(environmentName(name), text)
		}
		check(t)
	})
	t.Run("file", func(t *testing.T) {
		var content strings.Builder
		for name, text := range texts {
			if first, second, isList := strings.Cut(text, ","); isList {
				text = "\n  - " + first + "\n  - " + second
			}
			content.WriteString(name + ": " + text + "\n")
		}
		check(t, "--config", writeFile(t, content.String()))
	})
}

func TestPrecedence(t *testing.T) {
	file := writeFile(t, "node: file\nlanes: 7\norigin: [https://file]\nallow-guests: true\n")
	for _, c := range []struct {
		name string
		env  map[string]string
		args []string
		want configuration
	}{
		{"the file", nil, []string{"--config", file},
			configuration{Node: "file", Lanes: 7, Origin: []string{"https://file"}, AllowGuests: true}},
		{"the environment names the file", map[string]string{"HUBBUB_CONFIG": file}, nil,
			configuration{Node: "file", Lanes: 7, Origin: []string{"https://file"}, AllowGuests: true}},
		{"the environment beats the file", map[string]string{"HUBBUB_NODE": "env", "HUBBUB_ORIGIN": "https://env", "HUBBUB_ALLOW_GUESTS": "false"},
			[]string{"--config", file},
			configuration{Node: "env", Lanes: 7, Origin: []string{"https://env"}}},
		{"flags beat both", map[string]string{"HUBBUB_NODE": "env", "HUBBUB_LANES": "8"},
			[]string{"--config", file, "--node=flag", "--origin=https://one", "--origin=https://two", "--allow-guests=false"},
			configuration{Node: "flag", Lanes: 8, Origin: []string{"https://one", "https://two"}}},
		{"a flag beats a value that cannot be read", map[string]string{"HUBBUB_LANES": "many"}, []string{"--lanes=2"},
			configuration{Lanes: 2}},
		{"an empty variable is none", map[string]string{"HUBBUB_NODE": "", "HUBBUB_CONFIG": ""}, nil, configuration{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			got, err := parseServe(t, c.args...)
			if err != nil {
				t.Fatal(err)
			}
			got = configuration{Node: got.Node, Lanes: got.Lanes, Origin: got.Origin, AllowGuests: got.AllowGuests}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestWrongConfigurationExits2(t *testing.T) {
	list := func(s ...string) []string { return s }
	for _, c := range []struct {
		name string
		env  []string
		file string // content of the file of --config
		args []string
		says []string
	}{
		{"unknown flag", nil, "", list("--lane=1"), list("--lane")},
		{"unreadable flag", nil, "", list("--lanes=many"), list("--lanes", "many")},
		{"unreadable variable", list("HUBBUB_LANES=many"), "", nil, list("--lanes", "many", "HUBBUB_LANES")},
		{"unreadable key", nil, "lanes: many", nil, list("--lanes", "many", "hubbub.yaml")},
		{"unknown key", nil, "lane: 1", nil, list("lane", "hubbub.yaml", "--config")},
		{"the file in itself", nil, "config: x", nil, list("config", "hubbub.yaml")},
		{"a mapping for a value", nil, "node: {a: b}", nil, list("node", "hubbub.yaml")},
		{"no YAML", nil, "listen: [", nil, list("--config", "hubbub.yaml")},
		{"no such file", nil, "", list("--config=nowhere.yaml"), list("--config", "nowhere.yaml")},
		{"no such file by the environment", list("HUBBUB_CONFIG=nowhere.yaml"), "", nil, list("--config", "nowhere.yaml", "HUBBUB_CONFIG")},
		{"unreadable duration", nil, "grace: soon", nil, list("--grace", "soon")},
		{"proxies by name", nil, "", list("--trusted-proxies=proxy.example"), list("--trusted-proxies", "proxy.example")},
		{"no grace", nil, "", list("--grace=0s"), list("--grace")},
		{"no address", nil, "", list("--listen=8080"), list("--listen")},
		{"no port", nil, "", list("--listen=127.0.0.1:http"), list("--listen")},
		{"open to all", nil, "", list("--listen=0.0.0.0:0"), list("--listen", "--allow-guests")},
		{"open to all by the environment", list("HUBBUB_LISTEN=:0"), "", nil, list("--listen", "HUBBUB_LISTEN")},
		{"no admin address", nil, "", list("--admin-listen=x"), list("--admin-listen")},
		{"API key without a colon", nil, "", list("--api-key=secret"), list("--api-key")},
		{"API key without a colon among others", list("HUBBUB_API_KEY=a:b,secret"), "", nil, list("--api-key", "HUBBUB_API_KEY")},
		{"the same API key twice", nil, "", list("--api-key=a:b", "--api-key=a:c"), list("--api-key")},
		{"cluster without a key", nil, "", list("--cluster-listen=127.0.0.1:7900"), list("--cluster-listen", "--cluster-key")},
		{"short cluster key", nil, "", list("--cluster-listen=127.0.0.1:7900", "--cluster-key=c2hvcnQ="), list("--cluster-key", "32")},
		{"cluster key that is no base64", list("HUBBUB_CLUSTER_KEY=!"), "", nil, list("--cluster-key", "HUBBUB_CLUSTER_KEY")},
		{"cluster to join without being one", nil, "", list("--cluster-join=a:1"), list("--cluster-join", "--cluster-listen")},
		{"no Redis URL", nil, "", list("--redis=localhost"), list("--redis")},
		{"no media address", nil, "", list("--media-ip=example.org"), list("--media-ip")},
		{"a media address for nobody", nil, "", list("--media-ip=0.0.0.0"), list("--media-ip")},
		{"media port too high", nil, "", list("--media-port=65536"), list("--media-port")},
		{"media port too high for the lanes", nil, "", list("--media-port=65535", "--lanes=2"), list("--media-port")},
		{"negative video slots", nil, "", list("--video-slots=-1"), list("--video-slots")},
		{"negative lanes", nil, "", list("--lanes=-1"), list("--lanes")},
		{"no origin", nil, "", list("--origin=example.org"), list("--origin", "example.org")},
		{"an origin with a path", nil, "", list("--origin=https://example.org/"), list("--origin")},
		{"unknown transport", nil, "", list("--transport=pigeon"), list("--transport", "pigeon")},
		{"unknown limits", list("HUBBUB_LIMITS=none"), "", nil, list("--limits", "HUBBUB_LIMITS")},
		{"a node's name with a space", nil, "", list("--node=a b"), list("--node")},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append(list("serve"), c.args...)
			if c.file != "" {
				args = append(args, "--config", writeFile(t, c.file))
			}
			r := runBinary(t, c.env, args...)
			if r.code != exitUsage || r.stdout != "" {
				t.Errorf("exit code %d, stdout %q", r.code, r.stdout)
			}
			for _, want := range c.says {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("stderr %q does not name %q", r.stderr, want)
				}
			}
			if strings.Contains(r.stderr, "secret") {
				t.Errorf("stderr %q shows a secret", r.stderr)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"dance"}, {"serve", "now"}} {
		if r := runBinary(t, nil, args...); r.code != exitUsage || r.stderr == "" {
			t.Errorf("%q: %+v", args, r)
		}
	}
	r := runBinary(t, nil, "serve", "--help")
	if r.code != 0 {
		t.Errorf("--help: %+v", r)
	}
	for name, is := range settingNames() {
		if is && (!strings.Contains(r.stdout, "--"+name) || !strings.Contains(r.stdout, environmentName(name))) {
			t.Errorf("the help does not tell of --%s and its variable", name)
		}
	}
	if r := runBinary(t, nil, "version"); r.code != 0 || !strings.HasPrefix(r.stdout, "hubbub ") {
		t.Errorf("version: %+v", r)
	}
}
