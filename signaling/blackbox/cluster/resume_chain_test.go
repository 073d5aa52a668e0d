package cluster

import (
	"testing"

	"hubbub/signaling/client"
)

// Someone on a bad line gets as far as `connect` on one node after another, and comes into the room only with the last one. The others see
// the participant that they know, as it was.
func TestResumeOfWhoNeverGotAsFarAsTheRoom(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	for _, path := range [][]int{{1, 2, 0}, {1, 1, 2}, {1, 2, 1, 1, 2, 0, 2}} {
		room := unique("room")
		witness := c.enterText(t, c.members[2], room, "witness")
		d := c.members[0].device(t, unique("ada"), false)
		ctx, cancel := within(patience)
		joined, err := d.Join(ctx, client.JoinParams{Room: room})
		if err != nil {
			t.Fatal(err)
		}
		muted := true
		if _, err := d.Update(ctx, client.Change{Muted: &muted}); err != nil {
			t.Fatal(err)
		}
		for _, next := range path {
			d.Abort()
			<-d.Done()
			d = c.members[next].connect(t, client.ConnectParams{Resume: d.hello.Resume}, false)
			if !d.hello.Resumed {
				t.Fatalf("on the way %v, not resumed on node %d", path, next)
			}
		}
		again, err := d.Join(ctx, client.JoinParams{Room: room})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if was, is := joined.Participant, again.Participant; was.ID != is.ID || was.CSRC != is.CSRC || !is.Muted {
			t.Errorf("after the way %v, %+v is %+v", path, was, is)
		}
		if e, ok := witness.seat().record.saw(func(e event) bool { return e.left.ID == joined.Participant.ID }); ok {
			t.Errorf("somebody was told that they left: %+v", e.left)
		}
	}
}
