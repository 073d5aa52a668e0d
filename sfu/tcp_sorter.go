package sfu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// tcpSilence is how long a client's connection may be without a packet. It checks connectivity more often.
const tcpSilence = consentTimeout

// tcpSorter accepts a lane's TCP connections and finds out from the first packet of each whose it is. Connections of lean transports it
// serves itself; the others are accepted by pion, which sees the first packet again.
type tcpSorter struct {
	*gatedListener
	gate *gate

	others chan net.Conn
	closed chan struct{}
	once   sync.Once
	done   sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // being sorted or served
}

func newTCPSorter(l *gatedListener, g *gate) *tcpSorter {
	s := &tcpSorter{
		gatedListener: l, gate: g,
		others: make(chan net.Conn), closed: make(chan struct{}), conns: make(map[net.Conn]struct{}),
	}
	s.done.Go(s.run)
	return s
}

// Accept returns the next connection that is none of a lean transport's.
func (s *tcpSorter) Accept() (net.Conn, error) {
	select {
	case c := <-s.others:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Close ends the listener and the connections that it still has, and waits for its goroutines.
func (s *tcpSorter) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closed)
		err = s.gatedListener.Close()
		s.mu.Lock()
		for c := range s.conns {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.done.Wait()
	})
	return err
}

func (s *tcpSorter) run() {
	for {
		conn, err := s.gatedListener.Accept()
		if err != nil {
			select {
			case <-s.closed:
				return
			case <-time.After(10 * time.Millisecond): // out of descriptors, perhaps
				continue
			}
		}
		s.mu.Lock()
		s.conns[conn] = struct{}{}
		s.mu.Unlock()
		s.done.Go(func() { s.sort(conn) })
	}
}

func (s *tcpSorter) forget(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// sort serves a connection or gives it to pion.
func (s *tcpSorter) sort(conn net.Conn) {
	defer s.forget(conn)
	buffer := make([]byte, maxDatagram)
	_ = conn.SetReadDeadline(time.Now().Add(tcpFirstPacketTimeout))
	first, err := readFramed(conn, buffer)
	if err != nil {
		_ = conn.Close()
		return
	}
	ufrag, _ := stunUfrag(first)
	owner := s.gate.owner(ufrag)
	switch {
	case owner == nil:
		s.counters.drop(dropUnknown)
		_ = conn.Close()
	case owner.lean != nil:
		s.serve(conn, owner, first, buffer)
	default:
		_ = conn.SetReadDeadline(time.Time{})
		select {
		case s.others <- &replayedConn{Conn: conn, reader: io.MultiReader(bytes.NewReader(framed(nil, first)), conn)}:
		case <-s.closed:
			_ = conn.Close()
		}
	}
}

// serve takes the packets of a lean transport's connection to it, until either ends.
func (s *tcpSorter) serve(conn net.Conn, owner *client, first, buffer []byte) {
	from := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	defer conn.Close() //nolint:errcheck // nothing is left to be done with it
	link := &tcpLink{conn}
	if !owner.lean.adopt(link) {
		return
	}
	defer owner.lean.disown(link)
	for packet, err := first, error(nil); err == nil; packet, err = readFramed(conn, buffer) {
		s.counters.bytesIn.Add(uint64(len(packet)))
		if s.gate.wanted(owner, packet) {
			owner.lean.receive(packet, leanPath{link, from})
		}
		_ = conn.SetReadDeadline(time.Now().Add(tcpSilence))
	}
}

// readFramed reads one packet as RFC 4571, section 2, puts it into a stream.
func readFramed(r io.Reader, buffer []byte) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n > len(buffer) {
		return nil, fmt.Errorf("a packet of %d bytes by TCP", n)
	}
	_, err := io.ReadFull(r, buffer[:n])
	return buffer[:n], err
}

// framed appends a packet with its length.
func framed(to, packet []byte) []byte {
	return append(binary.BigEndian.AppendUint16(to, uint16(len(packet))), packet...)
}

// replayedConn is a connection of which something was read already.
type replayedConn struct {
	net.Conn
	reader io.Reader
}

func (c *replayedConn) Read(b []byte) (int, error) { return c.reader.Read(b) }

// tcpLink frames what is sent to a client by TCP. The connection's Write does not block (see queuedTCPConn).
type tcpLink struct{ net.Conn }

// WriteToAddrPort implements datagramWriter.
func (l *tcpLink) WriteToAddrPort(datagram []byte, _ netip.AddrPort) (int, error) {
	return l.Write(framed(make([]byte, 0, 2+len(datagram)), datagram))
}
