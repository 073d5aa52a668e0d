package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hubbub/cluster/ownership"
)

// ServeAsk answers another node's Ask; the link has proven from's name and boot id, nothing else of it is read. It fails when body is not a question; all else that
// goes wrong is in the answer.
func (d *Directory) ServeAsk(ctx context.Context, from Node, body []byte) ([]byte, error) {
	q, err := parseQuestion(body)
	if err != nil {
		return nil, err
	}
	if q.For == "" || q.Hops == 0 {
		q.For, q.Boot = from.Name, from.Boot
	}
	var a answer
	a.Claim, err = d.serve(ctx, &q)
	if err != nil {
		d.log.Debug("cannot answer for a room", "room", q.Room, "asker", q.For, "err", err)
		a = answer{Reason: reason(err)}
	}
	reply, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("answer %s: %w", from.Name, err)
	}
	return reply, nil
}

func reason(err error) string {
	for text, known := range reasons {
		if errors.Is(err, known) {
			return text
		}
	}
	return err.Error()
}

func (d *Directory) serve(ctx context.Context, q *question) (Claim, error) {
	// A claim for a node that is not known here would not hold here, and the next to ask would be given the room too.
	wait, cancel := context.WithTimeout(ctx, d.limits.arrival)
	defer cancel()
	if !d.members.await(wait, q.For, q.Boot) {
		return Claim{}, ErrNotMember
	}
	if q.Kind == askTake {
		return d.accept(q)
	}
	// Nodes that do not see the same members do not agree on homes. As long as few do not, passing it on makes one of them decide.
	if home, ok := d.home(q); ok && home.Name != d.self.name && q.Hops < maxHops && home.Name != q.For {
		onward := *q
		onward.Hops++
		c, err := d.askNode(ctx, home, &onward)
		if err == nil || errors.Is(err, ErrOwnerAlive) {
			if err == nil {
				d.Learn(c)
			}
			return c, err
		}
	}
	return d.answer(ctx, q)
}

// answer is the home's.
func (d *Directory) answer(ctx context.Context, q *question) (Claim, error) {
	if q.Kind == askSucceed {
		return d.answerSuccession(ctx, q)
	}
	to := q.asker()
	if n, ok := d.members.Find(q.For); ok && n.Draining && !d.members.Self().Draining {
		to = d.self
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.grant(q.Room, to, q.Seen)
	if err == nil && to == d.self && q.asker() != d.self && d.mine(c) {
		d.follow(q.Room, told{}) // so that OnChange tells what nobody here has asked for
		d.hold(q.Room)
	}
	return c, err
}

func (d *Directory) answerSuccession(ctx context.Context, q *question) (Claim, error) {
	d.mu.Lock()
	d.learn(q.Lost, 0)
	d.mu.Unlock()
	if c, ok := d.succeeded(q); ok {
		return c, nil
	}
	if d.reaches(ctx, q.Lost.Owner, q.Lost.Boot) {
		return Claim{}, ErrOwnerAlive
	}
	if n, ok := d.members.Find(q.For); ok && n.Draining {
		// Others who have people in the room ask about now.
		select {
		case <-time.After(d.limits.others):
		case <-ctx.Done():
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if c, ok := d.live(q.Room); ok && !c.By(q.Lost.Owner, q.Lost.Boot) {
		return c, nil
	}
	return d.depose(q.Room, q.asker(), max(q.Seen, q.Lost.Epoch))
}

// succeeded is the claim of another owner than the one who was lost, if there is one already.
func (d *Directory) succeeded(q *question) (Claim, bool) {
	c, ok := d.Known(q.Room)
	return c, ok && !c.By(q.Lost.Owner, q.Lost.Boot)
}

// reaches says whether a node answers, in the very life that is meant. All who ask at a time share one probe.
func (d *Directory) reaches(ctx context.Context, name, boot string) bool {
	n, ok := d.members.Find(name)
	if !ok || n.Boot != boot {
		return false
	}
	if name == d.self.name {
		return true // and it says itself what it owns
	}
	if d.cfg.Probe == nil {
		return false
	}
	alive, _, _ := d.probes.Do(name+"\x00"+boot, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.limits.probe) // whoever asked first may stop waiting
		defer cancel()
		return d.cfg.Probe(ctx, n), nil
	})
	return alive == true
}

// accept takes a room that its owner hands over.
func (d *Directory) accept(q *question) (Claim, error) {
	if !d.mine(q.Offer) {
		return Claim{}, fmt.Errorf("room %q was offered to another node", q.Room)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if last, ok := d.table.Get(q.Room); ok && last != q.Offer {
		if ownership.Compare(last, q.Offer) > 0 {
			return Claim{}, ErrNotOwner // somebody else has it, or had it last
		}
	}
	d.want(q.Offer)
	if now, ok := d.table.Get(q.Room); !ok || now != q.Offer {
		return Claim{}, ErrDirectoryFull
	}
	d.post(q.Room)
	d.follow(q.Room, told{}) // so that OnChange tells
	d.hold(q.Room)
	return q.Offer, nil
}
