package sfu

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// mediaAddresses is what a lane binds and what its answers name. Both have ports 0.
type mediaAddresses struct {
	bind      []netip.Addr // one socket each
	advertise []netip.Addr
	filter    []netip.Addr // this machine's addresses that packets may arrive at; a subset of what bind covers
}

// planAddresses decides where to listen. wanted is what the operator asked for, local what this machine has.
//
// Addresses of this machine are bound one by one, so that several nodes with different ones may share port numbers. One that is not this machine's is an
// outer address that somebody translates: then that family is bound as a whole, and its wanted addresses advertised.
func planAddresses(wanted, local []netip.Addr) (mediaAddresses, error) {
	var plan mediaAddresses
	if len(wanted) == 0 {
		wanted = usableAddresses(local)
		if len(wanted) == 0 {
			return plan, errors.New("find a media address: this machine has none that is usable")
		}
	}
	for _, a := range wanted {
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() {
			return plan, fmt.Errorf("media address %s: clients cannot connect to it", a)
		}
	}
	for _, v6 := range []bool{false, true} {
		var family []netip.Addr
		for _, a := range wanted {
			if a = a.Unmap(); a.Is6() == v6 && !slices.Contains(family, a) {
				family = append(family, a)
			}
		}
		translated := slices.ContainsFunc(family, func(a netip.Addr) bool { return !isLocal(a, local) })
		plan.advertise = append(plan.advertise, family...)
		switch {
		case !translated:
			plan.bind = append(plan.bind, family...)
			plan.filter = append(plan.filter, family...)
		case v6:
			plan.bind = append(plan.bind, netip.IPv6Unspecified())
		default:
			plan.bind = append(plan.bind, netip.IPv4Unspecified())
		}
		if translated {
			for _, a := range local {
				if a.Is6() == v6 && (a.IsGlobalUnicast() || a.IsLoopback()) {
					plan.filter = append(plan.filter, a)
				}
			}
		}
	}
	return plan, nil
}

// isLocal says whether an address can be bound. All of 127.0.0.0/8 can be, although the interface lists one.
func isLocal(a netip.Addr, local []netip.Addr) bool {
	return slices.Contains(local, a) || a.Is4() && a.IsLoopback()
}

// usableAddresses are the addresses that clients may reach this machine by: the global ones, private ones included, and
// 127.0.0.1 for those on this machine (Chromium connects to it; Firefox does not).
func usableAddresses(local []netip.Addr) []netip.Addr {
	var usable []netip.Addr
	for _, a := range local {
		if a.IsGlobalUnicast() && a.Zone() == "" {
			usable = append(usable, a)
		}
	}
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if slices.Contains(local, loopback) {
		usable = append(usable, loopback)
	}
	return usable
}

// bindable leaves out addresses that cannot be bound: those that IPv6 is still testing for duplicates, or that have just gone.
func bindable(local []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(local), func(a netip.Addr) bool {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
		return err != nil || conn.Close() != nil
	})
}

// localAddresses lists the addresses of the interfaces that are up.
func localAddresses() ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	var local []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("list addresses of %s: %w", i.Name, err)
		}
		for _, a := range addresses {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				local = append(local, prefix.Addr().Unmap())
			}
		}
	}
	return local, nil
}
