package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
	"golang.org/x/sync/singleflight"

	"hubbub/cluster/ownership"
)

// Claim says which node owns a room.
type Claim = ownership.Claim

// Errors of the Directory, beside those of contexts and of DirectoryConfig.Ask.
var (
	// ErrOwnerAlive is of a succession: the owner answers the room's home. Whoever cannot reach it is to try again.
	ErrOwnerAlive = errors.New("the room's owner is alive")
	// ErrNotOwner is of a hand-over: this node does not own the room (any more).
	ErrNotOwner = errors.New("this node does not own the room")
	// ErrDirectoryFull is when more rooms are known than may be.
	ErrDirectoryFull = errors.New("too many rooms are known")
	// ErrNotMember is of who asks without being a member, as far as the asked node knows.
	ErrNotMember = errors.New("the node that asks is not a member")
)

// DirectoryConfig is what a Directory needs.
type DirectoryConfig struct {
	Members *Members // not started yet
	// Ask has another node's ServeAsk answer. nil if there are no links: then all asking fails.
	Ask func(ctx context.Context, to Node, body []byte) ([]byte, error)
	// Probe says whether a node answers right now; it is to know within a quarter of a second or so, and before ctx ends.
	// It decides whether an owner may be succeeded. nil takes the word of whoever asks for succession.
	Probe func(ctx context.Context, n Node) bool
	// OnChange is told of rooms of interest when who owns them changes: now is the claim that holds, if known. What Locate, Succeed and
	// HandOver have returned it may be told too. It is called from one goroutine and may block; of several changes of a room that it could not
	// be told meanwhile it is told the last. nil is allowed.
	OnChange func(room string, now Claim, known bool)
	// MaxClaims is how many rooms gossip may make this node remember, 0 for DefaultMaxClaims.
	MaxClaims int
	// Logger may be nil.
	Logger *slog.Logger

	// gossipAlone leaves out what is sent directly, to measure the gossip by itself.
	gossipAlone bool
}

// DefaultMaxClaims is how many rooms a Directory remembers at most.
const DefaultMaxClaims = 200_000

// Directory knows which node owns which room. A claim that a node makes or is given holds at once where that happens. It is sent to all
// others, and gossip repairs what is lost of that; when two nodes were given one room, by two homes that did not know of
// each other, all end with the same one of them. The package ownership has the rules.
//
// A claim holds as long as its owner is alive, in the very life that it was made in, and neither beaten nor released.
//
// Rooms are of interest from Locate, Succeed or a hand-over to this node until Release or Forget.
//
// It is a prometheus.Collector. All methods may be called at any time from any goroutine, but Close not from OnChange.
type Directory struct {
	cfg     DirectoryConfig
	log     *slog.Logger
	members *Members
	self    process
	limits  timing

	mu       sync.Mutex
	table    *ownership.Table
	held     map[string]struct{} // rooms that this node owns and knows to
	asking   map[string]int      // rooms asked for: a claim of this node may come by gossip before the answer
	interest map[string]told
	dirty    []string // of interest, maybe changed; no room twice
	isDirty  map[string]struct{}

	outgoing map[string]struct{} // rooms whose claims are to be mailed
	mailing  map[string]struct{} // nodes that parcels are on the way to

	queue  *memberlist.TransmitLimitedQueue
	heard  chan []byte
	wake   chan struct{}
	outbox chan struct{}
	probes singleflight.Group
	counts directoryCounts

	life context.Context
	end  context.CancelFunc
	work sync.WaitGroup
}

// told is what OnChange was last told of a room.
type told struct {
	claim Claim
	known bool
}

type directoryCounts struct {
	malformed, overflow, refused, refuted, lost, granted atomic.Uint64
}

// NewDirectory attaches a directory to members that are not started yet.
func NewDirectory(cfg DirectoryConfig) *Directory {
	if cfg.MaxClaims == 0 {
		cfg.MaxClaims = DefaultMaxClaims
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	self := cfg.Members.Self()
	d := &Directory{
		cfg: cfg, log: cfg.Logger, members: cfg.Members, self: process{self.Name, self.Boot}, limits: defaultTiming(),
		table: ownership.NewTable(cfg.MaxClaims, 2*pushPullInterval, time.Now()),
		held:  make(map[string]struct{}), asking: make(map[string]int),
		interest: make(map[string]told), isDirty: make(map[string]struct{}),
		outgoing: make(map[string]struct{}), mailing: make(map[string]struct{}),
		heard: make(chan []byte, maxHeard), wake: make(chan struct{}, 1), outbox: make(chan struct{}, 1),
	}
	d.queue = &memberlist.TransmitLimitedQueue{
		NumNodes:       func() int { return len(d.members.current.Load().nodes) },
		RetransmitMult: retransmitMult,
	}
	d.life, d.end = context.WithCancel(context.Background())
	d.members.claims = d
	d.work.Go(d.listen)
	d.work.Go(d.watch)
	if !cfg.gossipAlone {
		d.work.Go(d.mail)
	}
	return d
}

// Close ends OnChange. What this node owns stays its own until its Members leave.
func (d *Directory) Close() {
	d.end()
	d.work.Wait()
}

// Known is who owns a room, as far as this node knows.
func (d *Directory) Known(room string) (Claim, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.live(room)
}

// Claims is all claims that hold.
func (d *Directory) Claims() []Claim {
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.members.current.Load()
	var claims []Claim
	for c := range d.table.All(time.Now()) {
		if holds(c, v) {
			claims = append(claims, c)
		}
	}
	return claims
}

// Locate is who owns a room. If nobody does, as far as this node knows, the room's home is asked, which gives it to this node or knows who has
// it; a home that does not answer is passed over. Who has got a room this way and does not want it must Release it.
//
// A draining node is given a room only when all are draining; otherwise its home takes the room that it asks for, of which OnChange tells there.
func (d *Directory) Locate(ctx context.Context, room string) (Claim, error) {
	if c, ok := d.take(room); ok {
		return c, nil
	}
	c, err := d.ask(ctx, question{Kind: askLocate, Room: room})
	if err != nil {
		return Claim{}, fmt.Errorf("locate room %q: %w", room, err)
	}
	return c, nil
}

// Succeed is for who cannot reach the owner of a room, in which it has people: lost is the claim it went by. The room's home among
// the other members makes sure that the owner is gone, and gives the room to the first who asks; others get to know that claim.
// The same is answered when the room has another owner already. It fails with ErrOwnerAlive when the home reaches the owner.
func (d *Directory) Succeed(ctx context.Context, room string, lost Claim) (Claim, error) {
	if c, ok := d.take(room); ok && !c.By(lost.Owner, lost.Boot) {
		return c, nil
	}
	lost.Room = room
	c, err := d.ask(ctx, question{Kind: askSucceed, Room: room, Lost: lost})
	if err != nil {
		return Claim{}, fmt.Errorf("succeed %s in room %q: %w", lost.Owner, room, err)
	}
	return c, nil
}

// HandOver gives a room of this node to another, which knows it when HandOver returns, and is told by OnChange. When it fails with another error than ErrNotOwner
// the room is still this node's, unless only the answer was lost: then OnChange tells.
func (d *Directory) HandOver(ctx context.Context, room string, to Node) (Claim, error) {
	d.mu.Lock()
	c, ok := d.table.Get(room)
	_, held := d.held[room]
	d.mu.Unlock()
	if !ok || !held {
		return Claim{}, fmt.Errorf("hand over room %q: %w", room, ErrNotOwner)
	}
	if c.By(to.Name, to.Boot) {
		return c, nil
	}
	given, err := d.offer(ctx, to, Claim{Room: room, Owner: to.Name, Boot: to.Boot, Epoch: c.Epoch + 1})
	if err != nil {
		return Claim{}, fmt.Errorf("hand over room %q to %s: %w", room, to.Name, err)
	}
	return given, nil
}

// Release gives up a room of this node for good, since it is empty, and ends the interest in it.
func (d *Directory) Release(room string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.interest, room)
	if _, held := d.held[room]; held {
		d.tombstone(room)
	}
}

// Forget ends the interest in a room that another node owns. A room of this node's own it does not forget.
func (d *Directory) Forget(room string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, held := d.held[room]; !held {
		delete(d.interest, room)
	}
}

// Learn takes in a claim that another node told on a link, so that it need not be waited for until gossip brings it.
func (d *Directory) Learn(c Claim) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var left time.Duration
	if c.Released {
		left = d.limits.life
	}
	d.learn(c, left)
}
