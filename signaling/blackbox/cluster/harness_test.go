package cluster

import (
	"testing"
	"time"
)

// One node is no cluster. What is said here of the people holds there already, so that a failure with several nodes is not theirs.
func TestPeopleOfOneNodeComeBackWhenTheyAreCutOff(t *testing.T) {
	t.Parallel()
	c := begin(t, layout{nodes: 1})
	_, people := c.meet(t, 3, c.members...)
	stops := []func(){people[0].chatter(50 * time.Millisecond), people[2].whisperTo(people[0], 50*time.Millisecond)}
	from := time.Now()
	people[0].seat().client.Abort()
	eventually(t, "they are back", func() bool { return len(people[0].moved()) == 1 })
	pass(time.Second)
	wantAllHeard(t, people)
	wantOneRoster(t, people)
	for _, stop := range stops {
		stop()
	}
	wantOneChat(t, people...)
	wantAllWhispers(t, people...)
	wantRegular(t, people)
	wantSeenReconnecting(t, people[1:], people[:1])
	// Without a new offer the sound went on.
	if s := longestSilence(people, people, from, time.Now()); s.Duration > atMost(100*time.Millisecond) {
		t.Errorf("a silence of %s", s)
	}
}
