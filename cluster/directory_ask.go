package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"hubbub/cluster/ownership"
)

// timing is what the Directory waits for; tests of time that passes change it.
type timing struct {
	ask     time.Duration // for one node's answer
	ready   time.Duration // to have met the others, before this node decides anything alone
	probe   time.Duration // for an owner that may be dead
	arrival time.Duration // for a node that was named by another, and not heard of yet
	others  time.Duration // before a draining node is given a room that others may want to succeed in
	life    time.Duration // of tombstones
	sweep   time.Duration
}

func defaultTiming() timing {
	return timing{
		ask: time.Second, ready: time.Second, probe: 400 * time.Millisecond, arrival: 500 * time.Millisecond, others: 250 * time.Millisecond,
		life: 2 * pushPullInterval, sweep: 5 * time.Second,
	}
}

// Kinds of questions.
const (
	askLocate  = "locate"
	askSucceed = "succeed"
	askTake    = "take" // a room is handed over
)

const (
	maxHomes = 3 // that are asked before asking fails
	maxHops  = 2 // of a question between nodes that disagree on whose it is
)

// question is what one node asks another about a room.
type question struct {
	Kind string `json:"kind"`
	Room string `json:"room"`
	// Seen is the highest epoch that the asker has seen of the room.
	Seen uint64 `json:"seen,omitempty"`
	// For and Boot are for whom is asked, when a node asks for another one.
	For  string `json:"for,omitempty"`
	Boot string `json:"boot,omitempty"`
	// Avoid is homes that do not answer; Hops counts how often the question was passed on.
	Avoid []string `json:"avoid,omitempty"`
	Hops  int      `json:"hops,omitempty"`
	// Lost is, for a succession, whose; Offer, for a hand-over, of what.
	Lost  Claim `json:"lost,omitzero"`
	Offer Claim `json:"offer,omitzero"`
}

// answer is a claim, or why there is none.
type answer struct {
	Claim  Claim  `json:"claim,omitzero"`
	Reason string `json:"reason,omitempty"`
}

// reasons are the errors that keep their identity on the way to another node.
var reasons = map[string]error{
	"owner alive": ErrOwnerAlive, "full": ErrDirectoryFull, "not a member": ErrNotMember, "not the owner": ErrNotOwner,
}

var errQuestion = errors.New("malformed question about a room")

func (q *question) asker() process { return process{q.For, q.Boot} }

func parseQuestion(body []byte) (question, error) {
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return question{}, fmt.Errorf("%w: %w", errQuestion, err)
	}
	ok := q.Room != "" && len(q.Room) <= ownership.MaxRoom && q.Seen <= ownership.MaxEpoch &&
		len(q.For) <= ownership.MaxOwner && len(q.Boot) <= ownership.MaxBoot && q.Hops >= 0 && len(q.Avoid) <= maxHomes
	switch q.Kind {
	case askLocate:
	case askSucceed:
		ok = ok && q.Lost.Valid() && !q.Lost.Released && q.Lost.Room == q.Room
	case askTake:
		ok = ok && q.Offer.Valid() && q.Offer.Room == q.Room && !q.Offer.Released
	default:
		ok = false
	}
	if !ok {
		return question{}, errQuestion
	}
	return q, nil
}

// home is who is to answer a question: of those who do not drain, if there are any, without who is to be avoided or succeeded.
func (d *Directory) home(q *question) (Node, bool) {
	v := d.members.current.Load()
	for _, draining := range []bool{false, true} {
		home, ok := ownership.Home(q.Room, func(yield func(string) bool) {
			for _, n := range v.sorted {
				lost := q.Kind == askSucceed && q.Lost.By(n.Name, n.Boot)
				if n.Draining == draining && !lost && !slices.Contains(q.Avoid, n.Name) && !yield(n.Name) {
					return
				}
			}
		})
		if ok {
			return v.nodes[home], true
		}
	}
	return Node{}, false
}

// take is the claim that holds for a room, in which there is interest from now on. If it is this node's own, it holds it.
func (d *Directory) take(room string) (Claim, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.live(room)
	if !ok {
		return Claim{}, false
	}
	if d.mine(c) {
		d.hold(room)
	}
	d.follow(room, told{c, true})
	return c, true
}

// ask has the room's home answer, be it this node or another, and the next best when it does not.
func (d *Directory) ask(ctx context.Context, q question) (Claim, error) {
	wait, cancel := context.WithTimeout(ctx, d.limits.ready)
	d.members.awaitReady(wait)
	cancel()
	q.For, q.Boot = d.self.name, d.self.boot
	d.mu.Lock()
	d.asking[q.Room]++
	last, _ := d.table.Get(q.Room)
	d.mu.Unlock()
	q.Seen = last.Epoch
	c, err := d.askHomes(ctx, &q)

	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.unwanted(q.Room)
	defer d.asked(q.Room)
	if err != nil {
		return Claim{}, err
	}
	d.want(c)
	if now, ok := d.live(q.Room); ok {
		c = now // maybe overtaken on the way
	} else if d.mine(c) {
		return Claim{}, errors.New("the claim was beaten by that of a node which is gone")
	}
	if d.mine(c) {
		d.hold(q.Room)
	}
	d.follow(q.Room, told{c, true})
	return c, nil
}

func (d *Directory) askHomes(ctx context.Context, q *question) (Claim, error) {
	var errs error
	for range maxHomes {
		home, ok := d.home(q)
		if !ok {
			break
		}
		if home.Name == d.self.name {
			return d.answer(ctx, q)
		}
		c, err := d.askNode(ctx, home, q)
		if err == nil {
			// The owner may have joined a moment ago; whoever gets this answer wants to reach it.
			wait, cancel := context.WithTimeout(ctx, d.limits.arrival)
			d.members.await(wait, c.Owner, c.Boot)
			cancel()
			return c, nil
		}
		if errors.Is(err, ErrOwnerAlive) || errors.Is(err, ErrDirectoryFull) || ctx.Err() != nil {
			return Claim{}, err
		}
		errs = errors.Join(errs, err)
		q.Avoid = append(q.Avoid, home.Name)
	}
	return Claim{}, errors.Join(errors.New("no node answers for the room"), errs)
}

// askNode asks one node.
func (d *Directory) askNode(ctx context.Context, to Node, q *question) (Claim, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return Claim{}, fmt.Errorf("ask %s: %w", to.Name, err)
	}
	if d.cfg.Ask == nil {
		return Claim{}, fmt.Errorf("ask %s: there are no links", to.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, d.limits.ask)
	defer cancel()
	reply, err := d.cfg.Ask(ctx, to, body)
	if err != nil {
		return Claim{}, fmt.Errorf("ask %s: %w", to.Name, err)
	}
	c, err := parseAnswer(reply, q.Room)
	if err != nil {
		return Claim{}, fmt.Errorf("ask %s: %w", to.Name, err)
	}
	return c, nil
}

func parseAnswer(reply []byte, room string) (Claim, error) {
	var a answer
	if err := json.Unmarshal(reply, &a); err != nil {
		return Claim{}, fmt.Errorf("malformed answer: %w", err)
	}
	if a.Reason != "" {
		if known, ok := reasons[a.Reason]; ok {
			return Claim{}, known
		}
		return Claim{}, errors.New(a.Reason)
	}
	if !a.Claim.Valid() || a.Claim.Room != room || a.Claim.Released {
		return Claim{}, errors.New("malformed answer")
	}
	return a.Claim, nil
}

// offer has another node take a room of this one.
func (d *Directory) offer(ctx context.Context, to Node, c Claim) (Claim, error) {
	given, err := d.askNode(ctx, to, &question{Kind: askTake, Room: c.Room, For: d.self.name, Boot: d.self.boot, Offer: c})
	if err != nil {
		return Claim{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.learn(given, 0)
	return given, nil
}
