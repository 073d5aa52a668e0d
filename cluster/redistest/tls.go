package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificates are PEM files of an authority made for the test, and of a certificate that is good for the server on 127.0.0.1 as well
// as for its clients.
type Certificates struct{ CA, Certificate, Key string }

// StartTLS runs a server that speaks TLS alone and wants a certificate of its clients too.
func StartTLS(t testing.TB) (*Server, Certificates) {
	t.Helper()
	files := makeCertificates(t)
	return start(t, "--tls-port", []string{
		"--save", "", "--port", "0", "--tls-auth-clients", "yes",
		"--tls-ca-cert-file", files.CA, "--tls-cert-file", files.Certificate, "--tls-key-file", files.Key,
	}), files
}

// URL is that of a server which speaks TLS.
func (c Certificates) URL(s *Server) string {
	query := url.Values{"ca_file": {c.CA}, "cert_file": {c.Certificate}, "key_file": {c.Key}}
	return "rediss://" + s.Address() + "?" + query.Encode()
}

func makeCertificates(t testing.TB) Certificates {
	t.Helper()
	dir := t.TempDir()
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	authorityKey, leafKey := makeKey(t), makeKey(t)
	encodedKey, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	return Certificates{
		CA:          writePEM(t, dir, "ca.pem", "CERTIFICATE", sign(t, authority, authority, authorityKey, authorityKey)),
		Certificate: writePEM(t, dir, "cert.pem", "CERTIFICATE", sign(t, leaf, authority, leafKey, authorityKey)),
		Key:         writePEM(t, dir, "key.pem", "PRIVATE KEY", encodedKey),
	}
}

func makeKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, subject, by *x509.Certificate, key, byKey *ecdsa.PrivateKey) []byte {
	t.Helper()
	certificate, err := x509.CreateCertificate(rand.Reader, subject, by, key.Public(), byKey)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func writePEM(t testing.TB, dir, name, kind string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
