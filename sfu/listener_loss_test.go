package sfu

import (
	"fmt"
	"testing"

	"github.com/pion/rtcp"
)

// reportLoss has a client say how much of each of its slots it has lost, in 1/256, as if it had received something in those that are told of.
func (c *fakeClient) reportLoss(t *testing.T, losses map[int]uint8) {
	t.Helper()
	c.seq++
	var report rtcp.ReceiverReport
	for slot, lost := range losses {
		report.Reports = append(report.Reports, rtcp.ReceptionReport{
			SSRC: c.peer.slots[slot].ssrc, FractionLost: lost, LastSequenceNumber: uint32(c.seq),
		})
	}
	b, err := report.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	c.peer.ReceiveRTCP(b)
}

// toldLoss has a speaker say something, and returns what share is lost by the next report.
func (m *simulation) toldLoss(speaker *fakeClient) uint8 {
	m.t.Helper()
	speaker.send([]byte("sound"), 20, true)
	m.tick()
	before := len(speaker.transport.reports())
	speaker.peer.lane.do(func() { speaker.peer.report(m.sfu.now()) })
	for _, p := range speaker.transport.reports()[before:] {
		if r, ok := p.(*rtcp.ReceiverReport); ok {
			return r.Reports[0].FractionLost
		}
	}
	m.t.Fatal("no receiver report")
	return 0
}

func TestSpeakersAreToldOfListenersLosses(t *testing.T) {
	m := newSimulation(t, 2)
	speaker := m.join(2)
	if got := m.toldLoss(speaker); got != 0 {
		t.Fatalf("alone: %d", got)
	}
	listener := m.join(2)
	for _, step := range []struct {
		losses map[int]uint8
		want   uint8
	}{
		{map[int]uint8{0: 26}, 26},
		{map[int]uint8{0: 60, 1: 40}, 40},    // the other slot's is of the other's way up
		{map[int]uint8{0: 0}, 20},            // no more loss yet
		{map[int]uint8{0: 0}, 10},            //
		{map[int]uint8{}, 10},                // it hears nothing
		{map[int]uint8{0: 200, 1: 0}, 5},     // all is lost on the other's way up
		{map[int]uint8{0: 255, 1: 255}, 255}, //
	} {
		listener.reportLoss(t, step.losses)
		if got := m.toldLoss(speaker); got != step.want {
			t.Errorf("after %v: told %d, want %d", step.losses, got, step.want)
		}
	}
	if got := m.toldLoss(listener); got != 0 {
		t.Errorf("its own losses are told to the one who has them: %d", got)
	}
	if err := listener.peer.Close(); err != nil {
		t.Fatal(err)
	}
	if got := m.toldLoss(speaker); got != 0 {
		t.Errorf("after the listener has left: %d", got)
	}
}

func TestASlotThatNothingCameInSaysNothing(t *testing.T) {
	m := newSimulation(t, 2)
	speaker, listener := m.join(2), m.join(2)
	listener.reportLoss(t, map[int]uint8{0: 50, 1: 0})
	listener.seq-- // the second slot's number stays
	listener.reportLoss(t, map[int]uint8{1: 0})
	listener.reportLoss(t, map[int]uint8{0: 80})
	if got := m.toldLoss(speaker); got != 80 {
		t.Errorf("told %d", got)
	}
}

// One bad way in a large room does not cost everyone quality.
func TestWorstListenersAreLeftOut(t *testing.T) {
	for listeners, want := range map[int]uint8{1: 100, 9: 100, 10: 50, 19: 50, 20: 0} {
		t.Run(fmt.Sprint(listeners), func(t *testing.T) {
			m := newSimulation(t, 1)
			speaker := m.join(1)
			for i := range listeners {
				m.join(1).reportLoss(t, map[int]uint8{0: map[int]uint8{0: 100, 1: 50}[i]})
			}
			if got := m.toldLoss(speaker); got != want {
				t.Errorf("told %d, want %d", got, want)
			}
		})
	}
}
