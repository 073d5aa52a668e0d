package sfu

import (
	"net/netip"
	"slices"
	"testing"
)

func addresses(texts ...string) []netip.Addr {
	var list []netip.Addr
	for _, s := range texts {
		list = append(list, netip.MustParseAddr(s))
	}
	return list
}

func TestPlanAddresses(t *testing.T) {
	local := addresses("127.0.0.1", "::1", "192.168.1.5", "2001:db8::5", "fe80::1", "169.254.3.4")
	for _, c := range []struct {
		name                         string
		wanted                       []netip.Addr
		bind, advertise, tcpArriveAt []netip.Addr
	}{
		{
			name:        "none: what is usable",
			bind:        addresses("192.168.1.5", "127.0.0.1", "2001:db8::5"),
			advertise:   addresses("192.168.1.5", "127.0.0.1", "2001:db8::5"),
			tcpArriveAt: addresses("192.168.1.5", "127.0.0.1", "2001:db8::5"),
		},
		{
			name:        "local: bound, so that nodes can share ports",
			wanted:      addresses("127.0.0.2"),
			bind:        addresses("127.0.0.2"),
			advertise:   addresses("127.0.0.2"),
			tcpArriveAt: addresses("127.0.0.2"),
		},
		{
			name:        "not local: translated, so everything of the family is bound",
			wanted:      addresses("203.0.113.7", "2001:db8::5", "192.168.1.5", "203.0.113.7"),
			bind:        addresses("0.0.0.0", "2001:db8::5"),
			advertise:   addresses("203.0.113.7", "192.168.1.5", "2001:db8::5"),
			tcpArriveAt: addresses("127.0.0.1", "192.168.1.5", "2001:db8::5"),
		},
	} {
		plan, err := planAddresses(c.wanted, local)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(plan.bind, c.bind) || !slices.Equal(plan.advertise, c.advertise) || !slices.Equal(plan.filter, c.tcpArriveAt) {
			t.Errorf("%s: %+v", c.name, plan)
		}
	}
	if _, err := planAddresses(nil, nil); err == nil {
		t.Error("no address, no error")
	}
}

// A translated address is advertised; the socket is that of all addresses, so that a client on this machine can use it by 127.0.0.1.
func TestTranslatedAddress(t *testing.T) {
	s, err := New(Config{MediaIPs: addresses("203.0.113.7"), Lanes: 1, Slots: 1, Transport: transportUnderTest})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	advertised := s.lanes[0].sockets.addresses
	if len(advertised) != 1 || advertised[0].Addr() != netip.MustParseAddr("203.0.113.7") {
		t.Fatalf("advertised %v", advertised)
	}
	r := s.NewRouter()
	defer r.Close()
	for _, tcp := range []bool{false, true} {
		c := newTestClient(t, "anna", clientOptions{slots: 1, network: networkTypes(tcp)})
		c.translate = "127.0.0.1"
		c.join(s, r, Attachment{CSRC: 1})
	}
}

func TestTwoNodesShareAPort(t *testing.T) {
	first := newTestSFU(t, Config{Lanes: 1})
	port := int(first.lanes[0].sockets.addresses[0].Port())
	second, err := New(Config{MediaIPs: addresses("127.0.0.2"), MediaPort: port, Lanes: 1, Slots: 1, Transport: transportUnderTest})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := New(Config{MediaIPs: addresses("127.0.0.1"), MediaPort: port, Lanes: 1}); err == nil {
		t.Error("a port was taken twice")
	}
	r := second.NewRouter()
	defer r.Close()
	for _, tcp := range []bool{false, true} {
		newTestClient(t, "anna", clientOptions{slots: 1, network: networkTypes(tcp)}).join(second, r, Attachment{CSRC: 1})
	}
}

func TestWrongConfigurations(t *testing.T) {
	for _, cfg := range []Config{
		{MediaIPs: addresses("0.0.0.0")}, {MediaIPs: addresses("224.0.0.1")}, {MediaIPs: []netip.Addr{{}}}, {Transport: "carrier pigeon"}, {Transport: "x"}, {Lanes: -1}, {Slots: -1}, {MediaPort: 65535, Lanes: 2}, {MediaPort: -1},
	} {
		if s, err := New(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
			_ = s.Close()
		}
	}
}
