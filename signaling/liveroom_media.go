package signaling

import (
	"fmt"
	"slices"

	"hubbub/room"
	"hubbub/sfu"
	"hubbub/signaling/replica"
)

// media is a negotiated PeerConnection that is about to be attached, with what
// the client is to be told of it.
type media struct {
	peer   *sfu.Peer
	answer string
}

// sources are what the client sends by the media, as a seat has them.
func (m *media) sources() []string {
	if m == nil {
		return nil
	}
	return sourcesOf(m.peer)
}

func sourcesOf(p *sfu.Peer) []string {
	var sources []string
	for _, kind := range p.Sources() {
		sources = append(sources, string(kind))
	}
	return sources
}

// renew gives a participant media, or other media than it had.
func (r *liveRoom) renew(s *session, at *place, md *media, reply func([]sfu.Slot)) (err error) {
	r.do(func() {
		var m *member
		var p room.Participant
		if m, p, err = r.seated(s, at); err != nil {
			return
		}
		if err = r.replaceMedia(m, md, p); err == nil {
			reply(r.slots(m))
			m.slots.release(s)
		}
	})
	return err
}

func (r *liveRoom) replaceMedia(m *member, md *media, p room.Participant) error {
	if md == nil {
		return nil
	}
	r.rel.peer(m.peer)
	m.peer, m.slots = nil, nil
	if err := r.attach(m, md, p); err != nil {
		return err
	}
	r.publishes(m)
	return nil
}

// publishes has all nodes know what a member's media may bring, if that has changed.
func (r *liveRoom) publishes(m *member) {
	now := sourcesOf(m.peer)
	if seat, ok := r.replica.Seat(m.place.participant); ok && seat.Media && slices.Equal(seat.Sources, now) {
		return
	}
	r.post(&roomRequest{command: replica.Command{
		Kind: replica.Publish, Participant: m.place.participant, Session: m.session.id, Sources: now,
	}})
}

// renegotiate has a session's media answer a further offer. What changes in the slots meanwhile is told after the reply, which says which
// slots there are now. It fails with sfu.ErrClosed when there are no media, or they have ended.
func (r *liveRoom) renegotiate(s *session, at *place, negotiate func(*sfu.Peer) error, reply func([]sfu.Slot)) error {
	var m *member
	var peer *sfu.Peer
	var err error
	r.do(func() {
		m, _, err = r.seated(s, at)
		switch {
		case err != nil:
		case m.peer == nil || hasEnded(m.peer):
			err = fmt.Errorf("renegotiate: %w", sfu.ErrClosed)
		default:
			peer = m.peer
			m.slots.hold()
		}
	})
	if err != nil {
		return err
	}
	failed := negotiate(peer)
	r.do(func() {
		if r.members[at.participant] != m || m.session != s || m.peer != peer {
			err = errConflict("others have taken this seat or its media")
			return
		}
		if failed == nil {
			r.publishes(m)
			reply(r.slots(m))
		}
		m.slots.release(s)
	})
	if failed != nil {
		return failed
	}
	return err
}

// permit lets flow what a member may send.
func (m *member) permit(p room.Participant) {
	if m.peer != nil {
		m.peer.SetPublishing(p.MayPublish())
		m.peer.SetShowing(p.MayShow())
	}
}

// silence stops all that a member sends.
func (m *member) silence() {
	if m.peer != nil {
		m.peer.SetPublishing(false)
		m.peer.SetShowing(false)
	}
}

// attach lets the media of a member flow.
func (r *liveRoom) attach(m *member, md *media, p room.Participant) error {
	if md == nil {
		// Media that go on tell the new session of their slots.
		m.slots.hold()
		m.permit(p)
		return nil
	}
	feed := &slotFeed{held: true}
	err := r.router.Attach(md.peer, sfu.Attachment{
		Participant: p.ID, CSRC: p.CSRC, Publishing: p.MayPublish(), Showing: p.MayShow(), OnSlots: feed.changed,
	})
	if err != nil {
		return err
	}
	m.peer, m.slots = md.peer, feed
	return nil
}

// slots are those of a member's media. Of who has left the room just now their media may not know yet.
func (r *liveRoom) slots(m *member) []sfu.Slot {
	slots := m.peer.Slots()
	for i := range slots {
		if _, here := r.replica.Room().Participant(slots[i].Participant); !here {
			slots[i].Participant, slots[i].Source = "", ""
		}
	}
	return slots
}

func hasEnded(p *sfu.Peer) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}
