package signaling

import (
	"sync"
	"sync/atomic"

	"hubbub/sfu"
)

// route is where the media of one room from one other node arrive.
type route struct {
	number uint32
	media  atomic.Pointer[sfu.Relay]
}

// routes are the rooms' media by the number that this node has told the other one. Safe for concurrent use.
type routes struct {
	byNumber sync.Map // of uint32 to *route
	last     atomic.Uint32
}

func (t *routes) add() *route {
	rt := &route{number: t.last.Add(1)}
	t.byNumber.Store(rt.number, rt)
	return rt
}

func (t *routes) remove(rt *route) { t.byNumber.Delete(rt.number) }
