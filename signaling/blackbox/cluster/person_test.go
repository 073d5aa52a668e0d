package cluster

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"hubbub/signaling/client"
)

// slots is how many voices a person hears at once: more than there are in any room of these tests.
const slots = 10

// person is someone in a room, whichever node they are connected to at the moment.
type person struct {
	t        *testing.T
	cluster  *cluster
	user     string
	room     string
	voice    *voice // nil with text alone
	ear      *ear
	stubborn bool // stays where they are, whatever the server asks for

	leaving chan struct{} // closed by leave
	left    func()        // closes it once
	keeping sync.WaitGroup

	mu            sync.Mutex
	connections   int // ever dialled
	latestDialled *client.Client
	seats         []*seat // joined, the last one is theirs now
	moves         []move
	resumeBy      string // of the latest connection that was admitted instead of another
	problems      []string
	shown         []client.Whisper // in the order of arrival, each once
	delivered     map[string]bool  // ids of them
	chat          map[int]client.Message
	repeats       []string   // numbers of the chat that came twice
	said          []answered // chat
	whispered     []answered
}

// someone makes a person who is nowhere yet.
func (c *cluster) someone(t *testing.T, name string) *person {
	p := &person{
		t: t, cluster: c, user: unique(name), ear: newEar(), leaving: make(chan struct{}),
		delivered: make(map[string]bool), chat: make(map[int]client.Message),
	}
	p.left = sync.OnceFunc(func() { close(p.leaving) })
	return p
}

// enter connects someone to a node and joins a room there with sound; they talk from then on.
func (c *cluster) enter(t *testing.T, n *node, room, name string) *person {
	t.Helper()
	p := c.someone(t, name)
	p.voice = newVoice()
	p.arrive(n, room, "speaker")
	return p
}

// enterText is enter without sound.
func (c *cluster) enterText(t *testing.T, n *node, room, name string) *person {
	t.Helper()
	p := c.someone(t, name)
	p.arrive(n, room, "speaker")
	return p
}

// arrive connects and, unless room is "", joins. Then the keeper watches over the connection, until the test ends.
func (p *person) arrive(n *node, room, role string) {
	p.t.Helper()
	p.room = room
	s, err := p.dial(n)
	if err != nil {
		p.t.Fatal(err)
	}
	err = s.connect(client.ConnectParams{Token: mint(p.t, p.user, role)})
	if err == nil && room != "" {
		err = s.join(room, nil)
	}
	if err != nil {
		_ = s.abandon()
		p.t.Fatalf("%s: %v", p.user, err)
	}
	p.take(s)
	if p.voice != nil {
		p.voice.talk()
	}
	p.keeping.Go(p.keep)
	p.t.Cleanup(func() { p.leave() })
}

// leave ends everything of this person, and fails the test for what went wrong in the meantime. It may be called again.
func (p *person) leave() {
	p.t.Helper()
	if p.isLeaving() {
		return
	}
	if p.voice != nil {
		p.voice.hush()
	}
	p.left()
	p.keeping.Wait()
	if s := p.seat(); s.isOpen() {
		if err := s.leave(); err != nil {
			p.t.Errorf("%s leaves: %v", p.user, err)
		}
	} else if err := s.abandon(); err != nil {
		p.t.Errorf("%s leaves: %v", p.user, err)
	}
	p.ear.wantSound(p.t, p.user)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		p.t.Errorf("%s: %s", p.user, problem)
	}
}

func (p *person) isLeaving() bool {
	select {
	case <-p.leaving:
		return true
	default:
		return false
	}
}

// seat is the connection that the person has now, or had last.
func (p *person) seat() *seat {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seats[len(p.seats)-1]
}

// take makes s the person's seat.
func (p *person) take(s *seat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.room != "" && len(p.seats) > 0 {
		first := p.seats[0].joined.Participant
		if now := s.joined.Participant; now.ID != first.ID || now.CSRC != first.CSRC {
			p.problems = append(p.problems, fmt.Sprintf("on %s the participant %s (CSRC %d) became %s (CSRC %d)",
				s.node.name, first.ID, first.CSRC, now.ID, now.CSRC))
		}
	}
	p.seats = append(p.seats, s)
	if p.voice != nil {
		p.voice.into(s.media)
	}
}

// trip breaks the connection that the person is just coming back or moving by, if there is one.
func (p *person) trip() {
	p.mu.Lock()
	attempt, seated := p.latestDialled, p.seats[len(p.seats)-1].client
	p.mu.Unlock()
	if attempt != seated {
		attempt.Abort()
	}
}

func (p *person) complain(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

// troubles are what has gone wrong with the person so far.
func (p *person) troubles() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.problems)
}

// id is the participant's id, which no move may change.
func (p *person) id() string { return p.seat().joined.Participant.ID }

// node is where they are connected.
func (p *person) node() *node { return p.seat().node }

// moved are the person's changes of connection so far.
func (p *person) moved() []move {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.moves)
}

// show is what the person's screen does with a whisper: acknowledge it, and show it unless it was shown before.
func (p *person) show(s *seat, w client.Whisper) {
	p.mu.Lock()
	if !p.delivered[w.ID] {
		p.delivered[w.ID] = true
		p.shown = append(p.shown, w)
	}
	p.mu.Unlock()
	_ = s.client.NotifyAck(w.ID) // if the connection is gone the whisper comes again
}

// read takes a message of the room's chat.
func (p *person) read(m client.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if before, ok := p.chat[m.Seq]; ok && before.ID != m.ID {
		p.repeats = append(p.repeats, fmt.Sprintf("message %d was %q and is %q", m.Seq, before.Text, m.Text))
	}
	p.chat[m.Seq] = m
}

// wantUntouched fails the test when the person has lost their connection or their media, or had to ask for anything again.
func (p *person) wantUntouched(t *testing.T) {
	t.Helper()
	if moves := p.moved(); len(moves) > 0 {
		t.Errorf("%s lost their connection: %+v", p.user, moves)
	}
	if s := p.seat(); s.media != nil {
		ctx, cancel := within(time.Second)
		defer cancel()
		if err := s.media.Connected(ctx); err != nil {
			t.Errorf("%s: %v", p.user, err)
		}
	}
}
