package cluster

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed call_create.lua
	callCreateSource string
	//go:embed call_transition.lua
	callTransitionSource string
	//go:embed call_keep.lua
	callKeepSource string
	//go:embed call_read.lua
	callReadSource string

	callCreate     = redis.NewScript(callCreateSource)
	callTransition = redis.NewScript(callTransitionSource)
	callKeep       = redis.NewScript(callKeepSource)
	callRead       = redis.NewScript(callReadSource)
)

// callKeysLifetime is how long Redis keeps anything of calls after the last one: well above what a lease or a ringing call takes.
const callKeysLifetime = time.Hour

// RedisCalls are the Calls that all nodes share.
type RedisCalls struct {
	redis  *Redis
	limits CallLimits
	now    func() time.Time
}

// storedCall is a Call as Redis has it, without its state; nodes of different versions read each other's.
type storedCall struct {
	ID       string `json:"id"`
	From     string `json:"from"`
	FromName string `json:"from_name"`
	To       string `json:"to"`
	ToName   string `json:"to_name"`
	Media    string `json:"media"`
	Room     string `json:"room"`
	Expires  int64  `json:"expires"` // ms since 1970
}

// NewRedisCalls makes the store of what is in Redis; now is its clock, which decides what is forgotten. With nil that is Redis's own, so that
// the clocks of nodes need not agree. The limits should be the same on all nodes; the lease must be below an hour.
func NewRedisCalls(r *Redis, limits CallLimits, now func() time.Time) *RedisCalls {
	return &RedisCalls{redis: r, limits: limits, now: now}
}

// Create implements Calls.
func (m *RedisCalls) Create(ctx context.Context, c Call) error {
	encoded, err := encodeCall(c)
	if err != nil {
		return err
	}
	c.State = CallRinging
	run := &scriptCall{script: callCreate, keys: callKeys(c.From, c.To), args: []any{
		c.ID, encoded, m.clock(), m.keptFor(c), m.limits.Begun, m.limits.Waiting, m.limits.Total, callKeysLifetime.Milliseconds(),
	}}
	if err := m.redis.run(ctx, run); err != nil {
		if outOfMemory(err) {
			return fmt.Errorf("%w: %w", ErrCallsFull, err)
		}
		return fmt.Errorf("creating a call: %w", err)
	}
	reply, err := run.reply.Text()
	if err != nil {
		return fmt.Errorf("creating a call: %w", err)
	}
	switch reply {
	case "created":
		return nil
	case "busy":
		return ErrBusy
	case "in call":
		return ErrInCall
	case "there":
		return ErrCallThere
	case "many":
		return ErrTooManyCalls
	case "full":
		return ErrCallsFull
	}
	return fmt.Errorf("creating a call: %q was returned", reply)
}

// Transition implements Calls.
func (m *RedisCalls) Transition(ctx context.Context, c Call, to CallState) (Call, bool, error) {
	next := c
	next.State = to
	run := &scriptCall{script: callTransition, keys: callKeys(c.From, c.To), args: []any{
		c.ID, string(c.State), string(to), m.clock(), m.keptFor(next), callKeysLifetime.Milliseconds(),
	}}
	if err := m.redis.run(ctx, run); err != nil {
		return Call{}, false, fmt.Errorf("moving a call to %s: %w", to, err)
	}
	reply, err := run.reply.StringSlice()
	if err != nil {
		return Call{}, false, fmt.Errorf("moving a call to %s: %w", to, err)
	}
	if len(reply) != 2 {
		return Call{}, false, ErrNoCall
	}
	now, err := decodeCall(reply[1])
	if err == nil && reply[0] == "busy" {
		err = ErrBusy
	}
	return now, err == nil && reply[0] == "changed", err
}

// Keep implements Calls.
func (m *RedisCalls) Keep(ctx context.Context, c Call) (Call, error) {
	encoded, err := encodeCall(c)
	if err != nil {
		return Call{}, err
	}
	run := &scriptCall{script: callKeep, keys: callKeys(c.From, c.To), args: []any{
		c.ID, encoded, m.clock(), m.limits.Lease.Milliseconds(), callKeysLifetime.Milliseconds(),
	}}
	if err := m.redis.run(ctx, run); err != nil {
		return Call{}, fmt.Errorf("keeping a call: %w", err)
	}
	record, err := run.reply.Text()
	if err != nil {
		return Call{}, fmt.Errorf("keeping a call: %w", err)
	}
	return decodeCall(record)
}

// Get implements Calls.
func (m *RedisCalls) Get(ctx context.Context, id string) (Call, error) {
	calls, err := m.read(ctx, callKeys(), m.clock(), id)
	if err != nil {
		return Call{}, fmt.Errorf("reading a call: %w", err)
	}
	if len(calls) == 0 {
		return Call{}, ErrNoCall
	}
	return calls[0], nil
}

// OfUser implements Calls.
func (m *RedisCalls) OfUser(ctx context.Context, user string) ([]Call, error) {
	calls, err := m.read(ctx, callKeys(user), m.clock(), "")
	if err != nil {
		return nil, fmt.Errorf("reading a user's calls: %w", err)
	}
	var live []Call
	for _, c := range calls {
		if !c.State.Finished() {
			live = append(live, c)
		}
	}
	return live, nil
}

func (m *RedisCalls) read(ctx context.Context, keys []string, args ...any) ([]Call, error) {
	run := &scriptCall{script: callRead, keys: keys, args: args}
	if err := m.redis.run(ctx, run); err != nil {
		return nil, err
	}
	records, err := run.reply.StringSlice()
	if err != nil {
		return nil, err
	}
	calls := make([]Call, len(records))
	for i, record := range records {
		if calls[i], err = decodeCall(record); err != nil {
			return nil, err
		}
	}
	return calls, nil
}

// clock is what the scripts take for now.
func (m *RedisCalls) clock() int64 {
	if m.now == nil {
		return 0
	}
	return m.now().UnixMilli()
}

func (m *RedisCalls) keptFor(c Call) int64 {
	now := time.Now
	if m.now != nil {
		now = m.now
	}
	return keptFor(c, m.limits, now()).Milliseconds()
}

func encodeCall(c Call) ([]byte, error) {
	encoded, err := json.Marshal(storedCall{
		ID: c.ID, From: c.From, FromName: c.FromName, To: c.To, ToName: c.ToName,
		Media: c.Media, Room: c.Room, Expires: c.Expires.UnixMilli(),
	})
	if err != nil {
		return nil, fmt.Errorf("encoding a call: %w", err)
	}
	return encoded, nil
}

var errCallRecord = errors.New("decoding a call: no state before it")

func decodeCall(record string) (Call, error) {
	state, encoded, found := strings.Cut(record, "\n")
	if !found {
		return Call{}, errCallRecord
	}
	var c storedCall
	if err := json.Unmarshal([]byte(encoded), &c); err != nil {
		return Call{}, fmt.Errorf("decoding a call: %w", err)
	}
	return Call{
		ID: c.ID, From: c.From, FromName: c.FromName, To: c.To, ToName: c.ToName,
		Media: c.Media, Room: c.Room, State: CallState(state), Expires: time.UnixMilli(c.Expires),
	}, nil
}

// callKeys are in one slot of a Redis Cluster, by what is in braces: see call_create.lua.
func callKeys(users ...string) []string {
	keys := []string{"hubbub:{calls}:records", "hubbub:{calls}:deadlines"}
	for _, user := range users {
		keys = append(keys, "hubbub:{calls}:of:"+user)
	}
	return keys
}
