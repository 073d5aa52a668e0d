package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// StartCluster runs a Redis Cluster of three masters without replicas, each with a third of the slots.
func StartCluster(t testing.TB) []*Server {
	t.Helper()
	const slots, masters = 16384, 3
	servers := make([]*Server, masters)
	clients := make([]*redis.Client, masters)
	var buses [masters]int
	for i := range servers {
		buses[i] = freePort(t)
		servers[i] = Start(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
			"--cluster-port", strconv.Itoa(buses[i]), "--cluster-node-timeout", "5000")
		clients[i] = redis.NewClient(&redis.Options{Addr: servers[i].Address()})
	}
	defer func() {
		for _, c := range clients {
			_ = c.Close()
		}
	}()
	ctx := t.Context()
	for i, c := range clients {
		first, last := slots*i/masters, slots*(i+1)/masters-1
		do(t, c, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
		do(t, c, "CLUSTER", "ADDSLOTSRANGE", first, last)
	}
	for i := 1; i < masters; i++ {
		do(t, clients[0], "CLUSTER", "MEET", "127.0.0.1", servers[i].Port, buses[i])
	}
	wait(t, "the Redis Cluster", func() error {
		for _, c := range clients {
			info, err := c.ClusterInfo(ctx).Result()
			if err != nil {
				return err
			}
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_size:3") {
				return errors.New(info)
			}
		}
		return nil
	})
	return servers
}

// ClusterURL is that of a Redis Cluster's servers.
func ClusterURL(servers []*Server) string {
	addresses := make([]string, len(servers))
	for i, s := range servers {
		addresses[i] = s.Address()
	}
	return "redis+cluster://" + strings.Join(addresses, ",")
}

// Sentinel watches a master and its replica, and has the replica take over when the master is gone.
type Sentinel struct {
	Master, Replica *Server
	Sentinel        *Server
}

// masterName is what the Sentinel calls its master.
const masterName = "main"

// StartSentinel runs a master, its replica and one Sentinel, which has a quorum by itself.
func StartSentinel(t testing.TB) *Sentinel {
	t.Helper()
	s := &Sentinel{Master: Start(t)}
	s.Replica = Start(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(s.Master.Port))
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 1\n"+
		"sentinel down-after-milliseconds %[1]s 1000\nsentinel failover-timeout %[1]s 5000\n", masterName, s.Master.Port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Sentinel = start(t, "--port", []string{config, "--sentinel"})
	client := redis.NewSentinelClient(&redis.Options{Addr: s.Sentinel.Address()})
	defer func() { _ = client.Close() }()
	wait(t, "the Sentinel to know the replica", func() error {
		replicas, err := client.Replicas(t.Context(), masterName).Result()
		if err != nil {
			return err
		}
		if len(replicas) != 1 || replicas[0]["master-link-status"] != "ok" {
			return fmt.Errorf("it knows %v", replicas)
		}
		return nil
	})
	return s
}

// URL is that of the Sentinel.
func (s *Sentinel) URL() string {
	return "redis+sentinel://" + s.Sentinel.Address() + "?master_name=" + masterName
}

func do(t testing.TB, c *redis.Client, command ...any) {
	t.Helper()
	if err := c.Do(context.WithoutCancel(t.Context()), command...).Err(); err != nil {
		t.Fatalf("%v: %v", command, err)
	}
}
