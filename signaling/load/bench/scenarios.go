//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"

	"hubbub/signaling/load/crowd"
)

// slots is how many voices everyone can hear at once: as many as the web client offers unless told otherwise.
const slots = 10

// scenario is something to be measured.
type scenario struct {
	name, title string
	kind        kind
	plan        crowd.Plan
	floor       bool // the floor can do it too
	measure     func(ctx context.Context, b *bench, subject string, s *scenario, run uint64) (figures, error)
}

// kind says in which table a scenario stands.
type kind int

const (
	forwarding kind = iota
	quiet
	joining
	idling
	crowding
)

// voices is a plan in which the speakers alone have a microphone, as in load tests.
func voices(rooms, people, speakers, slots int) crowd.Plan {
	return crowd.Plan{Rooms: rooms, People: people, Speakers: speakers, Microphones: speakers, Slots: slots, Sound: crowd.Speech}
}

// microphones is a room in which every microphone is open, and hears the same.
func microphones(people int, sound crowd.Sound) crowd.Plan {
	return crowd.Plan{Rooms: 1, People: people, Speakers: people, Microphones: people, Slots: slots, Sound: sound}
}

// people is a plan in which nobody says anything.
func people(rooms, people int) crowd.Plan {
	return crowd.Plan{Rooms: rooms, People: people, Microphones: people, Slots: slots}
}

var scenarios = []*scenario{
	{name: "50x1", title: "one room of 50, 1 speaks", kind: forwarding, floor: true, plan: voices(1, 50, 1, slots), measure: measureMedia},
	{name: "50x3", title: "one room of 50, 3 speak", kind: forwarding, floor: true, plan: voices(1, 50, 3, slots), measure: measureMedia},
	// As many slots as the server allows: each hears 16 of the 19 others.
	{name: "20open", title: "one room of 20, all speak", kind: forwarding, floor: true, plan: voices(1, 20, 20, 16), measure: measureMedia},
	{name: "3x15", title: "3 rooms of 15, 1 speaks in each", kind: forwarding, floor: true, plan: voices(3, 15, 1, slots), measure: measureMedia},
	{name: "calls", title: "20 calls of two, both speak", kind: forwarding, floor: true, plan: voices(20, 2, 2, slots), measure: measureMedia},
	{name: "joins", title: "50 people join a room", kind: joining, plan: people(1, 50), measure: measureJoins},
	{name: "quiet-dtx", title: "50 open microphones, nobody speaks, with DTX", kind: quiet, plan: microphones(50, crowd.Comfort), measure: measureMedia},
	{name: "quiet", title: "50 open microphones, nobody speaks, 50 packets/s each", kind: quiet, plan: microphones(50, crowd.Silence), measure: measureMedia},
	{name: "idle200", title: "200 idle, in rooms of 50", kind: idling, plan: people(4, 50), measure: measureIdle},
	{name: "idle1000", title: "1,000 idle, in rooms of 50", kind: idling, plan: people(20, 50), measure: measureIdle},
	{name: "1000x3", title: "one room of 1,003, 3 speak", kind: crowding, plan: voices(1, 1003, 3, slots), measure: measureMedia},
}

// choose finds scenarios by name; no names are all of them.
func choose(names []string) ([]*scenario, error) {
	if len(names) == 0 {
		return scenarios, nil
	}
	var chosen []*scenario
	for _, name := range names {
		i := slices.IndexFunc(scenarios, func(s *scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no scenario %q; --list names them", name)
		}
		chosen = append(chosen, scenarios[i])
	}
	return chosen, nil
}
