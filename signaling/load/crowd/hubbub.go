//go:build linux

package crowd

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"hubbub/signaling/client"
)

// Join is what joining took one participant.
type Join struct {
	Answered  time.Duration // from dialling to the answer to join
	Connected time.Duration // from dialling to media that can flow
}

const (
	joinTimeout = 30 * time.Second
	// leaving is how many leave at the same moment.
	leaving = 16
)

// JoinHubbub lets everyone join by the real protocol, so many at a time. With every of 0 they come one after another as fast as they can, else a new one
// begins each time that it is over. It fails when one of them cannot join.
func (c *Crowd) JoinHubbub(ctx context.Context, url string, atOnce int, every time.Duration) ([]Join, error) {
	name := "crowd-" + strings.ToLower(rand.Text()[:8])
	joins := make([]Join, len(c.people))
	var joining errgroup.Group
	joining.SetLimit(atOnce)
	begin := time.Now()
	for i, p := range c.people {
		select {
		case <-time.After(time.Until(begin.Add(time.Duration(i) * every))):
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		joining.Go(func() (err error) {
			joins[i], err = c.join(ctx, p, url, fmt.Sprintf("%s-%d", name, i/c.plan.People))
			return err
		})
	}
	if err := errors.Join(joining.Wait(), ctx.Err()); err != nil {
		return nil, err
	}
	c.consenting.Go(func() { _ = c.consent(c.people) })
	return joins, nil
}

// join takes one participant from nothing to media.
func (c *Crowd) join(ctx context.Context, p *person, url, room string) (j Join, err error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	begin := time.Now()
	if p.client, err = client.Dial(ctx, url, client.Options{}); err != nil {
		return j, fmt.Errorf("connect participant %d: %w", p.number, err)
	}
	// Pipelined, as a client in a hurry does.
	name := fmt.Sprintf("crowd-%d", p.number)
	connecting, err := p.client.Start("connect", client.ConnectParams{Name: name, Client: &client.Agent{Name: "hubbub-bench", Version: "1"}})
	if err != nil {
		return j, fmt.Errorf("connect participant %d: %w", p.number, err)
	}
	p.ice = newICEAgent()
	joined, err := p.client.Join(ctx, client.JoinParams{Room: room, Offer: c.offer(p), Sources: p.sources(c.plan)})
	if err != nil {
		var ignored json.RawMessage
		return j, fmt.Errorf("join participant %d: %w", p.number, errors.Join(err, connecting.Wait(ctx, &ignored)))
	}
	j.Answered = time.Since(begin)
	answer, err := readAnswer(joined.Answer)
	if err != nil {
		return j, fmt.Errorf("the answer to participant %d: %w", p.number, err)
	}
	p.ice.meet(answer.ufrag, answer.password)
	p.level = answer.levelID
	if err := p.connect(answer.address); err != nil {
		return j, err
	}
	if err := p.openPath(ctx); err != nil {
		return j, err
	}
	if err := c.shakeHands(ctx, p, answer.address); err != nil {
		return j, err
	}
	j.Connected = time.Since(begin)
	return j, nil
}

// leave lets everyone leave who came by the protocol.
func (c *Crowd) leave() error {
	var group errgroup.Group
	group.SetLimit(leaving)
	for _, p := range c.people {
		if p.client == nil {
			continue
		}
		group.Go(func() error {
			var err error
			if p.conn != nil {
				err = p.conn.Close()
			}
			return errors.Join(err, p.client.Leave())
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	return nil
}
