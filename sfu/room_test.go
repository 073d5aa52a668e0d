package sfu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/pion/webrtc/v4"
)

// requireContinuous fails when a slot's packets have a gap in their sequence numbers or timestamps that go back.
func requireContinuous(t *testing.T, packets []heardPacket) {
	t.Helper()
	last := make(map[string]heardPacket)
	for _, p := range packets {
		if before, ok := last[p.mid]; ok {
			if p.header.SequenceNumber != before.header.SequenceNumber+1 {
				t.Errorf("slot %s: sequence number %d after %d", p.mid, p.header.SequenceNumber, before.header.SequenceNumber)
			}
			if int32(p.header.Timestamp-before.header.Timestamp) <= 0 {
				t.Errorf("slot %s: timestamp %d after %d", p.mid, p.header.Timestamp, before.header.Timestamp)
			}
			if p.header.SSRC != before.header.SSRC {
				t.Errorf("slot %s: SSRC %d after %d", p.mid, p.header.SSRC, before.header.SSRC)
			}
		}
		last[p.mid] = p
	}
}

func TestEightPeopleWithThreeSlots(t *testing.T) {
	s := newTestSFU(t, Config{})
	r := s.NewRouter()
	defer r.Close()
	people := make([]*testClient, 8)
	for i := range people {
		people[i] = newTestClient(t, fmt.Sprint("p", i), clientOptions{slots: 3})
		people[i].join(s, r, Attachment{CSRC: uint32(100 + i), Publishing: true})
	}
	for i, speaker := range people {
		stop := speaker.talk()
		eventually(t, "all others hear "+speaker.id, func() bool {
			return !slices.ContainsFunc(people, func(p *testClient) bool { return p != speaker && !p.hears(speaker.id) })
		})
		stop()
		for _, listener := range people {
			if listener.hears(listener.id) {
				t.Errorf("%s hears themself", listener.id)
			}
			for _, p := range listener.received() {
				if want := "voice of " + fmt.Sprint("p", p.header.CSRC[0]-100); p.payload != want {
					t.Errorf("CSRC %d with %q", p.header.CSRC[0], p.payload)
				}
			}
		}
		if i >= 4 {
			// The slots were full: this one came into that of somebody else, who has been quiet.
			listener := people[0]
			if !slices.ContainsFunc(listener.peer.Slots(), func(s Slot) bool { return s.Participant == speaker.id }) {
				t.Errorf("slots without %s: %v", speaker.id, listener.peer.Slots())
			}
		}
	}
	for _, p := range people {
		requireContinuous(t, p.received())
		eventually(t, "the slots were told", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return slices.ContainsFunc(p.changes, func(s Slot) bool { return s.Participant == "p7" }) || p.id == "p7"
		})
	}
}

func TestMutedAndListenersAreNotHeard(t *testing.T) {
	s := newTestSFU(t, Config{})
	r := s.NewRouter()
	defer r.Close()
	anna := newTestClient(t, "anna", clientOptions{slots: 2})
	boris := newTestClient(t, "boris", clientOptions{slots: 2})
	clara := newTestClient(t, "clara", clientOptions{slots: 2, listener: true})
	anna.join(s, r, Attachment{CSRC: 1, Publishing: true})
	boris.join(s, r, Attachment{CSRC: 2, Publishing: false})
	clara.join(s, r, Attachment{CSRC: 3, Publishing: true})
	if slots := anna.peer.Slots(); slots[0].Participant != "boris" {
		t.Errorf("who is muted has no slot: %v", slots)
	}
	if slots := clara.peer.Slots(); slots[0].Participant != "anna" || slots[1].Participant != "boris" {
		t.Errorf("slots of a listener: %v", slots)
	}

	stopAnna, stopBoris := anna.talk(), boris.talk()
	defer stopAnna()
	defer stopBoris()
	eventually(t, "the listener hears who is not muted", func() bool { return len(clara.received()) > 20 })
	if clara.hears("boris") {
		t.Error("who is muted is heard")
	}
	boris.peer.SetPublishing(true)
	eventually(t, "who is not muted any more is heard", func() bool { return clara.hears("boris") && anna.hears("boris") })
	anna.peer.SetPublishing(false)
	// Packets on their way may still come; after the next few of boris none can.
	for range 3 {
		clara.forget()
		eventually(t, "boris is heard", func() bool { return clara.hears("boris") })
	}
	if clara.hears("anna") {
		t.Error("who was muted is heard")
	}
	anna.peer.SetPublishing(true)
	eventually(t, "who was muted is heard again", func() bool { return clara.hears("anna") })
	requireContinuous(t, clara.received())
}

func TestReplacingAPeer(t *testing.T) {
	s := newTestSFU(t, Config{})
	r := s.NewRouter()
	defer r.Close()
	anna := newTestClient(t, "anna", clientOptions{slots: 1})
	anna.join(s, r, Attachment{CSRC: 1, Publishing: true})
	old := newTestClient(t, "boris", clientOptions{slots: 1})
	old.join(s, r, Attachment{CSRC: 2, Publishing: true})
	stopAnna, stopOld := anna.talk(), old.talk()
	defer stopAnna()
	eventually(t, "the old connection works", func() bool { return anna.hears("boris") && old.hears("anna") })

	next := newTestClient(t, "boris", clientOptions{slots: 1})
	next.join(s, r, Attachment{CSRC: 2, Publishing: true})
	stopNext := next.talk()
	defer stopNext()
	eventually(t, "both connections hear the other", func() bool { return next.hears("anna") })
	stopOld()
	if err := old.peer.Close(); err != nil {
		t.Error(err)
	}
	anna.forget()
	eventually(t, "the new connection is heard", func() bool { return anna.hears("boris") })
	for _, c := range []*testClient{old, next} {
		if c.hears("boris") {
			t.Error("boris hears themself")
		}
	}
	if slots := anna.peer.Slots(); len(slots) != 1 || slots[0].Participant != "boris" {
		t.Errorf("slots: %v", slots)
	}
	anna.mu.Lock()
	defer anna.mu.Unlock()
	if len(anna.changes) != 1 {
		t.Errorf("slots changed during the replacement: %v", anna.changes)
	}
}

func TestICERestart(t *testing.T) {
	s := newTestSFU(t, Config{})
	r := s.NewRouter()
	defer r.Close()
	anna := newTestClient(t, "anna", clientOptions{slots: 1})
	boris := newTestClient(t, "boris", clientOptions{slots: 1})
	anna.join(s, r, Attachment{CSRC: 1, Publishing: true})
	boris.join(s, r, Attachment{CSRC: 2, Publishing: true})
	defer anna.talk()()
	defer boris.talk()()
	eventually(t, "both hear", func() bool { return anna.hears("boris") && boris.hears("anna") })

	answer, err := anna.peer.Negotiate(context.Background(), Offer{SDP: anna.offer(&webrtc.OfferOptions{ICERestart: true})})
	if err != nil {
		t.Fatal(err)
	}
	anna.answer(answer)
	eventually(t, "the restarted connection works", func() bool {
		return anna.pc.ICEConnectionState() == webrtc.ICEConnectionStateConnected
	})
	anna.forget()
	boris.forget()
	eventually(t, "both hear again", func() bool { return anna.hears("boris") && boris.hears("anna") })
}

func TestSlotsAreAdded(t *testing.T) {
	s := newTestSFU(t, Config{Slots: 2})
	r := s.NewRouter()
	defer r.Close()
	anna := newTestClient(t, "anna", clientOptions{slots: 1})
	boris := newTestClient(t, "boris", clientOptions{})
	clara := newTestClient(t, "clara", clientOptions{})
	for i, c := range []*testClient{anna, boris, clara} {
		c.join(s, r, Attachment{CSRC: uint32(i + 1), Publishing: true})
	}
	anna.addSlot()
	anna.addSlot() // one too many
	answer, err := anna.peer.Negotiate(context.Background(), Offer{SDP: anna.offer(nil)})
	if err != nil {
		t.Fatal(err)
	}
	anna.answer(answer)
	slots := anna.peer.Slots()
	if len(slots) != 2 || slots[0].Participant != "boris" || slots[1].Participant != "clara" {
		t.Fatalf("slots: %v", slots)
	}
	defer boris.talk()()
	defer clara.talk()()
	eventually(t, "both are heard", func() bool { return anna.hears("boris") && anna.hears("clara") })
}

func TestClientsWithoutLevels(t *testing.T) {
	s := newTestSFU(t, Config{})
	r := s.NewRouter()
	defer r.Close()
	plain := newTestClient(t, "plain", clientOptions{slots: 1, withoutLevels: true})
	plain.join(s, r, Attachment{CSRC: 1, Publishing: true})
	others := make([]*testClient, 3)
	for i := range others {
		others[i] = newTestClient(t, fmt.Sprint("o", i), clientOptions{slots: 1})
		others[i].join(s, r, Attachment{CSRC: uint32(i + 2), Publishing: true})
	}
	stop := plain.talk()
	eventually(t, "who sends no levels is heard", func() bool { return others[0].hears("plain") && others[2].hears("plain") })
	stop()
	defer others[1].talk()()
	eventually(t, "who takes no levels hears", func() bool { return plain.hears("o1") })
	for _, p := range plain.received() {
		if p.header.Extension {
			t.Fatal("an extension that was not negotiated")
		}
	}
}

func TestEndsOfPeers(t *testing.T) {
	s := newTestSFU(t, Config{})
	r := s.NewRouter()
	anna := newTestClient(t, "anna", clientOptions{slots: 1})
	boris := newTestClient(t, "boris", clientOptions{slots: 1})
	anna.join(s, r, Attachment{CSRC: 1, Publishing: true})
	boris.join(s, r, Attachment{CSRC: 2, Publishing: true})

	if err := r.Attach(anna.peer, Attachment{Participant: "x", CSRC: 3}); !errors.Is(err, ErrAttached) {
		t.Errorf("second Attach: %v", err)
	}
	other := newTestClient(t, "other", clientOptions{slots: 1})
	if _, err := anna.peer.Negotiate(context.Background(), Offer{SDP: other.offer(nil)}); !errors.Is(err, ErrOtherConnection) {
		t.Errorf("offer of another connection: %v", err)
	}

	boris.close()
	select {
	case <-boris.peer.Done():
	case <-t.Context().Done():
	}
	eventually(t, "the slot of who left is empty", func() bool { return anna.peer.Slots()[0].Participant == "" })
	if _, err := boris.peer.Negotiate(context.Background(), Offer{SDP: boris.offered}); !errors.Is(err, ErrClosed) {
		t.Errorf("negotiation of what has ended: %v", err)
	}

	r.Close()
	if err := anna.peer.Close(); err != nil {
		t.Error(err)
	}
	if err := anna.peer.Close(); err != nil {
		t.Error(err)
	}
	if len(s.peers) != 0 {
		t.Errorf("%d peers are left", len(s.peers))
	}
}
