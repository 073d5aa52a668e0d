package sfu

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestRelayMetrics(t *testing.T) {
	n := newNodes(t, 2)
	link := n.join(n.all[0], n.all[1], 3)
	anna := n.person(n.all[0], 3)
	n.person(n.all[1], 3)
	anna.enrol(link.far)
	for range 10 {
		anna.speak()
		n.tick()
	}
	link.far.Receive([]byte("garbage"))
	sound := float64(10 * len("p1 0"))
	for _, test := range []struct {
		node  *node
		label string
		name  string
		want  float64
	}{
		{n.all[0], "", "hubbub_sfu_relays", 1},
		{n.all[0], "out", "hubbub_sfu_relay_packets_total", 10},
		{n.all[0], "out", "hubbub_sfu_relay_payload_bytes_total", sound},
		{n.all[0], "in", "hubbub_sfu_relay_packets_total", 0},
		{n.all[1], "in", "hubbub_sfu_relay_packets_total", 10},
		{n.all[1], "in", "hubbub_sfu_relay_payload_bytes_total", sound},
		{n.all[1], "malformed", "hubbub_sfu_relay_dropped_packets_total", 1},
	} {
		if got := gathered(t, test.node.sfu, test.name, test.label); got != test.want {
			t.Errorf("%s{%s} is %v, not %v", test.name, test.label, got, test.want)
		}
	}
}

// gathered is the value of a metric, by the only label it may have.
func gathered(t *testing.T, s *SFU, name, label string) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(s); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no %s{%s}", name, label)
	return 0
}
