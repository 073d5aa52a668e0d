package signaling

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"hubbub/cluster"
	"hubbub/sfu"
	"hubbub/signaling/replica"
)

// Subprotocol is the WebSocket subprotocol of this version of the protocol.
const Subprotocol = "hubbub.v1"

const (
	connectTimeout = 15 * time.Second // from the WebSocket's beginning to a successful connect
	handshake      = 10 * time.Second
	readBuffer     = 512 // bytes; a frame that is longer is read past it
	roomHistory    = 1000
)

// inbox keeps whispers until they are acknowledged. Its methods are safe for
// concurrent use.
type inbox interface {
	// Store keeps a whisper for its target. The error says that it cannot; cluster.ErrUnavailable, here as below, that
	// nobody can be asked just now.
	Store(ctx context.Context, w cluster.Whisper) (cluster.Deposit, error)
	// Recent is what a user has not acknowledged, or did so only just now, the oldest first.
	Recent(ctx context.Context, user string) ([]cluster.RecentWhisper, error)
	// Settle forgets a whisper, and says whether it was there.
	Settle(ctx context.Context, user, id string) (bool, error)
}

// presence knows who is connected. Its methods are safe for concurrent use.
type presence interface {
	Put(ctx context.Context, r cluster.SessionRecord) error
	Remove(ctx context.Context, session string) error
	// Sessions lists those of a user. With cluster.ErrUnavailable it, like Online, answers those of this node.
	Sessions(ctx context.Context, user string) ([]cluster.SessionRecord, error)
	// Online lists sessions, at most limit; an empty room stands for anywhere.
	Online(ctx context.Context, room string, limit int) ([]cluster.SessionRecord, error)
}

// Config is what a Server needs. SFU and Presence must be set.
type Config struct {
	SFU *sfu.SFU
	// Inbox is the one that all nodes share, as they then do the presence; nil: there is none, and each node knows its own people and
	// keeps whispers in memory.
	Inbox inbox
	// Calls are those that all nodes share; nil: there are none, and people call others of their own node alone.
	Calls    cluster.Calls
	Presence presence
	Node     string   // this node's name, as connect tells it
	Boot     string   // of this process among all that have the node's name
	Keys     []APIKey // none: everyone is a guest
	// Guests lets people in without a token although there are keys.
	Guests      bool
	Origins     []string // allowed beside the server's own; "*" allows every one
	Proxies     TrustedProxies
	Grace       time.Duration // in which a broken connection may be resumed
	Slots       int           // audio slots of one participant, as connect tells it
	VideoSlots  int           // the same of video
	RoomLimit   int           // participants of one room
	Unlimited   bool          // no rate limit, for load tests
	ClusterKeys [][]byte      // the first signs resume strings, any proves them; random if empty
	Logger      *slog.Logger
}

// Server serves the signalling protocol on the WebSockets that it is handed as
// an http.Handler. Safe for concurrent use.
type Server struct {
	cfg       Config
	self      replica.Node // this process among all nodes
	cluster   *Cluster     // nil: alone
	routes    routes
	departed  departures // other nodes
	keys      keyring
	resume    resumeSigner
	registry  *registry
	inboxes   *inboxes
	calls     *callBook
	receipts  *receipts
	metrics   *metrics
	log       *slog.Logger
	upgrader  websocket.Upgrader
	addresses *addressCounts
	// unnamedProxy lets the log say once that a proxy is not believed.
	unnamedProxy sync.Once

	ctx    context.Context // ends with Shutdown
	cancel context.CancelFunc
	tasks  sync.WaitGroup // the sweeper, and what is asked of other nodes beside requests

	draining atomic.Bool // no new sessions

	mu       sync.Mutex
	conns    map[*conn]struct{}
	stopping bool
	idle     chan struct{} // closed when stopping and the last connection has ended
}

// New makes a Server. End it with [Server.Shutdown].
func New(cfg Config) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		cfg:       cfg,
		keys:      newKeyring(cfg.Keys),
		resume:    newResumeSigner(cfg.ClusterKeys),
		registry:  newRegistry(),
		inboxes:   newInboxes(cfg.Inbox, cfg.Logger),
		calls:     newCallBook(cfg.Calls, cfg.Grace),
		receipts:  newReceipts(),
		log:       cfg.Logger,
		addresses: newAddressCounts(),
		ctx:       ctx,
		cancel:    cancel,
		conns:     make(map[*conn]struct{}),
		idle:      make(chan struct{}),
	}
	s.self = replica.Node{Name: cfg.Node, Boot: cfg.Boot}
	s.metrics = newMetrics(s)
	s.upgrader = websocket.Upgrader{
		Subprotocols:     []string{Subprotocol},
		CheckOrigin:      s.allowsOrigin,
		HandshakeTimeout: handshake,
		// Clients are idle most of the time: few bytes to read into, and none to write from until something is written.
		ReadBufferSize:  readBuffer,
		WriteBufferPool: new(sync.Pool),
	}
	s.tasks.Go(s.sweep)
	s.tasks.Go(s.mendWhispers)
	s.tasks.Go(s.tendCalls)
	return s
}

// guestsAllowed tells whether connect works without a token.
func (s *Server) guestsAllowed() bool { return len(s.keys) == 0 || s.cfg.Guests }

// track lets Shutdown find a connection, and ends it when it may not be.
func (s *Server) track(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		c.close(closeElsewhere)
	case len(s.conns) >= maxConnections:
		c.close(closeOverloaded)
	}
	s.conns[c] = struct{}{}
}

func (s *Server) untrack(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.stopping && len(s.conns) == 0 {
		close(s.idle)
	}
}

// Stopping tells whether Shutdown has begun.
func (s *Server) Stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// Shutdown closes every connection with 1012, waits until they have ended, and
// frees the rooms. It returns ctx's error if that ends first. Call it once.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	for c := range s.conns {
		c.close(closeElsewhere)
	}
	if len(s.conns) == 0 {
		close(s.idle)
	}
	s.mu.Unlock()

	var err error
	select {
	case <-s.idle:
	case <-ctx.Done():
		err = fmt.Errorf("wait for the connections to end: %w", ctx.Err())
	}
	s.cancel()
	s.tasks.Wait()
	for _, r := range s.registry.allRooms() {
		r.router.Close()
	}
	return err
}

// sweep ends the sessions whose grace time is over.
func (s *Server) sweep() {
	timer := time.NewTimer(s.cfg.Grace)
	defer timer.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.registry.fellDue:
		case <-timer.C:
		}
		now := time.Now()
		gone, next := s.registry.expired(now.Add(-s.cfg.Grace))
		for _, old := range gone {
			s.end(old)
		}
		if !next.IsZero() {
			timer.Reset(time.Until(next.Add(s.cfg.Grace)))
		}
	}
}

// connectionEnded notes that a session has lost its connection. left says that
// the client closed it on purpose.
func (s *Server) connectionEnded(old *session, left bool) {
	now := time.Now()
	at, resumable := old.breakOff(now)
	s.discardLingering(old)
	resumable = resumable && !left
	s.registry.disconnected(old, resumable)
	if resumable {
		if at != nil {
			at.room.disconnect(old, at)
		}
		return
	}
	if at != nil {
		at.room.vanish(old, at)
	}
	s.end(old)
}

// end takes away all that is left of a session that nobody can resume any more.
func (s *Server) end(old *session) {
	old.invalidate()
	s.registry.forget(old)
	if at := old.whereabouts(); at != nil {
		at.room.expire()
	}
	if err := s.cfg.Presence.Remove(s.ctx, old.id); err != nil {
		s.log.Warn("presence not removed", "session", old.id, "err", err)
	}
	s.abandonCalls(old.user.ID)
}

// endLingering bounds how long the media of someone who has moved to another node are served.
func (s *Server) endLingering(old *session) {
	s.tasks.Go(func() {
		timer := time.NewTimer(lingering)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-s.ctx.Done():
		}
		s.discardLingering(old)
	})
}

func (s *Server) discardLingering(old *session) {
	if l := old.takeLingering(); l != nil {
		l.end()
	}
}

// discard closes what a change of a room has left over. No lock may be held: it
// waits for media goroutines.
func (s *Server) discard(rel released) {
	for _, p := range rel.peers {
		if err := p.Close(); err != nil {
			s.log.Warn("media not closed cleanly", "err", err)
		}
	}
	if rel.router != nil {
		rel.router.Close()
	}
	for _, old := range rel.sessions {
		s.end(old)
	}
}

// liveRoom answers the room of that name, made if it is not there.
func (s *Server) liveRoom(name string) (*liveRoom, error) {
	return s.registry.openRoom(name, func() *liveRoom {
		r := s.newLiveRoom(name)
		s.open(r)
		return r
	})
}

// newID makes an id that nobody can guess: 128 bits and more, of letters and
// digits.
func newID() string { return strings.ToLower(rand.Text()) }
