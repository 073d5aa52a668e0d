package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hubbub/cluster"
	"hubbub/cluster/link"
	"hubbub/signaling"
)

const (
	// probeTimeout is how long an owner may take to show that it is alive, when others cannot reach it.
	probeTimeout = 300 * time.Millisecond
	leaveTimeout = time.Second
	loadEvery    = 5 * time.Second
)

// neighbours is what joins this node with the others, and with what they share. Alone, it is memory.
type neighbours struct {
	log      *slog.Logger
	boot     string // of this process
	presence cluster.Presence
	inbox    cluster.Inbox          // nil: memory
	calls    cluster.Calls          // nil: memory
	redis    *cluster.Redis         // nil: memory
	shared   *cluster.RedisPresence // presence, where there is Redis

	members   *cluster.Members // nil: alone, and so are the next two
	directory *cluster.Directory
	mesh      *link.Mesh
	front     *signaling.Server // set before anything of the cluster runs
}

// openNeighbours takes the addresses that the other nodes will use. Nothing is said to anyone before join.
func openNeighbours(cfg *configuration, node, address string, log *slog.Logger) (n *neighbours, err error) {
	n = &neighbours{log: log, boot: rand.Text()}
	if cfg.ClusterListen != "" {
		n.members, err = cluster.NewMembers(cluster.MembersConfig{
			Name: node, Version: version(), HTTP: address, Listen: cfg.ClusterListen, Join: cfg.ClusterJoin,
			Keys: cfg.clusterKeys(), Logger: log,
			OnChange: func(e cluster.MemberEvent) { n.front.MemberChanged(e) },
		})
		if err != nil {
			return nil, fmt.Errorf("--cluster-listen: %w", err)
		}
		n.boot = n.members.Self().Boot
	}
	if err := n.openStores(cfg, node); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

func (n *neighbours) openStores(cfg *configuration, node string) (err error) {
	if cfg.Redis == "" {
		n.presence = cluster.NewMemoryPresence()
		return nil
	}
	if n.redis, err = cluster.OpenRedis(cluster.RedisConfig{URL: cfg.Redis, Logger: n.log}); err != nil {
		return fmt.Errorf("--redis: %w", err)
	}
	n.shared = cluster.NewRedisPresence(n.redis, cluster.RedisPresenceConfig{
		Node: node, Boot: n.boot, Alive: n.alive, Logger: n.log,
	})
	n.presence = n.shared
	n.inbox = cluster.NewRedisInbox(n.redis, cluster.DefaultInboxLimits(), time.Now)
	n.calls = cluster.NewRedisCalls(n.redis, cluster.DefaultCallLimits(cfg.Grace), nil)
	return nil
}

// alive tells whether a process runs still, as far as gossip knows.
func (n *neighbours) alive(node, boot string) bool {
	if n.members == nil {
		return true // then only Redis knows
	}
	found, ok := n.members.Find(node)
	return ok && found.Boot == boot
}

// join brings the server together with those of the other nodes.
func (n *neighbours) join(cfg *configuration, front *signaling.Server) (err error) {
	if n.members == nil {
		return nil
	}
	n.front = front
	self := n.members.Self()
	n.directory = cluster.NewDirectory(cluster.DirectoryConfig{
		Members: n.members, Logger: n.log, OnChange: front.ClaimChanged,
		Ask: func(ctx context.Context, to cluster.Node, body []byte) ([]byte, error) {
			return n.mesh.Request(ctx, linkPeer(to), signaling.AskRequest, body)
		},
		Probe: func(ctx context.Context, to cluster.Node) bool {
			ctx, cancel := context.WithTimeout(ctx, probeTimeout)
			defer cancel()
			return n.mesh.Ping(ctx, linkPeer(to)) == nil
		},
	})
	n.mesh, err = link.New(link.Config{
		Self: link.Peer{Name: self.Name, Boot: self.Boot, Addr: linkAddress(cfg.ClusterListen, self.Link)},
		Keys: cfg.clusterKeys(), Handler: front, ConnectionLost: front.LinkLost, Logger: n.log,
	})
	if err != nil {
		return fmt.Errorf("link at the port after that of --cluster-listen: %w", err)
	}
	front.JoinCluster(signaling.Cluster{
		Links: n.mesh, Directory: n.directory, Members: n.members,
	})
	if err := n.members.Start(); err != nil {
		return fmt.Errorf("--cluster-listen: %w", err)
	}
	return nil
}

// linkAddress is where links are listened for: as gossip is, on all addresses or on one.
func linkAddress(clusterListen string, advertised netip.AddrPort) netip.AddrPort {
	host, err := netip.ParseAddrPort(clusterListen)
	if err == nil && host.Addr().IsUnspecified() {
		return netip.AddrPortFrom(host.Addr(), advertised.Port())
	}
	return advertised
}

func linkPeer(n cluster.Node) link.Peer { return link.Peer{Name: n.Name, Boot: n.Boot, Addr: n.Link} }

// ready tells whether the node has found the others that it was told of.
func (n *neighbours) ready() bool { return n.members == nil || n.members.Ready() }

// collectors are the metrics of what there is.
func (n *neighbours) collectors() []prometheus.Collector {
	if n.members == nil {
		return nil
	}
	return []prometheus.Collector{n.mesh, n.directory}
}

// watch tells the others of this node's load until ctx ends.
func (n *neighbours) watch(ctx context.Context, load func() int) {
	if n.members == nil {
		return
	}
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			n.members.SetLoad(load())
		case <-ctx.Done():
			return
		}
	}
}

// close leaves the cluster and ends all of it.
func (n *neighbours) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	var errs []error
	if n.shared != nil {
		errs = append(errs, n.shared.Close(ctx))
	}
	if n.members != nil {
		if err := n.members.Close(ctx); err != nil {
			// The others find out by themselves.
			n.log.Warn("cluster left without a word", "err", err)
		}
	}
	if n.mesh != nil {
		errs = append(errs, n.mesh.Close())
	}
	if n.directory != nil {
		n.directory.Close()
	}
	if n.redis != nil {
		errs = append(errs, n.redis.Close())
	}
	return errors.Join(errs...)
}
