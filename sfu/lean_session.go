package sfu

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
)

const (
	// maxRepeats is how often a last flight is sent again at most. Clients that miss it ask after 1, 2, 4… seconds, each time by a few datagrams.
	maxRepeats = 32
	// listenTime is how long what comes after the handshake is listened to.
	listenTime = time.Second

	// Content types of DTLS records (RFC 5246, appendix A.1).
	dtlsChangeCipherSpec = 20
	dtlsAlert            = 21
	dtlsHandshake        = 22
)

// dtlsSession is what is kept of a client's DTLS when the keys are agreed on. pion's connection would go on for as long as the client does, with four
// goroutines and 30 KB, only to hear the client close. So it is put away as its state, and taken out again when something comes.
type dtlsSession struct {
	certificate tls.Certificate
	logs        logging.LoggerFactory
	state       *dtls.State
	lastFlight  [][]byte // of ours; the client asks for it again by repeating its own (RFC 6347, section 4.2.4)
	repeats     int
}

// putAway ends a connection without the client's noticing. unheard are datagrams that may not have had their effect yet.
func putAway(conn *dtls.Conn, pipe *dtlsPipe, certificate tls.Certificate, logs logging.LoggerFactory) (s *dtlsSession, unheard [][]byte, err error) {
	flight := pipe.mute()
	state, ok := conn.ConnectionState()
	if !ok {
		return nil, nil, errors.New("DTLS has no state to keep")
	}
	state.PeerCertificates = nil // they have been looked at
	if err := conn.Close(); err != nil {
		return nil, nil, fmt.Errorf("put DTLS away: %w", err)
	}
	return &dtlsSession{certificate: certificate, logs: logs, state: &state, lastFlight: flight}, pipe.unheard(), nil
}

// protected says whether all records of a datagram (RFC 6347, section 4.1) claim to be encrypted. Of others pion would believe a closing
// alert, which anybody can write.
func protected(datagram []byte) bool {
	const header = 13
	for len(datagram) > 0 {
		if len(datagram) < header || binary.BigEndian.Uint16(datagram[3:]) == 0 {
			return false
		}
		end := header + int(binary.BigEndian.Uint16(datagram[11:]))
		if len(datagram) < end {
			return false
		}
		datagram = datagram[end:]
	}
	return true
}

// repeat answers a datagram of the client's last flight with ours, and reports whether it was one. The same records again are to the
// client what the network doubled.
func (s *dtlsSession) repeat(datagram []byte, send func([]byte) error) bool {
	if datagram[0] != dtlsHandshake && datagram[0] != dtlsChangeCipherSpec {
		return false
	}
	if s.repeats < maxRepeats {
		s.repeats++
		for _, d := range s.lastFlight {
			_ = send(d) // the client asks again
		}
	}
	return true
}

// resume takes the connection out again.
func (s *dtlsSession) resume(ctx context.Context, pipe *dtlsPipe) (*dtls.Conn, error) {
	conn, err := dtls.ResumeWithOptions(s.state, pipe, pipe.remote, dtls.WithCertificates(s.certificate), dtls.WithLoggerFactory(s.logs))
	if err != nil {
		return nil, fmt.Errorf("resume DTLS: %w", err)
	}
	if err := conn.HandshakeContext(ctx); err != nil { // which is over already
		return nil, errors.Join(fmt.Errorf("resume DTLS: %w", err), conn.Close())
	}
	return conn, nil
}

// listen hears what comes by the pipe for a while, and reports whether it was the client's closing. The pipe is empty until ready is called: what pion reads
// before it has resumed is lost, a closing alert too.
func (s *dtlsSession) listen(ctx context.Context, pipe *dtlsPipe, ready func()) (closed bool) {
	conn, err := s.resume(ctx, pipe)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // nothing is sent any more
	defer pipe.mute()
	ready()
	_ = conn.SetReadDeadline(time.Now().Add(listenTime))
	ignored := make([]byte, maxDatagram) // no application data is expected
	for {
		_, err := conn.Read(ignored)
		var timeout interface{ Timeout() bool }
		switch {
		case errors.Is(err, io.EOF):
			return true
		case errors.As(err, &timeout) && timeout.Timeout(), ctx.Err() != nil:
			return false
		}
	}
}

// goodbye tells the client that the connection is closed.
func (s *dtlsSession) goodbye(pipe *dtlsPipe) {
	if conn, err := s.resume(context.Background(), pipe); err == nil {
		_ = conn.Close()
	}
}
