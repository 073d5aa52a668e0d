package cluster

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed presence_put.lua
	presencePutSource string
	//go:embed presence_read.lua
	presenceReadSource string
	//go:embed presence_remove.lua
	presenceRemoveSource string

	presencePut    = redis.NewScript(presencePutSource)
	presenceRead   = redis.NewScript(presenceReadSource)
	presenceRemove = redis.NewScript(presenceRemoveSource)
)

// sessionLifetime is how long a session stays known after its node has last written it.
const sessionLifetime = 15 * time.Second

// RedisPresenceConfig is what a RedisPresence needs to know of its node.
type RedisPresenceConfig struct {
	Node string // this node's name, and
	Boot string // this start of it: what Put writes into every session
	// Alive tells whether a start of a node runs still; the sessions of one that does not are ignored. It must not block. With nil
	// they are ignored once they have not been written for the lifetime.
	Alive func(node, boot string) bool
	// Lifetime is how long others know a session after this node has last written it, which it does three times as often; 0 means 15 s.
	Lifetime time.Duration
	Logger   *slog.Logger // nil discards
}

// RedisPresence is the Presence that all nodes share. Of its own sessions a node knows by itself, and all it asks Redis for is
// those of others. It writes its own again and again, all of them: so they stay known while it runs, are soon known again after Redis was away
// or has lost everything, and are forgotten after it died.
type RedisPresence struct {
	redis *Redis
	cfg   RedisPresenceConfig
	local *MemoryPresence // this node's own sessions

	stripes     [64]stripe
	seed        maphash.Seed // spreads sessions over stripes
	encodedNode string       // this node's entry in nodesGroup

	stop   context.CancelFunc
	writer sync.WaitGroup
}

// NewRedisPresence makes the presence of a node that has no sessions yet. It is to be closed before r.
func NewRedisPresence(r *Redis, cfg RedisPresenceConfig) *RedisPresence {
	if cfg.Lifetime <= 0 {
		cfg.Lifetime = sessionLifetime
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &RedisPresence{
		redis: r, cfg: cfg, local: NewMemoryPresence(), seed: maphash.MakeSeed(), stop: stop,
		encodedNode: encodeSession(SessionRecord{Node: cfg.Node, Boot: cfg.Boot}),
	}
	for i := range p.stripes {
		p.stripes[i].sessions = make(map[string]writtenSession)
	}
	back := r.returned()
	p.writer.Go(func() { p.keepWriting(ctx, back) })
	return p
}

// Put implements Presence. The session's Node and Boot become this node's.
func (p *RedisPresence) Put(ctx context.Context, s SessionRecord) error {
	s.Node, s.Boot = p.cfg.Node, p.cfg.Boot
	of := p.stripe(s.Session)
	of.mu.Lock()
	defer of.mu.Unlock()
	before, known := of.sessions[s.Session]
	now := writtenSession{s, encodeSession(s)}
	of.sessions[s.Session] = now
	if err := p.local.Put(ctx, s); err != nil {
		return err
	}
	var calls []*scriptCall
	if known {
		calls = departures(before, now)
	}
	return ifReached("writing a session", p.redis.run(ctx, append(calls, p.writes(now)...)...))
}

// Remove implements Presence. One that Redis could not be told of is known to others for the rest of its lifetime.
func (p *RedisPresence) Remove(ctx context.Context, session string) error {
	of := p.stripe(session)
	of.mu.Lock()
	defer of.mu.Unlock()
	s, known := of.sessions[session]
	if !known {
		return nil
	}
	delete(of.sessions, session)
	if err := p.local.Remove(ctx, session); err != nil {
		return err
	}
	return ifReached("removing a session", p.redis.run(ctx, removals(s)...))
}

// Sessions implements Presence.
func (p *RedisPresence) Sessions(ctx context.Context, user string) ([]SessionRecord, error) {
	local, err := p.local.Sessions(ctx, user)
	if err != nil {
		return nil, err
	}
	others, err := p.others(ctx, 0, userGroup(user))
	if err != nil {
		return local, fmt.Errorf("reading a user's sessions: %w", err)
	}
	return append(local, others...), nil
}

// Online implements Presence.
func (p *RedisPresence) Online(ctx context.Context, room string, limit int) ([]SessionRecord, error) {
	local, err := p.local.Online(ctx, room, limit)
	if err != nil || limit > 0 && len(local) == limit {
		return local, err
	}
	groups := []group{roomGroup(room)}
	if room == "" {
		groups, err = p.otherNodes(ctx)
		if err != nil {
			return local, fmt.Errorf("reading which nodes there are: %w", err)
		}
	}
	remaining := 0
	if limit > 0 {
		remaining = limit - len(local)
	}
	others, err := p.others(ctx, remaining, groups...)
	if err != nil {
		return local, fmt.Errorf("reading who is online: %w", err)
	}
	return append(local, others...), nil
}

// ifReached leaves out the error of not reaching Redis: what was to be written is written later.
func ifReached(what string, err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// others returns up to limit sessions, of those in several groups, that live nodes other than this one have; limit 0 means all.
func (p *RedisPresence) others(ctx context.Context, limit int, groups ...group) ([]SessionRecord, error) {
	found, complete, err := p.read(ctx, limit, groups)
	if err == nil && !complete && len(found) < limit {
		// This node's own sessions, or those of dead nodes, took the places of others.
		found, _, err = p.read(ctx, 0, groups)
	}
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	return found, err
}

// otherNodes are the groups of the live nodes other than this one.
func (p *RedisPresence) otherNodes(ctx context.Context) ([]group, error) {
	nodes, _, err := p.read(ctx, 0, []group{nodesGroup})
	groups := make([]group, len(nodes))
	for i, n := range nodes {
		groups[i] = nodeGroup(n.Node, n.Boot)
	}
	return groups, err
}

// read returns up to limit sessions of each group, less those of this node and of dead ones, and whether that is all there are.
func (p *RedisPresence) read(ctx context.Context, limit int, groups []group) (found []SessionRecord, complete bool, err error) {
	if len(groups) == 0 {
		return nil, true, nil
	}
	calls := make([]*scriptCall, len(groups))
	for i, g := range groups {
		calls[i] = &scriptCall{script: presenceRead, keys: g.keys(), args: []any{limit}}
	}
	if err := p.redis.run(ctx, calls...); err != nil {
		return nil, false, err
	}
	complete = true
	for _, c := range calls {
		records, err := c.reply.StringSlice()
		if err != nil {
			return nil, false, err
		}
		complete = complete && (limit == 0 || len(records) < limit)
		for _, encoded := range records {
			s, err := decodeSession(encoded)
			if err != nil {
				return nil, false, err
			}
			// What Redis has of this node's own is either known or out of date.
			if s.Node != p.cfg.Node && (p.cfg.Alive == nil || p.cfg.Alive(s.Node, s.Boot)) {
				found = append(found, s)
			}
		}
	}
	return found, complete, nil
}
