package blackbox

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"hubbub/signaling/client"
)

func TestSubprotocolIsHubbubV1AndOptional(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		offered []string
		chosen  string
	}{
		"offered":            {[]string{"hubbub.v1"}, "hubbub.v1"},
		"among unknown ones": {[]string{"hubbub.v9", "hubbub.v1", "chat"}, "hubbub.v1"},
		"none offered":       {[]string{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := guests.visitor(t, client.Options{Subprotocols: c.offered})
			if p.Subprotocol() != c.chosen {
				t.Errorf("the server chose %q, want %q", p.Subprotocol(), c.chosen)
			}
			p.mustConnect(client.ConnectParams{Name: "Ada"})
		})
	}
}

func TestUnknownSubprotocolsAloneAreRefusedWith400(t *testing.T) {
	t.Parallel()
	_, err := guests.dial(t, client.Options{Subprotocols: []string{"hubbub.v9", "chat"}})
	wantRefused(t, err, http.StatusBadRequest)
}

func TestOriginIsTheSameHostOrListed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server *server
		origin string
		served bool
	}{
		"none":                  {guests, "", true},
		"same host":             {guests, guests.http, true},
		"another host":          {guests, "https://evil.example", false},
		"another port":          {guests, "http://127.0.0.1:1", false},
		"null":                  {guests, "null", false},
		"same host as a prefix": {guests, guests.http + ".evil.example", false},
		"not a URL":             {guests, "%zz", false},
		"listed":                {tokens, "https://talk.example", true},
		"listed, other scheme":  {tokens, "http://talk.example", false},
		"not listed":            {tokens, "https://other.example", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := client.Options{Header: http.Header{}}
			if c.origin != "" {
				o.Header.Set("Origin", c.origin)
			}
			_, err := c.server.dial(t, o)
			if c.served {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantRefused(t, err, http.StatusForbidden)
		})
	}
}

func TestPlainHTTPIsNotServedOnTheSignalPath(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		req, err := http.NewRequestWithContext(t.Context(), method, guests.http+"/v1/signal", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode < 400 || resp.StatusCode > 499 {
			t.Errorf("%s gets HTTP %d, want a refusal", method, resp.StatusCode)
		}
	}
}

func TestCloseFrameOfTheClientIsAnswered(t *testing.T) {
	t.Parallel()
	p := guests.guest(t, "Ada")
	if err := p.Leave(); err != nil {
		t.Fatal(err)
	}
	if code := client.CloseCode(p.Err()); code != websocket.CloseNormalClosure {
		t.Errorf("the connection ended with %v, want the close frame 1000 echoed", p.Err())
	}
}

func wantRefused(t *testing.T, err error, status int) {
	t.Helper()
	e, ok := errors.AsType[*client.HandshakeError](err)
	if !ok || e.Status != status {
		t.Errorf("dialling gives %v, want HTTP %d", err, status)
	}
}
