package cluster

import (
	"errors"
	"fmt"
	"time"

	"hubbub/signaling/client"
)

// seat is one connection of a person to one node, with the media that belong to it.
type seat struct {
	person *person
	number int // of the person's connections
	node   *node
	client *client.Client
	media  *client.Media // nil with text alone
	hello  client.ConnectResult
	joined client.JoinResult
	record *record

	dialled   chan struct{}              // closed when client is set
	reconnect chan client.ReconnectEvent // the server asks to leave this node
}

// dial opens a connection to a node.
func (p *person) dial(n *node) (*seat, error) {
	p.mu.Lock()
	p.connections++
	s := &seat{
		person: p, number: p.connections, node: n, record: newRecord(),
		dialled: make(chan struct{}), reconnect: make(chan client.ReconnectEvent, 1),
	}
	p.mu.Unlock()
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	c, err := client.Dial(ctx, n.signal(), client.Options{OnNotification: s.told})
	if err != nil {
		return nil, err
	}
	s.client = c
	close(s.dialled)
	p.mu.Lock()
	p.latestDialled = c
	p.mu.Unlock()
	return s, nil
}

// told takes what the server says by itself. It runs on the connection's reading goroutine.
func (s *seat) told(n client.Notification) {
	switch n.Method {
	case "reconnect":
		var e client.ReconnectEvent
		if n.Decode(&e) == nil {
			select {
			case s.reconnect <- e:
			default:
			}
		}
	case "whisper":
		var w client.Whisper
		if n.Decode(&w) == nil {
			<-s.dialled
			s.person.show(s, w)
		}
	case "chat":
		var m client.Message
		if n.Decode(&m) == nil {
			s.person.read(m)
		}
	default:
		s.record.add(n)
	}
}

// connect says who one is: with a token, or with the resume string of an earlier connection.
func (s *seat) connect(params client.ConnectParams) error {
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	hello, err := s.client.Connect(ctx, params)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", s.node.name, err)
	}
	if params.Resume != "" && !hello.Resumed {
		return fmt.Errorf("connecting to %s: not resumed", s.node.name)
	}
	s.hello = hello
	return nil
}

// join enters the room, with media of its own if the person has a voice, or with those of another seat (nil for none).
func (s *seat) join(room string, old *client.Media) error {
	ctx, cancel := within(15 * time.Second)
	defer cancel()
	mark := s.record.expect()
	params := client.JoinParams{Room: room}
	var err error
	if s.person.voice == nil || old != nil {
		s.media = old
		s.joined, err = s.client.Join(ctx, params)
	} else {
		number := s.number
		s.media, err = s.person.cluster.engine.NewMedia(client.MediaConfig{
			Slots: slots, OnPacket: func(p client.Packet) { s.person.ear.hear(number, p) },
		})
		if err == nil {
			s.joined, err = s.media.Join(ctx, s.client, params)
		}
	}
	if err != nil {
		return fmt.Errorf("joining %s on %s: %w", room, s.node.name, err)
	}
	s.record.start(s.joined.Room, mark)
	if s.media == nil || old != nil {
		return nil
	}
	if err := s.media.Connected(ctx); err != nil {
		return fmt.Errorf("joining %s on %s: %w", room, s.node.name, err)
	}
	return nil
}

// refresh asks for a snapshot, as a client does that sees a gap.
func (s *seat) refresh() error {
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	mark := s.record.expect()
	r, err := s.client.Join(ctx, client.JoinParams{Room: s.joined.Room.Name})
	if err == nil {
		s.record.start(r.Room, mark)
	}
	return err
}

// abandon ends what is left of a seat whose place another one has taken, or which never came to be.
func (s *seat) abandon() error {
	var err error
	if s.client != nil {
		s.client.Abort()
	}
	if s.media != nil {
		err = s.media.Close()
	}
	return err
}

// leave closes the connection with 1000, and then the media.
func (s *seat) leave() error {
	err := s.client.Leave()
	if s.media != nil {
		err = errors.Join(err, s.media.Close())
	}
	return err
}

// isOpen tells whether the connection stands.
func (s *seat) isOpen() bool {
	select {
	case <-s.client.Done():
		return false
	default:
		return true
	}
}
