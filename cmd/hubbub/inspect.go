package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	inspectTimeout = 10 * time.Second
	maxClusterView = 64 << 20 // of JSON: hundreds of thousands of rooms
)

// inspection is what the commands have in common that look into a running service: they ask one node, whose view they show.
type inspection struct {
	Admin string `default:"http://127.0.0.1:8081" env:"HUBBUB_ADMIN" placeholder:"URL" help:"The admin address of a node, its --admin-listen. ($HUBBUB_ADMIN)"`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// clusterView is the service as a node sees it: the answer of /debug/cluster.
type clusterView struct {
	Node    string              `json:"node"`
	Members []memberView        `json:"members"`
	Links   []linkView          `json:"links"`
	Rooms   map[string]roomView `json:"rooms"`
}

type memberView struct {
	Name  string `json:"name"`
	Boot  string `json:"boot"` // another one after each start
	Addr  string `json:"addr"`
	State string `json:"state"`
}

// linkView is the connection of the asked node to another one.
type linkView struct {
	Node    string    `json:"node"`
	RTT     float64   `json:"rttMs"`
	Loss    float64   `json:"loss"` // fraction of the packets
	Streams int       `json:"streams"`
	Since   time.Time `json:"since"`
}

type roomView struct {
	Owner        string `json:"owner"`
	Epoch        uint64 `json:"epoch"` // counts the owners that the room has had
	Participants int    `json:"participants"`
}

// fetch asks the node.
func (i *inspection) fetch() (*clusterView, error) {
	base := i.Admin
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	if u, err := url.Parse(base); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, &settingError{"admin", fmt.Sprintf("%q is no address: expected http://HOST:PORT", i.Admin)}
	}
	ctx, cancel := context.WithTimeout(context.Background(), inspectTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+"/debug/cluster", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask the node: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the node: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read from
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask the node: GET %s: %s (is it an --admin-listen?)", req.URL, resp.Status)
	}
	var view clusterView
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxClusterView)).Decode(&view); err != nil {
		return nil, fmt.Errorf("read the node's answer: %w", err)
	}
	if view.Node == "" {
		return nil, errors.New("read the node's answer: it names no node")
	}
	return &view, nil
}

// print writes v as JSON when that is asked for, else the table.
func (i *inspection) print(stdout io.Writer, v any, t *table) error {
	if i.JSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(v)
	}
	return t.writeTo(stdout)
}
