package sfu

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
)

const (
	// tcpReadQueue is how many packets of one ICE-TCP connection may wait. When they do, the client is not read from.
	tcpReadQueue = 64
	// tcpFirstPacketTimeout is how long a TCP connection may stay without saying whose it is.
	tcpFirstPacketTimeout = 5 * time.Second
)

// pionSockets are a lane's sockets as pion's ICE agents want them: many connections on one port, told apart by ufrag.
type pionSockets struct {
	gate      *gate
	net       transport.Net
	udp       ice.UDPMux
	tcp       tcpMuxes
	batches   []*batchingConn
	listeners []*gatedListener
	addresses []netip.AddrPort // for answers
}

func newPionSockets(sockets []socket, plan mediaAddresses, l *lane, logs logging.LoggerFactory) (*pionSockets, error) {
	network, err := newMediaNet(plan.filter)
	if err != nil {
		return nil, err
	}
	p := &pionSockets{gate: newGate(&l.counters), net: network}
	var muxes []ice.UDPMux
	for _, s := range sockets {
		bound := s.udp.LocalAddr().(*net.UDPAddr).AddrPort()
		batch, err := newBatchingConn(s.udp)
		if err != nil {
			return nil, err
		}
		incoming, err := newIncomingBatch(s.udp)
		if err != nil {
			return nil, err
		}
		p.batches = append(p.batches, batch)
		muxes = append(muxes, &namedUDPMux{
			UDPMuxDefault: ice.NewUDPMuxDefault(ice.UDPMuxParams{
				Logger: logs.NewLogger("udp"), UDPConn: &gatedConn{batchingConn: batch, gate: p.gate, lane: l, incoming: incoming}, Net: network,
			}),
			name: net.UDPAddrFromAddrPort(nameOf(bound, plan.advertise)),
		})
		listener := newGatedListener(s.tcp, &l.counters)
		p.listeners = append(p.listeners, listener)
		p.tcp = append(p.tcp, ice.NewTCPMuxDefault(ice.TCPMuxParams{
			Listener: newTCPSorter(listener, p.gate), Logger: logs.NewLogger("tcp"), ReadBufferSize: tcpReadQueue,
			FirstStunBindTimeout: tcpFirstPacketTimeout, AliveDurationForConnFromStun: tcpFirstPacketTimeout,
		}))
		for _, a := range plan.advertise {
			if a == bound.Addr() || bound.Addr().IsUnspecified() && a.Is6() == bound.Addr().Is6() {
				p.addresses = append(p.addresses, netip.AddrPortFrom(a, bound.Port()))
			}
		}
	}
	p.udp = ice.NewMultiUDPMuxDefault(muxes...)
	return p, nil
}

// begin and flush stand around what the lane sends at once.
func (p *pionSockets) begin() {
	for _, b := range p.batches {
		b.begin()
	}
}

func (p *pionSockets) flush() {
	for _, b := range p.batches {
		b.flush()
	}
}

func (p *pionSockets) close() error {
	if err := p.udp.Close(); err != nil {
		return fmt.Errorf("close media sockets: %w", err)
	}
	if err := p.tcp.Close(); err != nil {
		return fmt.Errorf("close media listeners: %w", err)
	}
	for _, l := range p.listeners {
		l.writers.Wait()
	}
	return nil
}

// nameOf is the address by which an ICE agent knows a socket: its own, or for a wildcard one the first that is advertised.
func nameOf(bound netip.AddrPort, advertise []netip.Addr) netip.AddrPort {
	if bound.Addr().IsUnspecified() {
		for _, a := range advertise {
			if a.Is6() == bound.Addr().Is6() {
				return netip.AddrPortFrom(a, bound.Port())
			}
		}
	}
	return bound
}

// namedUDPMux makes an ICE agent have one candidate for a socket, also for a wildcard one. Which candidates clients are told of
// is the answer's business.
type namedUDPMux struct {
	*ice.UDPMuxDefault
	name net.Addr
}

func (m *namedUDPMux) GetListenAddresses() []net.Addr { return []net.Addr{m.name} }

// tcpMuxes finds the listener of an address.
type tcpMuxes []*ice.TCPMuxDefault

func (m tcpMuxes) GetConnByUfrag(ufrag string, v6 bool, local net.IP) (net.PacketConn, error) {
	for _, mux := range m {
		bound := mux.LocalAddr().(*net.TCPAddr).IP
		if bound.Equal(local) || bound.IsUnspecified() && (bound.To4() == nil) == v6 {
			return mux.GetConnByUfrag(ufrag, v6, local)
		}
	}
	return nil, fmt.Errorf("no media listener at %s", local)
}

func (m tcpMuxes) RemoveConnByUfrag(ufrag string) {
	for _, mux := range m {
		mux.RemoveConnByUfrag(ufrag)
	}
}

func (m tcpMuxes) Close() error {
	var first error
	for _, mux := range m {
		if err := mux.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// mediaNet shows ICE agents one interface that has the media addresses. Thus they do not ask the kernel for each connection, and find
// addresses like 127.0.0.2, which work without being configured.
type mediaNet struct {
	*stdnet.Net
	interfaces []*transport.Interface
}

func newMediaNet(addresses []netip.Addr) (*mediaNet, error) {
	std, err := stdnet.NewNet()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	media := transport.NewInterface(net.Interface{Index: 1, Name: "media", Flags: net.FlagUp})
	for _, a := range addresses {
		media.AddAddress(&net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())})
	}
	return &mediaNet{Net: std, interfaces: []*transport.Interface{media}}, nil
}

func (n *mediaNet) Interfaces() ([]*transport.Interface, error) { return n.interfaces, nil }

// pionLogs gives pion's messages to slog, all at debug: what they warn of is mostly a client's doing, and clients must not fill logs.
type pionLogs struct{ log *slog.Logger }

func (l pionLogs) NewLogger(scope string) logging.LeveledLogger {
	return pionLogger{l.log.With("pion", scope)}
}

type pionLogger struct{ log *slog.Logger }

func (l pionLogger) print(message string) { l.log.Debug(message) }

func (l pionLogger) printf(format string, args []any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug(fmt.Sprintf(format, args...))
	}
}

func (pionLogger) Trace(string)                        {}
func (pionLogger) Tracef(string, ...any)               {}
func (pionLogger) Debug(string)                        {}
func (pionLogger) Debugf(string, ...any)               {}
func (l pionLogger) Info(message string)               { l.print(message) }
func (l pionLogger) Infof(format string, args ...any)  { l.printf(format, args) }
func (l pionLogger) Warn(message string)               { l.print(message) }
func (l pionLogger) Warnf(format string, args ...any)  { l.printf(format, args) }
func (l pionLogger) Error(message string)              { l.print(message) }
func (l pionLogger) Errorf(format string, args ...any) { l.printf(format, args) }
