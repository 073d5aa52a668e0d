package cluster

import (
	"context"
	"errors"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"time"
)

// maxWritten bounds how many sessions are written to Redis at once, so that others' requests get in between.
const maxWritten = 100

// stripe has a share of this node's sessions. Its lock is held while one of them is written to Redis, so that a session's writes
// happen in the order of the calls; the refresh among them, which would bring back one that is removed meanwhile.
type stripe struct {
	mu       sync.Mutex
	sessions map[string]writtenSession
}

func (p *RedisPresence) stripe(session string) *stripe {
	return &p.stripes[maphash.String(p.seed, session)%uint64(len(p.stripes))]
}

// ids are those of the sessions, at most maxWritten in each slice.
func (of *stripe) ids() [][]string {
	of.mu.Lock()
	defer of.mu.Unlock()
	return slices.Collect(slices.Chunk(slices.Collect(maps.Keys(of.sessions)), maxWritten))
}

// some are those of the sessions that are there still. The caller holds the lock.
func (of *stripe) some(ids []string) []writtenSession {
	some := make([]writtenSession, 0, len(ids))
	for _, id := range ids {
		if s, ok := of.sessions[id]; ok {
			some = append(some, s)
		}
	}
	return some
}

// keepWriting writes this node's sessions before others forget them, and as soon as Redis is back.
func (p *RedisPresence) keepWriting(ctx context.Context, back <-chan struct{}) {
	ticker := time.NewTicker(p.cfg.Lifetime / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-back:
		}
		if err := p.writeAll(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnavailable) {
			p.cfg.Logger.Warn("presence not written", "err", err)
		}
	}
}

// writeAll writes all of this node's sessions.
func (p *RedisPresence) writeAll(ctx context.Context) error {
	for i := range p.stripes {
		of := &p.stripes[i]
		for _, ids := range of.ids() {
			if err := p.writeSome(ctx, of, ids); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *RedisPresence) writeSome(ctx context.Context, of *stripe, ids []string) error {
	of.mu.Lock()
	defer of.mu.Unlock()
	return p.redis.run(ctx, p.writes(of.some(ids)...)...)
}

// Close stops writing and takes this node's sessions out, as far as Redis can be reached.
func (p *RedisPresence) Close(ctx context.Context) error {
	p.stop()
	p.writer.Wait()
	for i := range p.stripes {
		of := &p.stripes[i]
		for _, ids := range of.ids() {
			if err := p.removeSome(ctx, of, ids); err != nil {
				return ifReached("removing a node's sessions", err)
			}
		}
	}
	return ifReached("removing a node", p.redis.run(ctx, removal(nodesGroup, nodeEntry(p.cfg.Node, p.cfg.Boot))))
}

func (p *RedisPresence) removeSome(ctx context.Context, of *stripe, ids []string) error {
	of.mu.Lock()
	defer of.mu.Unlock()
	some := of.some(ids)
	for _, s := range some {
		delete(of.sessions, s.Session)
		if err := p.local.Remove(ctx, s.Session); err != nil {
			return err
		}
	}
	return p.redis.run(ctx, removals(some...)...)
}
