package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"hubbub/sfu"
	"hubbub/signaling"
	"hubbub/web"
)

const (
	slots     = 16   // audio slots of a participant: more voices at once than ears can tell apart
	roomLimit = 2000 // participants of a room

	// stopTimeout bounds how long ending may take, below the 5 s that who started the server was promised.
	stopTimeout = 4 * time.Second
	// finishTimeout is for HTTP requests that are under way: short, since browsers keep connections open on which they never ask for
	// anything, and those look alike.
	finishTimeout = 500 * time.Millisecond
)

// serveCommand runs the server until it is told to end.
type serveCommand struct {
	configuration
}

// Run serves. It returns nil after SIGTERM or SIGINT; a second one of them ends the process at once.
func (s *serveCommand) Run(stdout io.Writer) error {
	if err := s.validate(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop)
	return serve(ctx, &s.configuration, stdout, newLogger(os.Stderr))
}

// serve runs the server until ctx ends or something fails.
func serve(ctx context.Context, cfg *configuration, stdout io.Writer, log *slog.Logger) (err error) {
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	defer listener.Close() //nolint:errcheck // closed by the HTTP server once that runs
	adminListener, err := listening.Listen(ctx, "tcp", cfg.AdminListen)
	if err != nil {
		return fmt.Errorf("--admin-listen: %w", err)
	}
	defer adminListener.Close() //nolint:errcheck // as above

	media, err := sfu.New(sfu.Config{
		MediaPort: cfg.MediaPort, MediaIPs: cfg.MediaIP, Lanes: cfg.Lanes, Slots: slots, VideoSlots: cfg.VideoSlots,
		Transport: cfg.Transport, Logger: log,
	})
	if err != nil {
		return fmt.Errorf("start media at --media-port %d: %w", cfg.MediaPort, err)
	}
	defer func() { err = errors.Join(err, media.Close()) }()

	node := cfg.nodeName(listener.Addr())
	others, err := openNeighbours(cfg, node, listener.Addr().String(), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, others.close()) }()
	front := signaling.New(signaling.Config{
		SFU: media, Inbox: others.inbox, Calls: others.calls, Presence: others.presence,
		Node: node, Boot: others.boot, Keys: cfg.keys(), Guests: cfg.AllowGuests, Origins: cfg.Origin, Proxies: cfg.proxies(), Grace: cfg.Grace,
		Slots: slots, VideoSlots: cfg.VideoSlots, RoomLimit: roomLimit, Unlimited: cfg.Limits == "off", ClusterKeys: cfg.clusterKeys(), Logger: log,
	})
	if err := others.join(cfg, front); err != nil {
		return err
	}
	public := newHTTPServer(publicHandler(front), log)
	public.ReadTimeout = 30 * time.Second // not for admin: it would cut off long profiles
	admin := newHTTPServer(adminHandler(front, media, others, listener.Addr()), log)

	var running errgroup.Group
	failed, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	run := func(server *http.Server, on net.Listener) {
		running.Go(func() error {
			err := server.Serve(on)
			if errors.Is(err, http.ErrServerClosed) {
				return nil
			}
			err = fmt.Errorf("serve on %s: %w", on.Addr(), err)
			fail(err)
			return err
		})
	}
	run(public, listener)
	run(admin, adminListener)
	running.Go(func() error { others.watch(failed, front.Participants); return nil })

	cfg.warn(log)
	log.Info("serving", "version", version(), "node", node, "listen", listener.Addr().String(), "admin", adminListener.Addr().String())
	if _, err := fmt.Fprintf(stdout, "Hubbub is ready: %s\n", openURL(listener.Addr())); err != nil {
		log.Warn("the address could not be printed", "err", err)
	}

	<-failed.Done()
	log.Info("ending")
	draining, drained := context.WithTimeout(context.WithoutCancel(ctx), cfg.DrainTimeout)
	front.Drain(draining)
	drained()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	// First, so that /readyz tells of it while clients are closed. A client that does not go is no failure of the server's.
	if err := front.Shutdown(stopping); err != nil {
		log.Warn("clients were left behind", "err", err)
	}
	closeHTTPServer(stopping, public)
	closeHTTPServer(stopping, admin)
	return running.Wait()
}

// publicHandler is all that clients see.
func publicHandler(front http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/signal", front)
	mux.Handle("/", web.Handler())
	return mux
}

// newHTTPServer bounds what a slow or hostile client can hold: a WebSocket outlives these limits, because it leaves
// the HTTP server's hands, and has its own.
func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// closeHTTPServer lets requests finish, and drops those that are not done in time.
func closeHTTPServer(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(ctx, finishTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close() // has the same error again
	}
}

// keys are the API keys as signaling wants them.
func (c *configuration) keys() []signaling.APIKey {
	keys := make([]signaling.APIKey, len(c.APIKey))
	for i, key := range c.APIKey {
		keys[i] = signaling.APIKey(key)
	}
	return keys
}

// nodeName is --node, or made of the host's name and the port that the server really has.
func (c *configuration) nodeName(listening net.Addr) string {
	if c.Node != "" {
		return c.Node
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(listening.String())
	return net.JoinHostPort(host, port)
}

// warn says what an operator should know of who can come in.
func (c *configuration) warn(log *slog.Logger) {
	switch {
	case len(c.APIKey) == 0:
		log.Warn("guest mode: anyone who reaches this address may join any room", "listen", c.Listen)
	case c.AllowGuests:
		log.Warn("guests may join any room beside those with a token", "listen", c.Listen)
	}
	if !isLoopback(c.AdminListen) {
		log.Warn("the admin address can be reached from other machines, and is not protected", "admin-listen", c.AdminListen)
	}
}

// openURL is where a browser on this machine finds the page. A server on all addresses is
// shown on loopback, since browsers give the microphone only to secure origins.
func openURL(listening net.Addr) string {
	host, port, _ := net.SplitHostPort(listening.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/"
}
