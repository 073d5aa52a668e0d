package cluster

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/memberlist"
)

// gossipTransport is memberlist's own transport, whose dialling ends when the node stops. It is idle until it listens.
type gossipTransport struct {
	*memberlist.NetTransport
	life    context.Context
	blocked func(netip.AddrPort) bool
}

// listenGossip takes the sockets, and tells the address that others are to use.
func listenGossip(life context.Context, cfg MembersConfig) (*gossipTransport, netip.AddrPort, error) {
	listen, err := net.ResolveTCPAddr("tcp", cfg.Listen)
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("cluster address %q: %w", cfg.Listen, err)
	}
	bind := listen.AddrPort()
	if !bind.Addr().IsValid() { // no host
		bind = netip.AddrPortFrom(netip.IPv4Unspecified(), bind.Port())
	}
	ip := bind.Addr().Unmap()
	if ip.IsUnspecified() {
		if ip, err = interfaceAddress(ip.Is4()); err != nil {
			return nil, netip.AddrPort{}, err
		}
	}
	transport, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
		BindAddrs: []string{bind.Addr().Unmap().String()},
		BindPort:  int(bind.Port()),
		Logger:    log.New(gossipLog{cfg.Logger}, "", 0),
	})
	if err != nil {
		return nil, netip.AddrPort{}, fmt.Errorf("listen for gossip: %w", err)
	}
	port := uint16(transport.GetAutoBindPort())
	return &gossipTransport{NetTransport: transport, life: life, blocked: cfg.blocked}, netip.AddrPortFrom(ip, port), nil
}

// discard closes sockets that memberlist never got to read from: its goroutines hand over what came, or could not be stopped.
func (t *gossipTransport) discard() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = t.Shutdown()
	}()
	for {
		select {
		case <-t.PacketCh():
		case conn := <-t.StreamCh():
			_ = conn.Close()
		case <-done:
			return
		}
	}
}

// DialAddressTimeout implements memberlist.NodeAwareTransport.
func (t *gossipTransport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if t.cut(a.Addr) {
		return nil, errors.New("no way there")
	}
	conn, err := (&net.Dialer{Timeout: timeout}).DialContext(t.life, "tcp", a.Addr)
	if err != nil {
		return nil, err
	}
	return &lifeConn{conn, context.AfterFunc(t.life, func() { _ = conn.Close() })}, nil
}

// lifeConn is closed when the node stops, so that nobody waits for what another one does not send.
type lifeConn struct {
	net.Conn
	detach func() bool
}

// Close implements net.Conn.
func (c *lifeConn) Close() error {
	c.detach()
	return c.Conn.Close()
}

// WriteToAddress implements memberlist.NodeAwareTransport.
func (t *gossipTransport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	if t.cut(a.Addr) {
		return time.Now(), nil
	}
	return t.NetTransport.WriteToAddress(b, a)
}

func (t *gossipTransport) cut(to string) bool {
	if t.blocked == nil {
		return false
	}
	addr, err := netip.ParseAddrPort(to)
	return err == nil && t.blocked(addr)
}

// interfaceAddress picks what to tell others who listens on all addresses: a private address, else a public one, else loopback; IPv4
// if the socket is for IPv4 alone.
func interfaceAddress(only4 bool) (netip.Addr, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("list network addresses: %w", err)
	}
	var usable []netip.Addr
	for _, a := range addresses {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		ip := prefix.Addr().Unmap()
		if (ip.IsGlobalUnicast() || ip.IsLoopback()) && (ip.Is4() || !only4) {
			usable = append(usable, ip)
		}
	}
	if len(usable) == 0 {
		return netip.Addr{}, errors.New("there is no network address that others could be told: give one to listen on")
	}
	rank := func(ip netip.Addr) int {
		switch {
		case ip.IsLoopback():
			return 4
		case !ip.Is4():
			return 3
		case !ip.IsPrivate():
			return 2
		}
		return 1
	}
	slices.SortStableFunc(usable, func(a, b netip.Addr) int { return rank(a) - rank(b) })
	return usable[0], nil
}
