package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// redisTimeout bounds what a caller waits for Redis: it stays below half a second.
	redisTimeout = 400 * time.Millisecond
	// redisProbeInterval is how often a Redis that is away is looked for.
	redisProbeInterval = 250 * time.Millisecond
)

// RedisConfig says where the Redis is that all nodes share.
type RedisConfig struct {
	URL     string        // see CheckRedisURL
	Timeout time.Duration // of one operation; 0 means 400 ms
	Logger  *slog.Logger  // nil discards
}

// Redis is this node's way to the Redis that all nodes share: one server, one behind Sentinel, or a Redis Cluster. RedisPresence
// and RedisInbox work by it. It is safe for concurrent use.
//
// It is a circuit breaker: once Redis has failed to answer, every operation returns ErrUnavailable without trying, until
// a probe in the background has seen it answer. So nobody waits for a Redis that is away but the first to notice. In a
// Redis Cluster, losing one part opens the breaker for all of it: presence would be wrong by pieces otherwise.
type Redis struct {
	client  redis.UniversalClient
	timeout time.Duration
	log     *slog.Logger

	away atomic.Bool
	lost chan string // wakes the probe with the key that could not be reached

	mu      sync.Mutex
	returns []chan struct{}

	ctx    context.Context //nolint:containedctx // the life of the probe
	cancel context.CancelFunc
	probes sync.WaitGroup
}

// OpenRedis makes ready to use the Redis of cfg and begins to look for it; it need not be there yet. The error says that the URL
// cannot be used; it does not repeat the URL, which may hold a password.
func OpenRedis(cfg RedisConfig) (*Redis, error) {
	r := &Redis{timeout: cfg.Timeout, log: cfg.Logger, lost: make(chan string, 1)}
	if r.timeout <= 0 {
		r.timeout = redisTimeout
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	target, err := parseRedisURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	// go-redis has one logger for the whole process. What matters of it is in the errors that it returns.
	redis.SetLogger(redisLog{r.log})
	r.client = target.open(r.timeout)
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.probes.Go(r.watch)
	return r, nil
}

// Close ends the connections and waits for the probe to end. What uses the Redis is to be closed before.
func (r *Redis) Close() error {
	r.cancel()
	r.probes.Wait()
	if err := r.client.Close(); err != nil {
		return fmt.Errorf("closing the connections to Redis: %w", err)
	}
	return nil
}

// Available tells whether Redis answered when it was last tried.
func (r *Redis) Available() bool { return !r.away.Load() }

// returned makes a channel that gets a value each time after Redis has come back.
func (r *Redis) returned() <-chan struct{} {
	back := make(chan struct{}, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.returns = append(r.returns, back)
	return back
}

// watch looks for Redis at the start, and then each time it is lost until it is back.
func (r *Redis) watch() {
	const anyKey = "hubbub:{start}"
	if err := r.probe(anyKey); err != nil {
		r.lose(anyKey, err)
	}
	for {
		select {
		case <-r.ctx.Done():
			return
		case key := <-r.lost:
			r.awaitReturn(key)
		}
	}
}

func (r *Redis) awaitReturn(key string) {
	since := time.Now()
	ticker := time.NewTicker(redisProbeInterval)
	defer ticker.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-ticker.C:
		}
		if r.probe(key) == nil {
			break
		}
	}
	r.away.Store(false)
	r.log.Info("redis is back", "after", time.Since(since).Round(time.Millisecond))
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, back := range r.returns {
		select {
		case back <- struct{}{}:
		default: // it has not looked since the last time
		}
	}
}

// probe writes where key would be written: on the same server of a Redis Cluster, by a command that is refused when others would be.
func (r *Redis) probe(key string) error {
	ctx, cancel := context.WithTimeout(r.ctx, r.timeout)
	defer cancel()
	tag, _, _ := strings.Cut(key, "}")
	err := r.client.Set(ctx, tag+"}:probe", 1, time.Minute).Err()
	if err != nil && !answered(err) {
		return fmt.Errorf("probing: %w", err)
	}
	return nil
}

// lose opens the breaker, unless it is open.
func (r *Redis) lose(key string, err error) {
	if r.ctx.Err() != nil || !r.away.CompareAndSwap(false, true) {
		return
	}
	r.log.Warn("redis is away", "err", err)
	r.lost <- key // there is space: the probe took the last one before it closed the breaker
}

// scriptCall is one run of a script. All of its keys are in one slot.
type scriptCall struct {
	script *redis.Script
	keys   []string
	args   []any

	reply *redis.Cmd
}

// run runs scripts in one round trip, or in two when Redis does not know one of them yet. It is not atomic over the calls: when it
// fails, some may have taken effect. It returns ErrUnavailable when Redis is away or did not answer in time.
func (r *Redis) run(ctx context.Context, calls ...*scriptCall) error {
	if len(calls) == 0 {
		return nil
	}
	if r.away.Load() {
		return ErrUnavailable
	}
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	key, err := r.pipeline(bounded, calls)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // says nothing of Redis
		return context.Cause(ctx)
	case answered(err):
		return err
	default:
		r.lose(key, err)
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// pipeline returns the first error and the key that it is about.
func (r *Redis) pipeline(ctx context.Context, calls []*scriptCall) (string, error) {
	pipe := r.client.Pipeline()
	for _, c := range calls {
		c.reply = c.script.EvalSha(ctx, pipe, c.keys, c.args...)
	}
	_, _ = pipe.Exec(ctx) // each reply has its own error
	var unknown []*scriptCall
	for _, c := range calls {
		if redis.HasErrorPrefix(c.reply.Err(), "NOSCRIPT") {
			unknown = append(unknown, c)
		}
	}
	if len(unknown) > 0 {
		pipe = r.client.Pipeline()
		for _, c := range unknown {
			c.reply = c.script.Eval(ctx, pipe, c.keys, c.args...)
		}
		_, _ = pipe.Exec(ctx)
	}
	for _, c := range calls {
		if err := c.reply.Err(); err != nil {
			return c.keys[0], err
		}
	}
	return "", nil
}

// answered tells whether an error is about what was asked, from a Redis that works. Others that it may answer (LOADING, CLUSTERDOWN,
// READONLY, MISCONF, NOAUTH and more) are as good as no answer.
func answered(err error) bool {
	reply, ok := errors.AsType[redis.Error](err)
	if !ok {
		return false
	}
	return outOfMemory(err) || strings.HasPrefix(reply.Error(), "WRONGTYPE") ||
		strings.HasPrefix(reply.Error(), "ERR ") && strings.Contains(reply.Error(), "user_script")
}

// outOfMemory tells whether Redis has reached its maxmemory. Redis 6 puts that inside another error.
func outOfMemory(err error) bool {
	reply, ok := errors.AsType[redis.Error](err)
	return ok && strings.Contains(reply.Error(), "OOM command not allowed")
}

// redisLog is go-redis's logger.
type redisLog struct{ log *slog.Logger }

func (l redisLog) Printf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, "go-redis", "message", fmt.Sprintf(format, args...))
}
