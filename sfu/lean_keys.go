package sfu

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	_ "crypto/sha256" // fingerprints
	_ "crypto/sha512" // fingerprints

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/srtp/v3"
)

const (
	dtlsMTU = 1200

	// replayWindow is how many packets may be overtaken and still be accepted (RFC 3711, section 3.3.2, asks for 64 at least).
	replayWindow = 128
)

// srtpProfiles are offered in order of cost: the GCM ones take half the time.
var srtpProfiles = []dtls.SRTPProtectionProfile{
	dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80,
}

// srtpContexts encrypt and decrypt one transport's packets. Each belongs to one goroutine at a time: the one that receives, and the lane's.
type srtpContexts struct {
	in, out *srtp.Context
}

// newCertificate makes a self-signed one, which says nothing but its key: clients know it by its fingerprint.
func newCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "WebRTC"}, // as browsers call theirs
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// handshake is the server's half of DTLS-SRTP (RFC 5764): it ends when both sides have proven their certificates, the client's by
// the fingerprint that it gave in its offer.
func handshake(ctx context.Context, pipe *dtlsPipe, certificate tls.Certificate, client Fingerprint, logs logging.LoggerFactory) (*dtls.Conn, *srtpContexts, error) {
	conn, err := dtls.ServerWithOptions(pipe, pipe.remote,
		dtls.WithCertificates(certificate),
		dtls.WithSRTPProtectionProfiles(srtpProfiles...),
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithInsecureSkipVerify(true), // certificates are self-signed; their hash is what counts
		dtls.WithVerifyPeerCertificate(client.verify),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerifyHello(true), // ICE has verified the address
		dtls.WithMTU(dtlsMTU),
		dtls.WithLoggerFactory(logs),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("begin DTLS: %w", err)
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("shake hands by DTLS: %w", err), conn.Close())
	}
	contexts, err := exportKeys(conn)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, contexts, nil
}

// verify compares the hash of the client's certificate with the one of its offer (RFC 8122, section 5).
func (f Fingerprint) verify(certificates [][]byte, _ [][]*x509.Certificate) error {
	sums := map[string]crypto.Hash{"sha-256": crypto.SHA256, "sha-384": crypto.SHA384, "sha-512": crypto.SHA512}
	algorithm, ok := sums[f.Algorithm]
	if !ok || len(certificates) == 0 {
		return errors.New("no certificate or fingerprint to compare")
	}
	h := algorithm.New()
	h.Write(certificates[0])
	if newFingerprint(f.Algorithm, colonHex(h.Sum(nil))) != f {
		return errors.New("the client's certificate is not the one of its offer")
	}
	return nil
}

// exportKeys derives the SRTP keys (RFC 5764, section 4.2).
func exportKeys(conn *dtls.Conn) (*srtpContexts, error) {
	chosen, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return nil, errors.New("the client takes none of our SRTP profiles")
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return nil, errors.New("DTLS has no state to export keys from")
	}
	config := srtp.Config{Profile: srtp.ProtectionProfile(chosen)}
	if err := config.ExtractSessionKeysFromDTLS(&state, false); err != nil {
		return nil, fmt.Errorf("export the SRTP keys: %w", err)
	}
	keys := config.Keys
	var contexts srtpContexts
	var err error
	contexts.in, err = srtp.CreateContext(keys.RemoteMasterKey, keys.RemoteMasterSalt, config.Profile,
		srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow))
	if err != nil {
		return nil, fmt.Errorf("make the SRTP context: %w", err)
	}
	if contexts.out, err = srtp.CreateContext(keys.LocalMasterKey, keys.LocalMasterSalt, config.Profile); err != nil {
		return nil, fmt.Errorf("make the SRTP context: %w", err)
	}
	return &contexts, nil
}

// colonHex writes bytes as RFC 8122 does.
func colonHex(b []byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", b), " ", ":")
}
