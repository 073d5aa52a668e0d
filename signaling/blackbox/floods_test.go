package blackbox

import (
	"fmt"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"hubbub/signaling/client"
)

func TestTheRateIsLimitedAfterABurstOfTwiceIt(t *testing.T) {
	t.Parallel()
	l := guests.connectedLine(t)
	p := guests.guest(t, "Ada")
	rate := p.hello.Limits.RatePerSecond
	n := int(4 * rate)
	began := time.Now()
	for i := range n {
		l.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"ping"}`, i))
	}
	served, refused := 0, 0
	var retry time.Duration
	for range n {
		switch f := l.receive(); f.code() {
		case 0:
			served++
		case 429:
			refused++
			retry = time.Duration(f.Error.Data.RetryAfter * float64(time.Millisecond))
			if f.Error.Data.Reason != "rate_limited" || retry <= 0 || retry > 5*time.Second {
				t.Fatalf("the error is %+v", f.Error)
			}
		default:
			t.Fatalf("the error is %+v", f.Error)
		}
	}
	most := 2*rate + rate*time.Since(began).Seconds() + 1
	if float64(served) < 2*rate-1 || float64(served) > most {
		t.Errorf("of %d requests at once %d were served, want the burst of %g", n, served, 2*rate)
	}
	if refused == 0 {
		t.Fatal("nothing was refused")
	}
	// retryAfter is when a repeat will be taken: refused requests cost nothing.
	<-time.After(retry)
	l.send(request("ping", "{}"))
	if f := l.receive(); f.Error != nil {
		t.Errorf("%s later, as was said, the answer is %+v", retry, f.Error)
	}
	p.wantOpen() // the limit is a connection's
}

func TestTheRateThatIsPromisedIsServed(t *testing.T) {
	t.Parallel()
	p := guests.guest(t, "Ada")
	tick := time.NewTicker(time.Duration(float64(time.Second) / p.hello.Limits.RatePerSecond))
	defer tick.Stop()
	for range int(5 * p.hello.Limits.RatePerSecond) {
		if _, err := p.Ping(within(t, patience)); err != nil {
			t.Fatal(err)
		}
		<-tick.C
	}
}

func TestWhoKeepsOnIsClosedWith4029(t *testing.T) {
	t.Parallel()
	for name, frame := range map[string]string{
		"requests":      request("ping", "{}"),
		"notifications": `{"jsonrpc":"2.0","method":"ping"}`,
		"garbage":       `{{{`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			room := unique("flood")
			watcher := guests.guest(t, "Watcher").in(room)
			l := guests.connectedLine(t)
			l.send(request("join", fmt.Sprintf(`{"room":%q}`, room)))
			l.answer()
			began := time.Now()
			go func() {
				tick := time.NewTicker(5 * time.Millisecond) // ten times the rate
				defer tick.Stop()
				for time.Since(began) < 30*time.Second {
					if l.WriteMessage(websocket.TextMessage, []byte(frame)) != nil {
						return
					}
					<-tick.C
				}
			}()
			l.wantClosed(client.CloseFlooding, 30*time.Second)
			if took := time.Since(began); took < 8*time.Second || took > 20*time.Second {
				t.Errorf("closed after %s of flooding, want about 10 s", took)
			}
			await(watcher, "participant_updated", func(e client.ParticipantEvent) bool {
				return e.Participant.Name == "Raw" && e.Participant.State == "reconnecting"
			})
		})
	}
}
