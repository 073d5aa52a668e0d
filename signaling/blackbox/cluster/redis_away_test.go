package cluster

import (
	"slices"
	"testing"
	"time"

	"hubbub/signaling/client"
)

func TestRedisGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	repeat(t, func(t *testing.T, f *figures) {
		c := beginCrisis(t)
		outside := c.online(t, c.members[0], "outside", "") // in no room: without Redis only their node knows of them
		wantOnline(t, c.people, patience)
		from := time.Now()
		if err := c.redis.kill(); err != nil {
			t.Fatal(err)
		}
		stop := everyWhisper(t, c.people[:3])
		newcomer := c.enter(t, c.members[1], c.room, "newcomer")
		f.add(t, "Redis away: joining", time.Since(from), 0)
		everyone := slices.Concat(c.people, []*person{newcomer})
		wantAllHeard(t, everyone)
		other := c.enter(t, c.members[2], unique("room"), "other") // a new room opens
		other.leave()
		pass(time.Until(from.Add(full(30*time.Second, 10*time.Second))))
		delivered, unavailable := stop()
		f.silence(t, "Redis away: silence in the room", longestSilence(c.people, c.people, from, time.Now()), 100*time.Millisecond)
		t.Logf("whispers within the room: %d delivered, %d unavailable", delivered, unavailable)

		back := time.Now()
		if err := c.redis.start(); err != nil {
			t.Fatal(err)
		}
		wantOnline(t, slices.Concat(everyone, []*person{outside}), patience+atMost(15*time.Second))
		// Someone new in no room finds someone else in no room, by presence alone.
		stranger := c.online(t, c.members[2], "stranger", "")
		if r := stranger.whisper(t, outside.user, "are you there?"); r.Status != "delivered" {
			t.Errorf("after Redis is back a whisper to another node is %s", r.Status)
		}
		f.add(t, "Redis back: presence is whole, and a whisper to another node delivered", time.Since(back), 15*time.Second)
		c.people = everyone
		c.wantWhole(t)
		wantRegular(t, everyone)
		for _, p := range everyone {
			p.wantUntouched(t)
		}
	})
}

// everyWhisper lets each of these people whisper to the next one all the time, once each. Those that are said to be delivered must have been
// shown, the others be refused as unavailable.
func everyWhisper(t *testing.T, people []*person) (stop func() (delivered, unavailable int)) {
	t.Helper()
	type outcome struct {
		to     *person
		text   string
		status string
	}
	outcomes := make([][]outcome, len(people))
	var stops []func()
	for i, p := range people {
		to := people[(i+1)%len(people)]
		stops = append(stops, every(300*time.Millisecond, func(int, <-chan struct{}) {
			o := outcome{to: to, text: p.user + " asks " + to.user + " " + unique("")}
			ctx, cancel := within(patience)
			defer cancel()
			r, err := p.seat().client.Whisper(ctx, to.user, o.text, "")
			switch {
			case err == nil:
				o.status = r.Status
			case client.Code(err) == client.CodeUnavailable:
				o.status = "unavailable"
			default:
				o.status = err.Error()
			}
			outcomes[i] = append(outcomes[i], o)
		}))
	}
	return func() (delivered, unavailable int) {
		for _, stop := range stops {
			stop()
		}
		for _, of := range outcomes {
			for _, o := range of {
				switch o.status {
				case "delivered", "stored":
					delivered++
					if times := o.to.timesShown(o.text); times != 1 {
						t.Errorf("%q was %s, and shown %d times", o.text, o.status, times)
					}
				case "unavailable":
					unavailable++
				default:
					t.Errorf("%q: %s", o.text, o.status)
				}
			}
		}
		return delivered, unavailable
	}
}

func (p *person) timesShown(text string) (times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.shown {
		if w.Text == text {
			times++
		}
	}
	return times
}
