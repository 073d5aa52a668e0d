package cluster

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"slices"
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

// RedisInbox is the Inbox that all nodes share: for each user a stream in Redis, a hash that finds a whisper in it, a sorted
// set of those in it that are settled, and a key for each whisper that was settled not long ago. It outlives nodes, and Redis as far as that is made to keep its data. The space for all users together is Redis's maxmemory, whose policy has
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
	Origin   string    `json:"origin,omitempty"`
	Time     time.Time `json:"time"`
}

// NewRedisInbox makes an inbox of what is in Redis; now is its clock, which counts in milliseconds and decides what
// is too old. The limits should be the same on all nodes; Bytes is left to Redis.
func NewRedisInbox(r *Redis, limits InboxLimits, now func() time.Time) *RedisInbox {
	return &RedisInbox{redis: r, limits: limits, now: now}
}

// Store implements Inbox.
func (in *RedisInbox) Store(ctx context.Context, w Whisper) (Deposit, error) {
	encoded, err := json.Marshal(storedWhisper(w))
	if err != nil {
		return Deposit{}, fmt.Errorf("encoding a whisper: %w", err)
	}
	c := &scriptCall{script: inboxStore, keys: append(inboxKeys(w.To), settledKey(w.To, w.ID)), args: []any{
		w.ID, encoded, in.now().UnixMilli(), in.limits.Age.Milliseconds(), in.limits.PerUser,
		settledStay.Milliseconds(),
	}}
	if err := in.redis.run(ctx, c); err != nil {
		if outOfMemory(err) {
			return Deposit{}, fmt.Errorf("%w: %w", ErrInboxFull, err)
		}
		return Deposit{}, fmt.Errorf("storing a whisper: %w", err)
	}
	d, err := readDeposit(c.reply)
	if err != nil {
		return Deposit{}, fmt.Errorf("storing a whisper: %w", err)
	}
	if !d.Repeated {
		d.Time = w.Time
	}
	return d, nil
}

// readDeposit reads what inbox_store.lua returns; without the time of what is stored now.
func readDeposit(reply *redis.Cmd) (d Deposit, err error) {
	parts, err := reply.StringSlice()
	if err != nil || len(parts) == 1 {
		return Deposit{}, err
	}
	if len(parts) != 2 {
		return Deposit{}, fmt.Errorf("%d values were returned, want 1 or 2", len(parts))
	}
	d.Repeated, d.Settled = true, parts[0] == "settled"
	d.Time, err = time.Parse(time.RFC3339Nano, parts[1])
	return d, err
}

// Pending implements Inbox.
func (in *RedisInbox) Pending(ctx context.Context, user string) ([]Whisper, error) {
	recent, err := in.read(ctx, user, math.MaxInt64)
	return waitingOf(recent), err
}

// Recent implements Inbox.
func (in *RedisInbox) Recent(ctx context.Context, user string) ([]RecentWhisper, error) {
	return in.read(ctx, user, in.now().Add(-settledStay).UnixMilli()+1)
}

// read returns what waits, and what was settled in a millisecond or later.
func (in *RedisInbox) read(ctx context.Context, user string, settledFrom int64) ([]RecentWhisper, error) {
	keys := inboxKeys(user)
	c := &scriptCall{script: inboxPending, keys: []string{keys[0], keys[2]}, args: []any{in.youngEnough(), settledFrom}}
	if err := in.redis.run(ctx, c); err != nil {
		return nil, fmt.Errorf("reading an inbox: %w", err)
	}
	reply, err := c.reply.Slice()
	if err != nil {
		return nil, fmt.Errorf("reading an inbox: %w", err)
	}
	recent := make([]RecentWhisper, 0, len(reply)/2)
	for pair := range slices.Chunk(reply, 2) {
		encoded, _ := pair[0].(string)
		var w storedWhisper
		if err := json.Unmarshal([]byte(encoded), &w); err != nil {
			return nil, fmt.Errorf("decoding a whisper: %w", err)
		}
		recent = append(recent, RecentWhisper{Whisper: Whisper(w), Settled: len(pair) == 2 && pair[1] == int64(1)})
	}
	return recent, nil
}

// Settle implements Inbox.
func (in *RedisInbox) Settle(ctx context.Context, user, id string) (bool, error) {
	c := &scriptCall{script: inboxSettle, keys: append(inboxKeys(user), settledKey(user, id)), args: []any{
		id, in.youngEnough(), SettledMemory.Milliseconds(), in.now().UnixMilli(), in.limits.Age.Milliseconds(),
		in.limits.PerUser, settledStay.Milliseconds(),
	}}
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
	return []string{inbox, inbox + ":ids", inbox + ":settled"}
}

// settledKey is in the same slot.
func settledKey(user, id string) string { return "hubbub:{user:" + user + "}:settled:" + id }
