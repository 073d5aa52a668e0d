package sfu

import (
	"slices"

	"github.com/pion/rtcp"
)

// An Opus sender adds repair of lost packets to those that follow (RFC 6716, section 2.1.7) as far as packets get lost, and what gets lost it knows from our receiver
// reports alone. So these tell it of the way down too: a packet that did not reach listeners is as lost as one that did not reach us.

// lossOutliers is the share of listeners, one of so many, who may lose more than a sender is told: what is spent on repair is taken from everyone's sound.
const lossOutliers = 10

// slotReport is what a client said of an audio slot last.
type slotReport struct {
	ssrc    uint32
	highest uint32 // extended sequence number
}

// noteSoundLoss keeps what share of its sound a client says it has lost. Of several slots the one that lost least counts: others may carry what was lost on the
// way up. It is called on the goroutine that receives the client's RTCP.
func (p *Peer) noteSoundLoss(blocks []rtcp.ReceptionReport) {
	slots := p.streams.Load().slots
	p.slotReports = slices.DeleteFunc(p.slotReports, func(r slotReport) bool { return !slices.Contains(slots, r.ssrc) })
	least := -1
	for _, b := range blocks {
		if !slices.Contains(slots, b.SSRC) {
			continue
		}
		i := slices.IndexFunc(p.slotReports, func(r slotReport) bool { return r.ssrc == b.SSRC })
		if i < 0 {
			i = len(p.slotReports)
			p.slotReports = append(p.slotReports, slotReport{ssrc: b.SSRC})
		}
		if p.slotReports[i].highest == b.LastSequenceNumber {
			continue // nothing has come in it since
		}
		p.slotReports[i].highest = b.LastSequenceNumber
		if least < 0 || int(b.FractionLost) < least {
			least = int(b.FractionLost)
		}
	}
	if least < 0 {
		return
	}
	if old := p.soundLoss.Load(); uint32(least) < old {
		p.soundLoss.Store((old + uint32(least)) / 2) // a quiet moment on a bad way does not make it a good one
	} else {
		p.soundLoss.Store(uint32(least))
	}
}

// listenerLoss is the share of a source's packets, in 1/256, that listeners on this node lose on the way to them, but for the worst tenth of them.
func (c *contributor) listenerLoss() uint8 {
	var listeners [256]uint16 // by what they lose
	count := 0
	for _, l := range *c.participant.router.audience.Load() {
		for _, s := range l.subscribers {
			if s.peer == nil || s.participant == c.participant || !s.peer.connected.Load() {
				continue
			}
			listeners[min(s.peer.soundLoss.Load(), 255)]++
			count++
		}
	}
	worse := count / lossOutliers
	for loss := len(listeners) - 1; loss > 0; loss-- {
		if worse -= int(listeners[loss]); worse < 0 {
			return uint8(loss)
		}
	}
	return 0
}
