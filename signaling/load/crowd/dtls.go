//go:build linux

package crowd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/srtp/v3"

	"hubbub/sfu/floor"
)

// newCertificate makes the self-signed one of all participants.
func newCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// handshakePipe is a participant's DTLS as pion wants to see it: what comes in is put into its buffer by the receiving goroutine.
type handshakePipe struct {
	*person
	remote net.Addr
}

func (h handshakePipe) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := h.pipe.Read(b)
	return n, h.remote, err
}

func (h handshakePipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	h.send(b)
	return len(b), nil
}

func (h handshakePipe) Close() error                      { return h.pipe.Close() }
func (h handshakePipe) LocalAddr() net.Addr               { return h.remote }
func (h handshakePipe) SetDeadline(t time.Time) error     { return h.pipe.SetReadDeadline(t) }
func (h handshakePipe) SetReadDeadline(t time.Time) error { return h.pipe.SetReadDeadline(t) }
func (handshakePipe) SetWriteDeadline(time.Time) error    { return nil } // sending does not block

// shakeHands is the client's half of DTLS-SRTP (RFC 5764). Whose certificate the server has is not looked at.
func (c *Crowd) shakeHands(ctx context.Context, p *person, server netip.AddrPort) error {
	remote := net.UDPAddrFromAddrPort(server)
	conn, err := dtls.ClientWithOptions(handshakePipe{p, remote}, remote,
		dtls.WithCertificates(c.certificate),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true),
	)
	if err != nil {
		return fmt.Errorf("begin DTLS for participant %d: %w", p.number, err)
	}
	p.conn = conn
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("shake hands for participant %d: %w", p.number, err)
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return errors.New("DTLS has no state to export keys from")
	}
	config := srtp.Config{Profile: floor.Profile}
	if err := config.ExtractSessionKeysFromDTLS(&state, true); err != nil {
		return fmt.Errorf("export the SRTP keys: %w", err)
	}
	keys := config.Keys
	if p.out, err = srtp.CreateContext(keys.LocalMasterKey, keys.LocalMasterSalt, config.Profile); err != nil {
		return fmt.Errorf("make the SRTP context: %w", err)
	}
	in, err := srtp.CreateContext(keys.RemoteMasterKey, keys.RemoteMasterSalt, config.Profile)
	if err != nil {
		return fmt.Errorf("make the SRTP context: %w", err)
	}
	p.in.Store(in)
	return nil
}
