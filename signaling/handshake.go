package signaling

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/websocket"
)

func (s *Server) allowsOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true // not a browser
	}
	if slices.Contains(s.cfg.Origins, "*") || slices.Contains(s.cfg.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}

// ServeHTTP upgrades the request to a WebSocket, which is served after it has returned.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A client is told of a drain by the answer to connect. A proxy understands only a refused handshake, and takes another node then; by
	// the fewest connections it would choose this one again and again.
	if s.Stopping() || s.Draining() && isProxied(r) {
		http.Error(w, "the server is going away", http.StatusServiceUnavailable)
		return
	}
	offered := websocket.Subprotocols(r)
	if len(offered) > 0 && !slices.Contains(offered, Subprotocol) {
		http.Error(w, "the subprotocol is "+Subprotocol, http.StatusBadRequest)
		return
	}
	from := s.cfg.Proxies.clientOf(r)
	if isProxied(r) && len(s.cfg.Proxies) == 0 {
		s.unnamedProxy.Do(func() {
			s.log.Warn("a proxy says whom it was asked by, but is not believed: name it with --trusted-proxies", "proxy", from)
		})
	}
	if !s.cfg.Unlimited && !s.addresses.enter(from) {
		s.metrics.refused("address")
		http.Error(w, "too many connections from your address", http.StatusTooManyRequests)
		return
	}
	ws, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.left(from)
		s.metrics.refused("handshake")
		return // Upgrade has answered
	}
	c := newConn(ws)
	s.track(c)
	// Not on this goroutine, whose return frees all that the HTTP server keeps of a request.
	go s.attend(c, from)
}

// attend serves a connection until it ends. Shutdown waits for it.
func (s *Server) attend(c *conn, from netip.Addr) {
	go c.write() // finish waits for it
	newDispatcher(s, c, from).serve()
	c.finish()
	s.left(from)
	s.untrack(c)
}

func (s *Server) left(from netip.Addr) {
	if !s.cfg.Unlimited {
		s.addresses.leave(from)
	}
}
