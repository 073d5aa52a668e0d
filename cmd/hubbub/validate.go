package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"hubbub/cluster"
)

const (
	// maxLanes is far above any machine's number of CPUs.
	maxLanes = 1024
	// maxVideoSlots is more pictures than a screen has room for.
	maxVideoSlots = 64
)

// settingError is a setting with a value that the server cannot work with.
type settingError struct {
	setting string
	problem string
}

func (e *settingError) Error() string { return fmt.Sprintf("--%s: %s", e.setting, e.problem) }

// validate checks what a parser of single values cannot. Its errors are settingErrors.
func (c *configuration) validate() error {
	for _, check := range []struct {
		setting string
		holds   func() error
	}{
		{"listen", c.checkListen},
		{"admin-listen", func() error { return checkAddress(c.AdminListen) }},
		{"media-port", c.checkMediaPort},
		{"media-ip", c.checkMediaIP},
		{"lanes", func() error { return checkRange(c.Lanes, 0, maxLanes) }},
		{"video-slots", func() error { return checkRange(c.VideoSlots, 0, maxVideoSlots) }},
		{"node", c.checkNode},
		{"redis", c.checkRedis},
		{"cluster-join", c.checkClusterJoin},
		{"cluster-listen", c.checkClusterListen},
		{"api-key", c.checkAPIKeys},
		{"origin", c.checkOrigins},
		{"grace", func() error { return checkPositive(c.Grace > 0) }},
		{"drain-timeout", func() error { return checkPositive(c.DrainTimeout > 0) }},
	} {
		if err := check.holds(); err != nil {
			return &settingError{check.setting, err.Error()}
		}
	}
	return nil
}

func (c *configuration) checkListen() error {
	if err := checkAddress(c.Listen); err != nil {
		return err
	}
	if !isLoopback(c.Listen) && len(c.APIKey) == 0 && !c.AllowGuests {
		return fmt.Errorf("%s can be reached from other machines, and anyone would be let in: give --api-key, or --allow-guests if that is meant", c.Listen)
	}
	return nil
}

func (c *configuration) checkMediaPort() error {
	return checkRange(c.MediaPort, 0, 65535-max(c.Lanes-1, 0))
}

func (c *configuration) checkMediaIP() error {
	for _, ip := range c.MediaIP {
		if ip.IsUnspecified() || ip.IsMulticast() || ip.Zone() != "" {
			return fmt.Errorf("clients cannot send to %s", ip)
		}
	}
	return nil
}

func (c *configuration) checkNode() error {
	if len(c.Node) > 128 || strings.ContainsFunc(c.Node, func(r rune) bool { return r <= ' ' || r == utf8.RuneError }) {
		return fmt.Errorf("%q is no name: it may have up to 128 bytes and no spaces", c.Node)
	}
	return nil
}

func (c *configuration) checkRedis() error {
	if c.Redis == "" {
		return nil
	}
	return cluster.CheckRedisURL(c.Redis)
}

func (c *configuration) checkClusterJoin() error {
	if len(c.ClusterJoin) > 0 && c.ClusterListen == "" {
		return errors.New("needs --cluster-listen")
	}
	for _, address := range c.ClusterJoin {
		if err := checkAddress(address); err != nil {
			return err
		}
	}
	return nil
}

func (c *configuration) checkClusterListen() error {
	if c.ClusterListen == "" {
		return nil
	}
	if err := checkAddress(c.ClusterListen); err != nil {
		return err
	}
	if len(c.ClusterKey) == 0 {
		return fmt.Errorf("needs --cluster-key, %d bytes in base64", clusterKeySize)
	}
	_, port, _ := net.SplitHostPort(c.ClusterListen)
	if port == "65535" {
		return errors.New("the port after it is needed for links")
	}
	return nil
}

func (c *configuration) checkAPIKeys() error {
	seen := make(map[string]bool)
	for _, key := range c.APIKey {
		if seen[key.ID] {
			return fmt.Errorf("the ID %q is given twice", key.ID)
		}
		seen[key.ID] = true
	}
	return nil
}

func (c *configuration) checkOrigins() error {
	for _, origin := range c.Origin {
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != origin || u.Host == "") {
			return fmt.Errorf("%q is no origin: expected http(s)://HOST or http(s)://HOST:PORT, without a path", origin)
		}
	}
	return nil
}

// checkAddress accepts HOST:PORT with a numeric port; HOST may be empty.
func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("expected HOST:PORT: %w", err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("expected a port of 0 to 65535 but got %q", port)
	}
	return nil
}

// isLoopback tells whether only this machine reaches an address. Of names only localhost is believed to be (RFC 6761, section 6.3).
func isLoopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || host == "localhost"
}

func checkRange(n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("expected %d to %d but got %d", least, most, n)
	}
	return nil
}

func checkPositive(positive bool) error {
	if !positive {
		return errors.New("must be more than 0")
	}
	return nil
}
