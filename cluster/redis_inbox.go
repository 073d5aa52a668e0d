package cluster

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed inbox_store.lua
	inboxStoreSource string
	//go:embed inbox_pending.lua
	inboxPendingSource string
	//go:embed inbox_settle.lua
	inboxSettleSource string

	inboxStore   = redis.NewScript(inboxStoreSource)
	inboxPending = redis.NewScript(inboxPendingSource)
	inboxSettle  = redis.NewScript(inboxSettleSource)
)

// RedisInbox is the Inbox that all nodes share: for each user a stream in Redis and a hash that finds a whisper in it. It outlives
// nodes, and Redis as far as that is made to keep its data. The space for all users together is Redis's maxmemory, whose policy has
// to be noeviction: others throw whispers away.
type RedisInbox struct {
	redis  *Redis
	limits InboxLimits
	now    func() time.Time
}

// storedWhisper is a Whisper as Redis has it; nodes of different versions read each other's.
type storedWhisper struct {
	ID       string    `json:"id"`
	From     string    `json:"from"`
	FromName string    `json:"from_name"`
	To       string    `json:"to"`
	Text     string    `json:"text"`
	Room     string    `json:"room,omitempty"`
	Time     time.Time `json:"time"`
}

// NewRedisInbox makes an inbox of what is in Redis; now is its clock, which counts in milliseconds and decides what
// is too old. The limits should be the same on all nodes; Bytes is left to Redis.
func NewRedisInbox(r *Redis, limits InboxLimits, now func() time.Time) *RedisInbox {
	return &RedisInbox{redis: r, limits: limits, now: now}
}

// Store implements Inbox.
func (in *RedisInbox) Store(ctx context.Context, w Whisper) error {
	encoded, err := json.Marshal(storedWhisper(w))
	if err != nil {
		return fmt.Errorf("encoding a whisper: %w", err)
	}
	c := &scriptCall{script: inboxStore, keys: inboxKeys(w.To), args: []any{
		w.ID, encoded, in.now().UnixMilli(), in.limits.Age.Milliseconds(), in.limits.PerUser,
	}}
	if err := in.redis.run(ctx, c); err != nil {
		if outOfMemory(err) {
			return fmt.Errorf("%w: %w", ErrInboxFull, err)
		}
		return fmt.Errorf("storing a whisper: %w", err)
	}
	return nil
}

// Pending implements Inbox.
func (in *RedisInbox) Pending(ctx context.Context, user string) ([]Whisper, error) {
	c := &scriptCall{script: inboxPending, keys: inboxKeys(user), args: []any{in.youngEnough(), in.limits.PerUser}}
	if err := in.redis.run(ctx, c); err != nil {
		return nil, fmt.Errorf("reading an inbox: %w", err)
	}
	encoded, err := c.reply.StringSlice()
	if err != nil {
		return nil, fmt.Errorf("reading an inbox: %w", err)
	}
	pending := make([]Whisper, len(encoded))
	for i := range encoded {
		var w storedWhisper
		if err := json.Unmarshal([]byte(encoded[i]), &w); err != nil {
			return nil, fmt.Errorf("decoding a whisper: %w", err)
		}
		pending[i] = Whisper(w)
	}
	return pending, nil
}

// Settle implements Inbox.
func (in *RedisInbox) Settle(ctx context.Context, user, id string) (bool, error) {
	c := &scriptCall{script: inboxSettle, keys: inboxKeys(user), args: []any{id, in.youngEnough()}}
	if err := in.redis.run(ctx, c); err != nil {
		return false, fmt.Errorf("settling a whisper: %w", err)
	}
	settled, err := c.reply.Bool()
	if err != nil {
		return false, fmt.Errorf("settling a whisper: %w", err)
	}
	return settled, nil
}

// youngEnough is the millisecond of storing from which on whispers have not expired.
func (in *RedisInbox) youngEnough() int64 {
	return in.now().Add(-in.limits.Age).UnixMilli() + 1
}

// inboxKeys are in one slot of a Redis Cluster, by what is in braces.
func inboxKeys(user string) []string {
	inbox := "hubbub:{user:" + user + "}:inbox"
	return []string{inbox, inbox + ":ids"}
}
