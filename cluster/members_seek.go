package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/memberlist"
	"golang.org/x/sync/errgroup"
)

const (
	seekEvery   = 2 * time.Second
	lostFor     = 24 * time.Hour // after which who is gone is not looked for any more
	seekAtOnce  = 8              // who are looked for at a time
	joinAtOnce  = 3              // of those found, with whom all that is known is exchanged at a time
	joinWarning = 30 * time.Second

	publishEvery   = 5 * time.Second
	updatePatience = 500 * time.Millisecond
)

// seek looks for nodes to join: until there is one, for those that were configured, and from then on for all that are gone. memberlist
// alone forgets who is dead, so the halves of a split cluster would stay apart.
func (m *Members) seek(list *memberlist.Memberlist) {
	warning := rateLimit{every: joinWarning}
	ticker := time.NewTicker(seekEvery)
	defer ticker.Stop()
	for {
		if err := m.seekOnce(list); err != nil && m.life.Err() == nil && warning.allow(time.Now()) {
			m.log.Warn("no other node of the cluster answers", "err", err)
		}
		select {
		case <-ticker.C:
		case <-m.life.Done():
			return
		}
	}
}

// seekOnce fails when this node is still alone and could join nobody.
func (m *Members) seekOnce(list *memberlist.Memberlist) error {
	targets, err := m.configured()
	if !m.Ready() && len(targets) == 0 && err == nil {
		m.setReady() // it was told to join itself alone
	}
	if m.Ready() {
		m.reunite(list, targets)
		return nil
	}
	for _, target := range targets {
		if _, joinErr := list.Join([]string{target.String()}); joinErr == nil && m.Ready() {
			return nil
		} else if joinErr != nil {
			err = errors.Join(err, joinErr)
		}
	}
	return err
}

// configured is where the nodes to join are, without this one.
func (m *Members) configured() ([]netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(m.life, streamTimeout)
	defer cancel()
	var (
		found []netip.AddrPort
		errs  error
	)
	for _, target := range m.cfg.Join {
		addresses, err := resolve(ctx, target)
		if err != nil {
			errs = errors.Join(errs, fmt.Errorf("find node %q: %w", target, err))
		}
		found = append(found, addresses...)
	}
	self := m.Self().Addr
	return slices.DeleteFunc(found, func(a netip.AddrPort) bool { return a == self }), errs
}

func resolve(ctx context.Context, hostport string) ([]netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q: %w", service, err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	addresses := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		addresses[i] = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	}
	return addresses, nil
}

// reunite joins those again that are gone and answer, or came back by themselves: what either side has learned meanwhile is exchanged.
func (m *Members) reunite(list *memberlist.Memberlist, configured []netip.AddrPort) {
	var (
		absent   []netip.AddrPort
		returned []netip.AddrPort
		v        = m.current.Load()
		now      = time.Now()
	)
	here := make(map[netip.AddrPort]bool, len(v.sorted))
	for _, n := range v.sorted {
		here[n.Addr] = true
	}
	for _, addr := range configured {
		if !here[addr] {
			absent = append(absent, addr)
		}
	}
	m.mu.Lock()
	for p, gone := range m.lost {
		switch n, ok := v.nodes[p.name]; {
		case now.Sub(gone.since) > lostFor, ok && n.Boot != p.boot && n.Addr == gone.addr:
			delete(m.lost, p)
		case ok && n.Boot == p.boot:
			returned = append(returned, n.Addr)
		case !here[gone.addr] && !slices.Contains(absent, gone.addr):
			absent = append(absent, gone.addr)
		}
	}
	m.mu.Unlock()

	found := slices.Concat(returned, m.answering(list, absent))
	rand.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	for _, addr := range found[:min(len(found), joinAtOnce)] {
		if _, err := list.Join([]string{addr.String()}); err != nil {
			m.log.Debug("cannot join a node that answers", "addr", addr, "err", err)
			continue
		}
		m.found(addr)
	}
}

// answering is which of these answer a ping. They are asked together, since those that do not cost the whole time-out.
func (m *Members) answering(list *memberlist.Memberlist, addresses []netip.AddrPort) []netip.AddrPort {
	answered := make([]bool, len(addresses))
	var pings errgroup.Group
	pings.SetLimit(seekAtOnce)
	for i, addr := range addresses {
		pings.Go(func() error {
			if m.life.Err() == nil {
				_, err := list.Ping("", net.UDPAddrFromAddrPort(addr))
				answered[i] = err == nil
			}
			return nil
		})
	}
	_ = pings.Wait() // none fails
	var found []netip.AddrPort
	for i, addr := range addresses {
		if answered[i] {
			found = append(found, addr)
		}
	}
	return found
}

// found ends the search for who is back at an address.
func (m *Members) found(addr netip.AddrPort) {
	v := m.current.Load()
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, gone := range m.lost {
		if gone.addr == addr && v.alive(p.name, p.boot) {
			delete(m.lost, p)
		}
	}
}

// publishChanges tells the others what changed of this node: at once that it drains, its load from time to time.
func (m *Members) publishChanges(list *memberlist.Memberlist) {
	ticker := time.NewTicker(publishEvery)
	defer ticker.Stop()
	for {
		select {
		case <-m.publish:
		case <-ticker.C:
		case <-m.life.Done():
			return
		}
		self := m.Self()
		if self == m.published {
			continue
		}
		m.published = self
		if err := list.UpdateNode(updatePatience); err != nil {
			m.log.Debug("a change of this node is slow to be told", "err", err)
		}
	}
}
