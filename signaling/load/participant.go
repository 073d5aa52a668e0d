package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hubbub/signaling/client"
	"hubbub/signaling/load/stamp"
)

// participant is one person of the load.
type participant struct {
	number int
	client *client.Client
	media  *client.Media
	ear    *ear

	answered  time.Duration // from dialling to the answer to join
	connected time.Duration // from dialling to media that flow
}

const joinTimeout = 30 * time.Second

// arrive connects, joins and waits for the media.
func (r *run) arrive(ctx context.Context, number int, speaks bool) (*participant, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	p := &participant{number: number, ear: newEar(r.clock)}
	name := fmt.Sprintf("load-%d", number)
	room := fmt.Sprintf("%s-%d", r.name, number/r.plan.Participants)
	credentials := client.ConnectParams{Name: name, Client: &client.Agent{Name: "hubbub-loadtest", Version: "1"}}
	if r.plan.Token != nil {
		token, err := r.plan.Token(name, room)
		if err != nil {
			return nil, err
		}
		credentials.Token = token
	}
	var err error
	p.media, err = r.engine.NewMedia(client.MediaConfig{Slots: r.plan.Slots, ListensOnly: !speaks, OnPacket: p.ear.hear})
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	p.client, err = client.Dial(ctx, r.url, client.Options{OnNotification: ignore})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect participant %d: %w", number, err), p.leave())
	}
	if err := r.enter(ctx, p, credentials, room, begin); err != nil {
		return nil, errors.Join(err, p.leave())
	}
	return p, nil
}

func (r *run) enter(ctx context.Context, p *participant, who client.ConnectParams, room string, begin time.Time) error {
	// Pipelined, as a client in a hurry does.
	connecting, err := p.client.Start("connect", who)
	if err != nil {
		return fmt.Errorf("connect participant %d: %w", p.number, err)
	}
	if _, err := p.media.Join(ctx, p.client, client.JoinParams{Room: room}); err != nil {
		var result json.RawMessage
		return fmt.Errorf("join participant %d: %w", p.number, errors.Join(err, connecting.Wait(ctx, &result)))
	}
	p.answered = time.Since(begin)
	if err := p.media.Connected(ctx); err != nil {
		return fmt.Errorf("connect the media of participant %d: %w", p.number, err)
	}
	p.connected = time.Since(begin)
	return nil
}

func ignore(client.Notification) {}

// leave ends the media first, so that the server's packets find nobody.
func (p *participant) leave() error {
	err := p.media.Close()
	if p.client != nil {
		err = errors.Join(err, p.client.Leave())
	}
	return err
}

// talk sends a packet every frame until ctx ends.
func (p *participant) talk(ctx context.Context, clock func() time.Duration, payloadBytes int) error {
	payload := make([]byte, payloadBytes)
	ticker := time.NewTicker(frame)
	defer ticker.Stop()
	for n := uint32(0); ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		stamp.Stamp{Speaker: uint32(p.number), Number: n, Sent: clock()}.Put(payload)
		if err := p.media.Send(client.Frame{Payload: payload, Level: speechLevel, Voice: true, Marker: n == 0}); err != nil {
			return fmt.Errorf("send for participant %d: %w", p.number, err)
		}
	}
}

// speechLevel is that of someone who speaks into a good microphone, in -dBov.
const speechLevel = 25
