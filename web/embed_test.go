package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

var index = "<!doctype html><title>Hubbub</title>" + strings.Repeat("<p>voices</p>", 100)

func builtApp() fstest.MapFS {
	return fstest.MapFS{
		"index.html":              {Data: []byte(index)},
		"assets/index-Bx1a2b.js":  {Data: []byte(strings.Repeat("join(); ", 200))},
		"assets/index-C3d4e5.css": {Data: []byte("a{}")},
		"assets/inter.woff2":      {Data: []byte("wOF2")},
		"favicon.svg":             {Data: []byte("<svg/>")},
	}
}

func serve(t *testing.T, root fstest.MapFS, r *http.Request) *http.Response {
	t.Helper()
	h, err := newHandler(root)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func get(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }

func body(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPaths(t *testing.T) {
	const immutable = "public, max-age=31536000, immutable"
	for _, c := range []struct {
		path         string
		status       int
		contentType  string
		cacheControl string
	}{
		{"/", 200, "text/html; charset=utf-8", "no-cache"},
		{"/r/tea-room", 200, "text/html; charset=utf-8", "no-cache"},
		{"/r/%E8%8C%B6%E5%AE%A4", 200, "text/html; charset=utf-8", "no-cache"},
		{"/index.html", 200, "text/html; charset=utf-8", "no-cache"},
		{"/assets/index-Bx1a2b.js", 200, "text/javascript; charset=utf-8", immutable},
		{"/assets/index-C3d4e5.css", 200, "text/css; charset=utf-8", immutable},
		{"/assets/inter.woff2", 200, "font/woff2", immutable},
		{"/favicon.svg", 200, "image/svg+xml", "no-cache"},
		{"/r/", 404, "text/plain; charset=utf-8", ""},
		{"/r/a/b", 404, "text/plain; charset=utf-8", ""},
		{"/assets/", 404, "text/plain; charset=utf-8", ""},
		{"/assets/index-older.js", 404, "text/plain; charset=utf-8", ""},
		{"/../embed.go", 404, "text/plain; charset=utf-8", ""},
	} {
		t.Run(c.path, func(t *testing.T) {
			res := serve(t, builtApp(), get(c.path))
			if res.StatusCode != c.status {
				t.Errorf("status %d, want %d", res.StatusCode, c.status)
			}
			if got := res.Header.Get("Content-Type"); got != c.contentType {
				t.Errorf("Content-Type %q, want %q", got, c.contentType)
			}
			if got := res.Header.Get("Cache-Control"); got != c.cacheControl {
				t.Errorf("Cache-Control %q, want %q", got, c.cacheControl)
			}
			if res.Header.Get("Content-Security-Policy") == "" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Error("security headers are missing")
			}
		})
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	res := serve(t, builtApp(), httptest.NewRequest(http.MethodPost, "/", nil))
	if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: status %d, Allow %q", res.StatusCode, res.Header.Get("Allow"))
	}
	res = serve(t, builtApp(), httptest.NewRequest(http.MethodHead, "/", nil))
	if got := body(t, res.Body); res.StatusCode != http.StatusOK || got != "" {
		t.Errorf("HEAD: status %d with %d bytes of body", res.StatusCode, len(got))
	}
}

func TestCompression(t *testing.T) {
	for _, c := range []struct {
		accept string
		path   string
		want   string
	}{
		{"gzip, deflate, br", "/", "gzip"},
		{"br;q=1.0, GZIP;q=0.5", "/", "gzip"},
		{"gzip;q=0, br", "/", ""},
		{"gzip; q=0.00", "/", ""},
		{"br", "/", ""},
		{"", "/", ""},
		{"gzip", "/assets/index-C3d4e5.css", ""}, // three bytes would grow
	} {
		t.Run(c.accept+" "+c.path, func(t *testing.T) {
			r := get(c.path)
			r.Header.Set("Accept-Encoding", c.accept)
			res := serve(t, builtApp(), r)
			if got := res.Header.Get("Content-Encoding"); got != c.want {
				t.Fatalf("Content-Encoding %q, want %q", got, c.want)
			}
			if c.want != "gzip" {
				return
			}
			z, err := gzip.NewReader(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got := body(t, z); got != index {
				t.Errorf("decompressed to %d bytes, want %d", len(got), len(index))
			}
			if got := res.Header.Get("Vary"); got != "Accept-Encoding" {
				t.Errorf("Vary %q", got)
			}
		})
	}
}

func TestUnchangedIsNotSentAgain(t *testing.T) {
	tags := map[string]bool{}
	for _, accept := range []string{"", "gzip"} {
		r := get("/")
		r.Header.Set("Accept-Encoding", accept)
		tag := serve(t, builtApp(), r).Header.Get("ETag")
		tags[tag] = true

		r = get("/")
		r.Header.Set("Accept-Encoding", accept)
		r.Header.Set("If-None-Match", tag)
		if res := serve(t, builtApp(), r); res.StatusCode != http.StatusNotModified {
			t.Errorf("status %d for the tag %s, want 304", res.StatusCode, tag)
		}
	}
	if len(tags) != 2 {
		t.Errorf("the two representations have the tags %v, want two different ones", tags)
	}
}

func TestConnectionsAreKeptToTheOwnHost(t *testing.T) {
	for host, want := range map[string]string{
		"talk.example":      "connect-src 'self' ws://talk.example wss://talk.example;",
		"localhost:8080":    "connect-src 'self' ws://localhost:8080 wss://localhost:8080;",
		"[::1]:8080":        "connect-src 'self' ws://[::1]:8080 wss://[::1]:8080;",
		"a;script-src *":    "connect-src 'self';",
		"evil.example,b":    "connect-src 'self';",
		"a 'unsafe-inline'": "connect-src 'self';",
	} {
		r := get("/")
		r.Host = host
		if got := serve(t, builtApp(), r).Header.Get("Content-Security-Policy"); !strings.Contains(got, want) {
			t.Errorf("host %q: policy %q has no %q", host, got, want)
		}
	}
}

func TestOpenerPolicyOnlyOnSecureOrigins(t *testing.T) {
	r := get("/")
	if got := serve(t, builtApp(), r).Header.Get("Cross-Origin-Opener-Policy"); got != "" {
		t.Errorf("over HTTP: %q", got)
	}
	r.Header.Set("X-Forwarded-Proto", "https")
	if got := serve(t, builtApp(), r).Header.Get("Cross-Origin-Opener-Policy"); got != "same-origin" {
		t.Errorf("behind a TLS proxy: %q", got)
	}
}

func TestWithoutABuiltApp(t *testing.T) {
	for _, path := range []string{"/", "/r/tea-room"} {
		res := serve(t, fstest.MapFS{".keep": {}}, get(path))
		if got := body(t, res.Body); res.StatusCode != http.StatusOK || !strings.Contains(got, "make build") {
			t.Errorf("%s: status %d, page %q", path, res.StatusCode, got)
		}
	}
	if res := serve(t, fstest.MapFS{}, get("/assets/x.js")); res.StatusCode != http.StatusNotFound {
		t.Errorf("an asset: status %d, want 404", res.StatusCode)
	}
}

func TestHandlerServesWhateverIsEmbedded(t *testing.T) {
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, get("/"))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Hubbub") {
		t.Errorf("status %d, page %q", w.Code, w.Body.String())
	}
}
