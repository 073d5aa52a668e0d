package main

import (
	"fmt"
	"net/netip"

	"hubbub/signaling"
)

// proxyRange is a network of proxies; a single address is one of its own.
type proxyRange netip.Prefix

// UnmarshalText reads 192.0.2.1, 192.0.2.0/24 and the same of IPv6.
func (p *proxyRange) UnmarshalText(text []byte) error {
	if address, err := netip.ParseAddr(string(text)); err == nil && address.Zone() == "" {
		*p = proxyRange(netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()))
		return nil
	}
	network, err := netip.ParsePrefix(string(text))
	if err != nil {
		return fmt.Errorf("expected an address or a network such as 10.0.0.0/8 but got %q", text)
	}
	*p = proxyRange(network.Masked())
	return nil
}

// proxies are --trusted-proxies as signaling wants them.
func (c *configuration) proxies() signaling.TrustedProxies {
	proxies := make(signaling.TrustedProxies, len(c.TrustedProxies))
	for i, p := range c.TrustedProxies {
		proxies[i] = netip.Prefix(p)
	}
	return proxies
}
