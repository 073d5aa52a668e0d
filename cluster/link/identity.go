package link

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"
)

const (
	// protocol is the ALPN name (RFC 7301). It changes when the frames on the wire do.
	protocol = "hubbub-link/1"
	// keySize is the length of a cluster key, in bytes.
	keySize = 32
	// maxName bounds a node's name and its boot id, in bytes.
	maxName = 255
)

// A certificate is as good as the key that signed it, and lives as long as its process. A date would only let clocks that
// differ keep nodes apart; RFC 5280, section 4.1.2.5, has this one for "no expiry".
var (
	validFrom  = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	validUntil = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// identity is what a node proves itself with and knows others by.
type identity struct {
	certificate tls.Certificate
	authorities *x509.CertPool // of all keys
}

// newIdentity mints a certificate for the node, signed by the authority of the first key.
func newIdentity(self Peer, keys [][]byte) (*identity, error) {
	if len(keys) == 0 {
		return nil, errors.New("no cluster key")
	}
	id := &identity{authorities: x509.NewCertPool()}
	for i, key := range keys {
		authority, signer, err := newAuthority(key)
		if err != nil {
			return nil, fmt.Errorf("cluster key %d: %w", i+1, err)
		}
		id.authorities.AddCert(authority)
		if i > 0 {
			continue
		}
		if id.certificate, err = mint(self, authority, signer); err != nil {
			return nil, fmt.Errorf("mint the certificate of %s: %w", self, err)
		}
	}
	return id, nil
}

// newAuthority derives from a cluster key the key that signs certificates (HKDF, RFC 5869; Ed25519, RFC 8032). The same cluster key
// makes the same authority on each node, so it need not be handed around.
func newAuthority(key []byte) (*x509.Certificate, ed25519.PrivateKey, error) {
	if len(key) != keySize {
		return nil, nil, fmt.Errorf("has %d bytes, not %d", len(key), keySize)
	}
	seed, err := hkdf.Key(sha256.New, key, nil, "hubbub link authority 1", ed25519.SeedSize)
	if err != nil {
		return nil, nil, fmt.Errorf("derive the authority: %w", err)
	}
	signer := ed25519.NewKeyFromSeed(seed)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "hubbub cluster"},
		NotBefore:             validFrom,
		NotAfter:              validUntil,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		return nil, nil, fmt.Errorf("make the authority: %w", err)
	}
	authority, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("read the authority: %w", err)
	}
	return authority, signer, nil
}

func mint(self Peer, authority *x509.Certificate, signer ed25519.PrivateKey) (tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: self.Name, SerialNumber: self.Boot},
		DNSNames:     []string{hostname(self)},
		NotBefore:    validFrom,
		NotAfter:     validUntil,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, authority, public, signer)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
}

// hostname is the name by which TLS knows a node: any name and boot made into a DNS name, so that crypto/tls itself checks that the
// node which answers is the one that was asked for. The lengths keep ("a","bc") and ("ab","c") apart.
func hostname(p Peer) string {
	h := sha256.New()
	for _, part := range []string{p.Name, p.Boot} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16]) + ".hubbub.invalid"
}

// client is for dialling one peer.
func (id *identity) client(to Peer) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{id.certificate},
		RootCAs:      id.authorities,
		ServerName:   hostname(to),
		NextProtos:   []string{protocol},
		MinVersion:   tls.VersionTLS13,
	}
}

// server is for all who dial this node. No session tickets: each connection proves itself in full, and nothing is sent in 0-RTT, which
// could be replayed.
func (id *identity) server() *tls.Config {
	return &tls.Config{
		Certificates:           []tls.Certificate{id.certificate},
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ClientCAs:              id.authorities,
		NextProtos:             []string{protocol},
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
	}
}

// peerOf reads whom the other end has proven to be. The chain has been verified by crypto/tls.
func peerOf(state tls.ConnectionState) (Peer, error) {
	if len(state.PeerCertificates) == 0 {
		return Peer{}, errors.New("no certificate")
	}
	leaf := state.PeerCertificates[0]
	p := Peer{Name: leaf.Subject.CommonName, Boot: leaf.Subject.SerialNumber}
	if err := p.check(); err != nil {
		return Peer{}, err
	}
	if err := leaf.VerifyHostname(hostname(p)); err != nil {
		return Peer{}, fmt.Errorf("certificate of %s: %w", p, err)
	}
	return p, nil
}

// resetKey is for stateless resets (RFC 9000, section 10.3): a node that has forgotten a connection, also by a restart, says so when a
// packet of it comes, and the peer need not wait for its timeout.
func resetKey(self Peer, key []byte) ([32]byte, error) {
	var out [32]byte
	derived, err := hkdf.Key(sha256.New, key, []byte(self.Name), "hubbub link stateless reset 1", len(out))
	if err != nil {
		return out, fmt.Errorf("derive the key of stateless resets: %w", err)
	}
	copy(out[:], derived)
	return out, nil
}
