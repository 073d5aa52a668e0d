package sfu

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// multiMessage is what recvmmsg(2) and sendmmsg(2) take: some datagrams with their addresses. Those of golang.org/x/net do the same, but allocate an
// address for each datagram that comes.
//
// The calls are made without telling Go's scheduler (syscall.RawSyscall6), as they never block. Otherwise each would wake the runtime's
// monitoring thread from its sleep, to watch over a call that has returned by then: a sixth of all CPU time at low rates.
type multiMessage struct {
	headers [batchSize]mmsghdr
	vectors [batchSize]unix.Iovec
	names   [batchSize]unix.RawSockaddrInet6 // the larger one of both families
	buffers [batchSize][batchBuffer]byte
}

// mmsghdr is the structure of that name.
type mmsghdr struct {
	unix.Msghdr
	length uint32
}

func (m *multiMessage) init() {
	for i := range m.headers {
		m.vectors[i].Base = &m.buffers[i][0]
		m.vectors[i].SetLen(batchBuffer)
		m.headers[i].Iov = &m.vectors[i]
		m.headers[i].SetIovlen(1)
		m.headers[i].Name = (*byte)(unsafe.Pointer(&m.names[i])) //nolint:gosec // what the kernel wants
		m.headers[i].Namelen = unix.SizeofSockaddrInet6
	}
}

// call makes one of the two calls with datagrams from the first to before the end, until it is not interrupted.
func (m *multiMessage) call(trap, descriptor uintptr, first, end int) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(trap, descriptor,
			uintptr(unsafe.Pointer(&m.headers[first])), uintptr(end-first), unix.MSG_DONTWAIT, 0, 0) //nolint:gosec // what the kernel wants
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

// incomingBatch receives what waits at a socket at once. It belongs to one goroutine at a time.
type incomingBatch struct {
	multiMessage
	conn  syscall.RawConn
	read  func(descriptor uintptr) bool // bound once
	count int
	errno syscall.Errno
}

func newIncomingBatch(conn *net.UDPConn) (*incomingBatch, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("receive in batches: %w", err)
	}
	b := &incomingBatch{conn: raw}
	b.read = b.receiveNow
	b.init()
	return b, nil
}

// receive waits for datagrams, and answers how many have come: at least one without an error.
func (b *incomingBatch) receive() (int, error) {
	if err := b.conn.Read(b.read); err != nil {
		return 0, err
	}
	if b.errno != 0 {
		return 0, fmt.Errorf("receive a batch: %w", b.errno)
	}
	return b.count, nil
}

// receiveNow reports false when nothing is there, to be called again when there is.
func (b *incomingBatch) receiveNow(descriptor uintptr) bool {
	for i := range b.count { // those that the last call has written
		b.headers[i].Namelen = unix.SizeofSockaddrInet6
	}
	b.count, b.errno = b.call(unix.SYS_RECVMMSG, descriptor, 0, batchSize)
	if b.errno != 0 {
		b.count = 0
	}
	return b.errno != syscall.EAGAIN
}

// datagram is the i-th of those received, and where it came from. It is valid until the next receive.
func (b *incomingBatch) datagram(i int) ([]byte, netip.AddrPort) {
	name := &b.names[i]
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&name.Port))[:]) //nolint:gosec // in network order
	var from netip.Addr
	if name.Family == unix.AF_INET {
		from = netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr) //nolint:gosec // that is what the family says
	} else {
		from = netip.AddrFrom16(name.Addr).Unmap()
		if name.Scope_id != 0 {
			from = from.WithZone(strconv.FormatUint(uint64(name.Scope_id), 10))
		}
	}
	return b.buffers[i][:b.headers[i].length], netip.AddrPortFrom(from, port)
}

// outgoingBatch sends datagrams at once. It belongs to one goroutine at a time.
type outgoingBatch struct {
	multiMessage
	conn        syscall.RawConn
	write       func(descriptor uintptr) bool // bound once
	sent, count int
	v6          bool
}

func newOutgoingBatch(conn *net.UDPConn) (*outgoingBatch, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("send in batches: %w", err)
	}
	b := &outgoingBatch{conn: raw, v6: conn.LocalAddr().(*net.UDPAddr).IP.To4() == nil}
	b.write = b.sendNow
	b.init()
	return b, nil
}

// add puts in a datagram, which fits, and reports whether the batch is full now.
func (b *outgoingBatch) add(datagram []byte, to netip.AddrPort) (full bool) {
	i := b.count
	b.vectors[i].SetLen(copy(b.buffers[i][:], datagram))
	name := &b.names[i]
	if b.v6 {
		zone, _ := strconv.ParseUint(to.Addr().Zone(), 10, 32)
		*name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.Addr().As16(), Scope_id: uint32(zone)}
		b.headers[i].Namelen = unix.SizeofSockaddrInet6
	} else {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name)) //nolint:gosec // that is what the family says
		v4.Family, v4.Addr = unix.AF_INET, to.Addr().As4()
		b.headers[i].Namelen = unix.SizeofSockaddrInet4
	}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&name.Port))[:], to.Port()) //nolint:gosec // in network order
	b.count++
	return b.count == batchSize
}

// send empties the batch. A datagram that cannot be sent is nobody's fault, and does not keep back those behind it.
func (b *outgoingBatch) send() {
	if b.count > 0 {
		_ = b.conn.Write(b.write)
	}
	b.sent, b.count = 0, 0
}

// sendNow reports false when the kernel takes no more for the moment, to be called again when it does.
func (b *outgoingBatch) sendNow(descriptor uintptr) bool {
	for b.sent < b.count {
		n, errno := b.call(unix.SYS_SENDMMSG, descriptor, b.sent, b.count)
		switch errno {
		case 0:
			b.sent += n
		case syscall.EAGAIN:
			return false
		default:
			b.sent++
		}
	}
	return true
}
