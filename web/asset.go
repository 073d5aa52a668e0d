package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

const (
	indexName = "index.html"
	// hashedDir is where Vite puts the files whose names carry a hash of their content.
	hashedDir = "assets/"
)

// contentTypes are those of the files that a Vite build makes. The system's own table is the fallback only, since it
// differs between machines, and with nosniff a wrong type means that the file is not used at all.
var contentTypes = map[string]string{
	".css":         "text/css; charset=utf-8",
	".html":        "text/html; charset=utf-8",
	".ico":         "image/x-icon",
	".js":          "text/javascript; charset=utf-8",
	".json":        "application/json",
	".map":         "application/json",
	".mjs":         "text/javascript; charset=utf-8",
	".mp3":         "audio/mpeg",
	".ogg":         "audio/ogg",
	".png":         "image/png",
	".svg":         "image/svg+xml",
	".txt":         "text/plain; charset=utf-8",
	".wasm":        "application/wasm",
	".wav":         "audio/wav",
	".webmanifest": "application/manifest+json",
	".webp":        "image/webp",
	".woff2":       "font/woff2",
}

// asset is one file of the page, ready to be sent.
type asset struct {
	name         string
	contentType  string
	cacheControl string
	etag         string // without the quotes
	plain        []byte
	gzipped      []byte // nil when compression does not make it smaller
}

func newAsset(name string, content []byte) *asset {
	sum := sha256.Sum256(content)
	a := &asset{
		name:         name,
		contentType:  contentType(name),
		cacheControl: "no-cache", // kept, but asked for again each time, which the ETag makes cheap
		etag:         hex.EncodeToString(sum[:12]),
		plain:        content,
	}
	if strings.HasPrefix(name, hashedDir) {
		a.cacheControl = "public, max-age=31536000, immutable"
	}
	if z := compress(content); len(z) < len(content) {
		a.gzipped = z
	}
	return a
}

func contentType(name string) string {
	ext := path.Ext(name)
	if t, ok := contentTypes[ext]; ok {
		return t
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	return "application/octet-stream"
}

func compress(content []byte) []byte {
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		panic(err) // only an unknown level can do this
	}
	// A bytes.Buffer takes all writes, so neither call can fail.
	_, _ = z.Write(content)
	_ = z.Close()
	return buf.Bytes()
}

// loadAssets reads every file under root.
func loadAssets(root fs.FS) (map[string]*asset, error) {
	assets := make(map[string]*asset)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return nil
		}
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		assets[name] = newAsset(name, content)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load the page's files: %w", err)
	}
	return assets, nil
}

// serve answers with the asset, compressed when the client takes that. Conditional and range requests are
// [http.ServeContent]'s.
func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", a.contentType)
	header.Set("Cache-Control", a.cacheControl)
	body, etag := a.plain, a.etag
	if a.gzipped != nil {
		header.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header) {
			header.Set("Content-Encoding", "gzip")
			body, etag = a.gzipped, a.etag+"-gzip" // another representation needs another strong tag (RFC 9110, 8.8.3.3)
		}
	}
	header.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(body))
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3) as far as every browser writes it: gzip by name, not refused by
// a weight of zero.
func acceptsGzip(h http.Header) bool {
	for coding := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, weighted := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
		return !weighted || strings.Trim(q, "0.") != ""
	}
	return false
}
