//go:build linux

// Package mmsg receives and sends many datagrams by one system call, recvmmsg(2) and sendmmsg(2), over IPv4 and without allocating. It
// is what the floor and the load generator of the benchmark stand on, where a library's convenience would be part of what is measured.
//
// The calls are made without telling Go's scheduler, as the server makes them: they do not block, and watching over them costs more than they do where packets
// come one at a time.
package mmsg

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Batch is room for some datagrams. It must not be copied, and belongs to one goroutine at a time.
type Batch struct {
	headers []header
	vectors []unix.Iovec
	names   []unix.RawSockaddrInet4
	control [][controlBytes]byte
	buffers [][]byte
}

// header is struct mmsghdr of recvmmsg(2).
type header struct {
	unix.Msghdr
	length uint32
}

// controlBytes is room for one timestamp: struct cmsghdr (a length of 8 bytes, level and type of 4) and struct timespec, as 64-bit systems have them.
const controlBytes = 16 + 16

// NewBatch makes room for count datagrams of at most size bytes.
func NewBatch(count, size int) *Batch {
	b := &Batch{
		headers: make([]header, count),
		vectors: make([]unix.Iovec, count),
		names:   make([]unix.RawSockaddrInet4, count),
		control: make([][controlBytes]byte, count),
		buffers: make([][]byte, count),
	}
	for i := range b.headers {
		b.buffers[i] = make([]byte, size)
		b.vectors[i].Base = &b.buffers[i][0]
		b.headers[i].Name = (*byte)(unsafe.Pointer(&b.names[i])) //nolint:gosec // msg_name of sendmsg(2) is any struct sockaddr
		b.headers[i].Iov = &b.vectors[i]
		b.headers[i].SetIovlen(1)
	}
	return b
}

// Len is how many datagrams there is room for.
func (b *Batch) Len() int { return len(b.headers) }

// Receive takes what waits at a socket, and answers how many datagrams that was. It does not wait: with none there the error is
// unix.EAGAIN.
func (b *Batch) Receive(socket int) (int, error) {
	for i := range b.headers {
		h := &b.headers[i]
		h.Namelen = unix.SizeofSockaddrInet4
		h.Control = &b.control[i][0]
		h.SetControllen(controlBytes)
		b.vectors[i].SetLen(len(b.buffers[i]))
	}
	return b.call(unix.SYS_RECVMMSG, socket, 0, len(b.headers), unix.MSG_DONTWAIT)
}

// Datagram is the i-th of those received. It is valid until the next call of Receive.
func (b *Batch) Datagram(i int) []byte { return b.buffers[i][:b.headers[i].length] }

// From is where the i-th of those received came from.
func (b *Batch) From(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4(b.names[i].Addr), networkOrder(b.names[i].Port))
}

// Arrived is when the kernel gave the i-th of those received to the socket, if the socket has SO_TIMESTAMPNS (socket(7)).
func (b *Batch) Arrived(i int) (at time.Time, ok bool) {
	control := &b.control[i]
	level, kind := binary.NativeEndian.Uint32(control[8:]), binary.NativeEndian.Uint32(control[12:])
	if b.headers[i].Controllen < controlBytes || level != unix.SOL_SOCKET || kind != unix.SCM_TIMESTAMPNS {
		return time.Time{}, false
	}
	seconds, nanoseconds := binary.NativeEndian.Uint64(control[16:]), binary.NativeEndian.Uint64(control[24:])
	return time.Unix(int64(seconds), int64(nanoseconds)), true
}

// Buffer is where the i-th datagram to be sent is to be written.
func (b *Batch) Buffer(i int) []byte { return b.buffers[i] }

// Address says how long the i-th datagram to be sent is, and where it goes.
func (b *Batch) Address(i, length int, to netip.AddrPort) {
	b.names[i] = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: networkOrder(to.Port()), Addr: to.Addr().As4()}
	h := &b.headers[i]
	h.Namelen = unix.SizeofSockaddrInet4
	h.Control = nil
	h.SetControllen(0)
	b.vectors[i].SetLen(length)
}

// Send sends the datagrams from the first-th up to, not including, the end-th, and answers how many the kernel took: at least one without an error.
func (b *Batch) Send(socket, first, end int) (int, error) {
	return b.call(unix.SYS_SENDMMSG, socket, first, end, 0)
}

func (b *Batch) call(trap uintptr, socket, first, end, flags int) (int, error) {
	headers := unsafe.Pointer(&b.headers[first]) //nolint:gosec // what recvmmsg(2) and sendmmsg(2) take
	n, _, errno := unix.RawSyscall6(trap, uintptr(socket), uintptr(headers), uintptr(end-first), uintptr(flags), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// networkOrder turns a port into the order of bytes that struct sockaddr_in has, and back.
func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], port)
	return binary.BigEndian.Uint16(b[:])
}
