package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"hubbub/signaling/client"
)

func TestANodeWithAnotherKeyGetsNothing(t *testing.T) {
	t.Parallel()
	c := begin(t, layout{nodes: 2})
	room, people := c.meet(t, 2, c.members...)

	stranger := &node{name: "stranger", address: strings.TrimSuffix(c.members[0].address, "1") + "77"}
	stranger.links = stranger.address
	other := make([]byte, 32)
	_, _ = rand.Read(other) // never fails
	theirs := &cluster{layout: layout{nodes: 2}, key: base64.StdEncoding.EncodeToString(other)}
	if err := theirs.start(stranger, c.members); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stranger.Kill() })
	eventually(t, "the stranger is up", func() bool { _, _, err := stranger.get("/healthz"); return err == nil })
	pass(5 * time.Second) // in which it tries again and again

	if stranger.ready() {
		t.Error("a node that could not join any other says that it is ready")
	}
	if v, err := stranger.view(); err != nil || !slices.Equal(v.alive(), []string{"stranger"}) || len(v.Rooms) != 0 {
		t.Errorf("the stranger sees %+v, %v", v, err)
	}
	for _, n := range c.members {
		if v, err := n.view(); err != nil || !slices.Equal(v.alive(), []string{"n1", "n2"}) {
			t.Errorf("%s sees %+v, %v", n.name, v, err)
		}
	}
	// What its cluster signed is not believed here, and the other way round.
	here := people[0].seat().hello.Resume
	for _, n := range []*node{stranger, c.members[0]} {
		resume := here
		if n != stranger {
			resume = c.strangersResume(t, stranger)
		}
		if resume == "" {
			continue // it lets nobody connect, being not ready
		}
		if s, err := c.someone(t, "thief").tryResume(n, resume); err == nil {
			t.Errorf("%s takes a resume string of another cluster: %+v", n.name, s.hello)
		}
	}
	wantAllHeard(t, people)
	wantOneRoster(t, people)
	wantRegular(t, people)
	for _, p := range people {
		p.wantUntouched(t)
	}
	c.owner(t, room)
}

// strangersResume is a resume string that a node gives, "" if it lets nobody in.
func (c *cluster) strangersResume(t *testing.T, n *node) string {
	t.Helper()
	s, err := c.someone(t, "anyone").dial(n)
	if err != nil {
		return ""
	}
	t.Cleanup(func() { _ = s.abandon() })
	if err := s.connect(client.ConnectParams{Token: mint(t, unique("anyone"), "speaker")}); err != nil {
		return ""
	}
	return s.hello.Resume
}

// tryResume connects with a resume string alone.
func (p *person) tryResume(n *node, resume string) (*seat, error) {
	s, err := p.dial(n)
	if err != nil {
		return nil, err
	}
	p.t.Cleanup(func() { _ = s.abandon() })
	err = s.connect(client.ConnectParams{Resume: resume})
	return s, err
}

func TestAForgedResumeIsRefusedOnEveryNode(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	p := c.enterText(t, c.members[0], unique("room"), "ada")
	genuine := p.seat().hello.Resume
	for _, n := range c.members {
		for _, at := range []int{1, len(genuine) / 2, len(genuine) - 3} {
			forged := []byte(genuine)
			forged[at] = map[bool]byte{true: 'A', false: 'B'}[forged[at] != 'A']
			if s, err := c.someone(t, "thief").tryResume(n, string(forged)); err == nil {
				t.Errorf("%s takes a forged resume string: %+v", n.name, s.hello)
			}
		}
	}
	if !p.seat().isOpen() {
		t.Error("the owner of the resume string lost their connection")
	}
}

func TestTheLinkTakesNobodyWithoutTheKey(t *testing.T) {
	t.Parallel()
	c := begin(t, layout{nodes: 2})
	_, people := c.meet(t, 2, c.members...)
	n := c.members[0]
	address := net.JoinHostPort(n.links, strconv.Itoa(linkPort))

	// Garbage, on both ports, by both protocols.
	for _, port := range []int{gossipPort, linkPort} {
		for _, network := range []string{"udp4", "tcp4"} {
			conn, err := net.DialTimeout(network, net.JoinHostPort(n.links, strconv.Itoa(port)), time.Second)
			if err != nil {
				continue // nobody listens there
			}
			for range 200 {
				garbage := make([]byte, 1200)
				_, _ = rand.Read(garbage)
				if _, err := conn.Write(garbage); err != nil {
					break // the node has closed it
				}
			}
			_ = conn.Close()
		}
	}
	// A certificate that nobody signed, under the name of a node that there is.
	for _, protocol := range []string{"hubbub-link/1", "hubbub", "h3"} {
		if err := talkTo(t, address, selfSigned(t, c.members[1].name), protocol); err == nil {
			t.Errorf("the link talks %s with whom it does not know", protocol)
		}
	}
	wantAllHeard(t, people)
	wantRegular(t, people)
	for _, p := range people {
		p.wantUntouched(t)
	}
}

// talkTo opens a connection with a stream and waits for anything from the other end. The error is nil if something comes.
func talkTo(t *testing.T, address string, certificate tls.Certificate, protocol string) error {
	t.Helper()
	ctx, cancel := within(3 * time.Second)
	defer cancel()
	conn, err := quic.DialAddr(ctx, address, &tls.Config{
		Certificates: []tls.Certificate{certificate}, InsecureSkipVerify: true, NextProtos: []string{protocol},
	}, nil)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseWithError(0, "") }()
	s, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	_ = s.SetDeadline(time.Now().Add(3 * time.Second))
	if _, err := s.Write([]byte("hello")); err != nil {
		return err
	}
	_, err = s.Read(make([]byte, 1))
	return err
}

func selfSigned(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
