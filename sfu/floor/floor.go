//go:build linux

// Package floor is the least that forwarding voice can cost in Go: what `make bench` measures the server against.
//
// A packet is received, decrypted once, encrypted for each receiver with its own key, and all copies are sent by one sendmmsg(2). Keys and
// receivers are given at the start. There is no ICE, DTLS or RTCP, nobody is selected, nothing is numbered anew, and nobody can join or leave. What
// a server costs beyond this is what its being a server costs.
//
// It waits for packets as every Go program does, by the runtime's poller, on one goroutine.
package floor

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"hubbub/sfu/floor/mmsg"
)

// Profile is how packets are protected: as between browsers and the server, with AES-128-GCM (RFC 7714).
const Profile = srtp.ProtectionProfileAeadAes128Gcm

// Peer is someone who sends and receives.
type Peer struct {
	Address   netip.AddrPort // IPv4
	Sends     Keys           // what the peer encrypts with
	Receives  Keys           // what the floor encrypts with for the peer
	Listeners []int          // indices of the peers that get what this one sends
}

// Keys are an SRTP master key and its salt.
type Keys struct{ Key, Salt []byte }

// context makes a fresh SRTP context.
func (k Keys) context() (*srtp.Context, error) {
	c, err := srtp.CreateContext(k.Key, k.Salt, Profile)
	if err != nil {
		return nil, fmt.Errorf("make the SRTP context: %w", err)
	}
	return c, nil
}

const (
	receiveBatch = 64   // datagrams
	sendBatch    = 1024 // as many as sendmmsg(2) takes at once
	datagram     = 1500 // bytes
	tag          = 16   // bytes that AES-GCM adds
)

// forwarder is the floor at work. It belongs to one goroutine.
type forwarder struct {
	conn    syscall.RawConn
	peers   []peer
	byHome  map[netip.AddrPort]*peer
	in, out *mmsg.Batch
	waiting int // datagrams in out
	sent    int // of those
	header  rtp.Header
	plain   []byte
	send    func(socket uintptr) bool // sendOn, made once
}

type peer struct {
	address   netip.AddrPort
	in, out   *srtp.Context
	listeners []int
}

// Serve forwards until conn is closed, which is no error. Datagrams of strangers and those that cannot be decrypted are dropped.
func Serve(conn *net.UDPConn, peers []Peer) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("get at the socket: %w", err)
	}
	f := &forwarder{
		conn: raw, peers: make([]peer, len(peers)), byHome: make(map[netip.AddrPort]*peer, len(peers)),
		in: mmsg.NewBatch(receiveBatch, datagram), out: mmsg.NewBatch(sendBatch, datagram),
	}
	for i, p := range peers {
		in, err := p.Sends.context()
		if err != nil {
			return err
		}
		out, err := p.Receives.context()
		if err != nil {
			return err
		}
		f.peers[i] = peer{address: p.Address, in: in, out: out, listeners: p.Listeners}
		f.byHome[p.Address] = &f.peers[i]
	}
	f.send = f.sendOn
	if err := f.run(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (f *forwarder) run() error {
	var n int
	var failed error
	receive := func(socket uintptr) bool {
		n, failed = f.in.Receive(int(socket))
		return !errors.Is(failed, syscall.EAGAIN)
	}
	for {
		if err := f.conn.Read(receive); err != nil {
			return err
		}
		if failed != nil {
			return fmt.Errorf("receive: %w", failed)
		}
		for i := range n {
			if err := f.forward(f.byHome[f.in.From(i)], f.in.Datagram(i)); err != nil {
				return err
			}
		}
		if err := f.flush(); err != nil {
			return err
		}
	}
}

// forward encrypts a packet for all of the sender's listeners.
func (f *forwarder) forward(from *peer, packet []byte) (err error) {
	if from == nil {
		return nil
	}
	if f.plain, err = from.in.DecryptRTP(f.plain[:0], packet, &f.header); err != nil {
		return nil //nolint:nilerr // nothing of the forwarder's making
	}
	for _, i := range from.listeners {
		to := &f.peers[i]
		sealed, err := to.out.EncryptRTP(f.out.Buffer(f.waiting)[:0], f.plain, &f.header)
		if err != nil || len(sealed) > datagram {
			return fmt.Errorf("encrypt a packet of %d bytes: %w", len(f.plain), err)
		}
		f.out.Address(f.waiting, len(sealed), to.address)
		if f.waiting++; f.waiting == f.out.Len() {
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush sends what waits.
func (f *forwarder) flush() error {
	f.sent = 0
	if err := f.conn.Write(f.send); err != nil {
		return err
	}
	f.waiting = 0
	return nil
}

func (f *forwarder) sendOn(socket uintptr) bool {
	for f.sent < f.waiting {
		n, err := f.out.Send(int(socket), f.sent, f.waiting)
		if errors.Is(err, syscall.EAGAIN) {
			return false
		}
		f.sent += max(n, 1) // what cannot be sent must not keep back those behind it
	}
	return true
}
