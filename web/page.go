package web

import (
	"net/http"
	"regexp"
	"strings"
)

// page serves the single-page app: its index wherever the app has a view of its own, its files by their names.
type page struct {
	index  *asset
	assets map[string]*asset // by path without the leading slash; never changed
}

func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setSecurityHeaders(w.Header(), r)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" || isRoom(name) {
		p.index.serve(w, r)
		return
	}
	if a, ok := p.assets[name]; ok {
		a.serve(w, r)
		return
	}
	http.NotFound(w, r)
}

// isRoom tells whether a path is a room's link, r/NAME. The app says what is wrong with a name that no room can have.
func isRoom(name string) bool {
	room, ok := strings.CutPrefix(name, "r/")
	return ok && room != "" && !strings.Contains(room, "/")
}

// plainHost is a host, as in an HTTP request, that can stand in a policy without being read as a part of its syntax.
var plainHost = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// setSecurityHeaders keeps the page to its own origin: no script, style, connection or frame from or for elsewhere,
// and of the powerful features just microphone and camera.
func setSecurityHeaders(header http.Header, r *http.Request) {
	connect := "'self'"
	if plainHost.MatchString(r.Host) {
		// Safari before 15.4 does not count WebSockets as 'self'.
		connect += " ws://" + r.Host + " wss://" + r.Host
	}
	header.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'self'",
		"connect-src " + connect,
		"img-src 'self' data:",
		"media-src 'self' blob: mediastream:",
		"object-src 'none'",
		"base-uri 'none'",
		"form-action 'self'",
		"frame-ancestors 'self'",
	}, "; "))
	header.Set("Permissions-Policy", "microphone=(self), camera=(self), geolocation=()")
	header.Set("Referrer-Policy", "same-origin") // a room's link is an invitation: not for other sites to see
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		// On an insecure origin browsers ignore it, with an error in the console.
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
}
