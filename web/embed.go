// Package web holds Hubbub's page in the binary and serves it.
//
// The page is a single-page app that Vite builds from web/app into web/dist/app. All of it is read, hashed and
// compressed once at start, so that a request costs a map lookup and a copy. A binary that was built without Node has no
// page; it serves a short note on how to build one instead, so that `go build ./cmd/hubbub` always works.
package web

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
)

//go:embed all:dist
var dist embed.FS

//go:embed unbuilt.html
var unbuilt []byte

// Handler serves the page that was built into this binary: index.html at / and /r/NAME, its assets beside it,
// 404 for all else. It is safe for concurrent use. It has the headers that a browser needs to keep the page to
// itself, see [setSecurityHeaders].
func Handler() http.Handler {
	app, err := fs.Sub(dist, "dist/app")
	if err != nil {
		panic(err) // only a malformed constant path can do this
	}
	h, err := newHandler(app)
	if err != nil {
		panic(fmt.Errorf("read the embedded page: %w", err)) // files embedded in the binary can always be read
	}
	return h
}

// newHandler serves the app in root, or the note on how to build it when root has no index.html.
func newHandler(root fs.FS) (http.Handler, error) {
	if _, err := fs.Stat(root, indexName); errors.Is(err, fs.ErrNotExist) {
		return page{index: newAsset(indexName, unbuilt)}, nil
	}
	assets, err := loadAssets(root)
	if err != nil {
		return nil, err
	}
	return page{index: assets[indexName], assets: assets}, nil
}
