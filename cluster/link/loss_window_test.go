package link

import "testing"

func TestLossIsThatOfTheLastMinute(t *testing.T) {
	var w lossWindow
	now := packetCounts{}
	if got := w.fraction(now); got != 0 {
		t.Errorf("of nothing, %v is lost", got)
	}
	for step, want := range []float64{
		// A bad first 10 s: seen at once, until they are a minute ago.
		0.5, 0.25, 0.5 / 3, 0.125, 0.1, 0.5 / 6, 0, 0,
	} {
		now.sent += 100
		if step == 0 {
			now.lost += 50
		}
		if got := w.fraction(now); got < want-1e-9 || got > want+1e-9 {
			t.Errorf("after %d steps of %s the loss is %v, want %v", step+1, lossStep, got, want)
		}
		w.note(now)
	}
	if len(w.notes) > lossSteps {
		t.Errorf("%d notes", len(w.notes))
	}
}
