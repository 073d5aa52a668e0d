package cluster_test

import (
	"strings"
	"testing"

	"hubbub/cluster"
	"hubbub/cluster/redistest"
)

func TestCheckRedisURL(t *testing.T) {
	for _, url := range []string{
		"redis://localhost",
		"redis://localhost:6379/0",
		"rediss://user:secret@redis.example:6380/2?pool_size=20&dial_timeout=2s",
		"redis://[::1]:6379",
		"redis://:p%40ss%2C@localhost?max_retries=1",
		"redis+sentinel://:secret@h1:26379,h2:26379,h3:26379/1?master_name=main&password=secret",
		"rediss+sentinel://h1?master_name=main&skip_verify=true",
		"redis://h1:26379?master_name=main&addr=h2:26379",
		"redis+cluster://user:secret@h1:7000,h2:7001",
		"rediss+cluster://h1:7000",
		"redis://h1:7000?addr=h2:7001&addr=h3:7002",
	} {
		if err := cluster.CheckRedisURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{
		"",
		"localhost:6379",
		"http://secret@localhost",
		"redis+other://:secret@localhost",
		"redis://",
		"redis://:secret@",
		"redis://:secret@localhost/database",
		"redis://:secret@localhost/0/1",
		"redis://:secret@local host",
		"redis://:secret%zz@localhost",
		"redis://:secret@localhost?no_such_parameter=secret",
		"redis://:secret@localhost?pool_size=%zz",
		"redis+sentinel://:secret@h1:26379",               // without the master's name
		"redis://:secret@h1?master_name=m&replica_only=1", // reads what was not written yet
		"redis+cluster://:secret@h1:7000,h2",              // without a port
		"redis://:secret@localhost?ca_file=/ca.pem",       // without TLS
		"rediss://:secret@localhost?ca_file=/no/such/file",
		"rediss://:secret@localhost?ca_file=/dev/null",
		"rediss://:secret@localhost?cert_file=/dev/null&key_file=/dev/null",
	} {
		err := cluster.CheckRedisURL(url)
		if err == nil {
			t.Errorf("%s is taken", url)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells a password: %v", url, err)
		}
	}
}

// FuzzCheckRedisURL looks for panics, and for passwords in errors, which are printed.
func FuzzCheckRedisURL(f *testing.F) {
	f.Add("redis", "h1:26379,h2:26379", "/1?master_name=main")
	f.Add("rediss+cluster", "[::1]:7000", "?addr=%zz#")
	f.Add("redis+sentinel", "@,@", "/?//@")
	f.Fuzz(func(t *testing.T, scheme, hosts, rest string) {
		const password = "correct-horse-battery"
		err := cluster.CheckRedisURL(scheme + "://user:" + password + "@" + hosts + rest)
		if err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("the error tells the password: %v", err)
		}
	})
}

// TestRedisTLSProves has a client refuse a server that an unknown authority vouches for, and a server refuse a client without a
// certificate.
func TestRedisTLSProves(t *testing.T) {
	t.Parallel()
	server, certificates := redistest.StartTLS(t)
	_, others := redistest.StartTLS(t)
	strangers := others.URL(server)
	anonymous := "rediss://" + server.Address() + "?ca_file=" + certificates.CA
	for _, url := range []string{strangers, anonymous, "rediss://" + server.Address(), server.URL()} {
		r := openRedis(t, url)
		p := newPresence(t, r, cluster.RedisPresenceConfig{Node: "a", Boot: "a1"})
		if _, err := p.Sessions(t.Context(), "ana"); err == nil {
			t.Errorf("%s: no error", url)
		}
	}
}
