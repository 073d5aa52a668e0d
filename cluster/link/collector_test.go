package link

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestMetrics gathers with a registry that checks them, while there are two connections to one node.
func TestMetrics(t *testing.T) {
	b := newMesh(t, "b", handler{})
	a := newMesh(t, "a", handler{})
	if _, err := a.Request(within(t), b.peer(), "echo", nil); err != nil {
		t.Fatal(err)
	}
	second, err := b.dial(a.peer())
	if err != nil {
		t.Fatal(err)
	}
	b.register(second)
	_ = a.SendDatagram(Peer{Name: "c", Boot: "c"}, nil)
	for i := range 2 * maxCountedKinds {
		a.metrics.served.count(string(number(i)), nil)
	}

	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(a)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"hubbub_link_connections b":                                  2,
		"hubbub_link_streams b":                                      0,
		"hubbub_link_requests_total out echo ok":                     1,
		"hubbub_link_dials_total ok":                                 1,
		"hubbub_link_dropped_datagrams_total not_connected":          1,
		"hubbub_link_requests_total in other ok":                     maxCountedKinds,
		"hubbub_link_losses_total":                                   0,
		"hubbub_link_dropped_datagrams_total queue_full":             0,
		"hubbub_link_slow_streams_total":                             0,
		"hubbub_link_datagrams_total out":                            0,
		"hubbub_link_requests_total in " + string(number(0)) + " ok": 1,
	} {
		if values[name] != want {
			t.Errorf("%s is %v, not %v", name, values[name], want)
		}
	}
	if values["hubbub_link_rtt_seconds b"] <= 0 {
		t.Error("there is no round-trip time")
	}
}
