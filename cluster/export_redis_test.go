package cluster

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Flush empties Redis.
func (r *Redis) Flush(ctx context.Context) error {
	if c, ok := r.client.(*redis.ClusterClient); ok {
		return c.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return c.FlushAll(ctx).Err() })
	}
	return r.client.FlushAll(ctx).Err()
}

// Do sends a command to Redis.
func (r *Redis) Do(ctx context.Context, command ...any) error {
	return r.client.Do(ctx, command...).Err()
}

// Keys are all keys of a single Redis.
func (r *Redis) Keys(ctx context.Context) ([]string, error) { return r.client.Keys(ctx, "*").Result() }

// WriteAll writes all of this node's sessions, as it does by itself from time to time.
func (p *RedisPresence) WriteAll(ctx context.Context) error { return p.writeAll(ctx) }
