package replica

import (
	"fmt"
	"slices"

	"hubbub/room"
)

// execute carries out an entry's command on the model and the seats.
func (r *Replica) execute(e *Entry) (Outcome, error) {
	c := &e.Command
	switch c.Kind {
	case Join:
		return r.join(e)
	case Expire:
		return Outcome{Events: r.model.Expire(e.now())}, nil
	case Lose:
		return r.lose(e), nil
	case Adopt:
		return r.adopt(e), nil
	default: // a session's
	}
	if seated, ok := r.sessions[c.Session]; !ok || seated != c.Participant {
		return Outcome{}, fmt.Errorf("%s: %w", c.Kind, ErrNotSeated)
	}
	switch c.Kind {
	case Leave:
		events, err := r.model.Leave(e.now(), c.Participant)
		return Outcome{Events: events}, err
	case Disconnect:
		events, err := r.model.Disconnect(e.now(), c.Participant)
		return Outcome{Events: events}, err
	case Return:
		p, events, err := r.model.Reconnect(e.now(), c.Participant)
		return Outcome{Participant: p, Events: events}, err
	case Update:
		if c.Change == nil {
			break
		}
		p, events, err := r.model.Update(e.now(), c.Participant, *c.Change)
		return Outcome{Participant: p, Events: events}, err
	case Publish:
		seat := r.seats[c.Participant]
		seat.Media, seat.Sources = true, c.Sources
		r.seats[c.Participant] = seat
		p, _ := r.model.Participant(c.Participant)
		return Outcome{Participant: p}, nil
	case Chat:
		return r.chat(e)
	case Moderate:
		if c.Order == nil {
			break
		}
		events, err := r.model.Moderate(e.now(), *c.Order)
		return Outcome{Events: events}, err
	default:
	}
	return Outcome{}, fmt.Errorf("command %q: %w", c.Kind, room.ErrInvalid)
}

// join seats a session: as a new participant, as the one that it was before a break, or in place of another device.
func (r *Replica) join(e *Entry) (Outcome, error) {
	c := &e.Command
	if c.Entrance == nil || c.Session == "" {
		return Outcome{}, fmt.Errorf("join: %w", room.ErrInvalid)
	}
	in := c.Entrance
	before, here := r.model.ByUser(in.Request.User)
	if sits, ok := r.sessions[c.Session]; ok && sits != before.ID {
		return Outcome{}, fmt.Errorf("join: the session is another user's: %w", room.ErrInvalid)
	}
	seat, seated := r.seats[before.ID]
	var o Outcome
	var err error
	if here && seated && (seat.Session == c.Session || slices.Contains(in.Resumes, seat.Session)) {
		if seat.Media && seat.Node != c.From && !in.Media {
			return Outcome{}, ErrMediaElsewhere
		}
		o, err = r.resume(e, before.ID)
	} else {
		request := in.Request
		request.Muted = in.Muted != nil && *in.Muted
		o.Participant, o.Events, err = r.model.Join(e.now(), request)
	}
	if err != nil {
		return Outcome{}, err
	}
	taken := Seat{Node: c.From, Session: c.Session, Media: in.Media, Sources: in.Sources}
	if in.KeepsMedia && seated {
		taken.Media, taken.Sources = seat.Media, seat.Sources
	}
	old, had := r.sit(o.Participant.ID, taken)
	if had && old.Session != c.Session {
		o.vacate(o.Participant.ID, old)
	}
	return o, nil
}

func (r *Replica) resume(e *Entry, id string) (Outcome, error) {
	in := e.Command.Entrance
	o := Outcome{Resumed: true}
	if in.Broken {
		events, err := r.model.Disconnect(e.now(), id)
		if err != nil {
			return Outcome{}, err
		}
		o.Events = events
	}
	p, events, err := r.model.Reconnect(e.now(), id)
	if err != nil {
		return Outcome{}, err
	}
	o.Events = append(o.Events, events...)
	if in.Muted != nil {
		p, events, err = r.model.Update(e.now(), id, room.Change{Muted: in.Muted})
		if err != nil {
			return Outcome{}, err
		}
		o.Events = append(o.Events, events...)
	}
	o.Participant = p
	return o, nil
}

func (r *Replica) chat(e *Entry) (Outcome, error) {
	c := &e.Command
	m, repeated, err := r.model.Chat(e.now(), c.Participant, c.Text, c.Nonce)
	switch {
	case err != nil:
		return Outcome{}, err
	case repeated:
		return Outcome{Repeated: &m}, nil
	}
	return Outcome{Messages: []room.Message{m}}, nil
}

// lose breaks all connections of a node that is gone. Its participants keep their seats, for whom they may be resumed.
func (r *Replica) lose(e *Entry) Outcome {
	var o Outcome
	if e.Command.Lost == nil {
		return o
	}
	var lost []string
	for id, seat := range r.seats {
		if seat.Node == *e.Command.Lost {
			lost = append(lost, id)
		}
	}
	slices.Sort(lost) // the same order everywhere
	for _, id := range lost {
		if events, err := r.model.Disconnect(e.now(), id); err == nil {
			o.Events = append(o.Events, events...)
		}
	}
	return o
}
