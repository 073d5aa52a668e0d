package signaling

import "github.com/gorilla/websocket"

// closeStatus is a WebSocket close code with the reason text that goes with it.
type closeStatus struct {
	code int
	text string
}

// The ends that the server gives a connection. Whoever is closed with one of the
// first group may come back with the resume string; after one of the second
// group that string is void.
var (
	closeElsewhere    = closeStatus{websocket.CloseServiceRestart, "reconnect elsewhere"}
	closeOverloaded   = closeStatus{websocket.CloseTryAgainLater, "the node has as many connections as it may"}
	closeBinary       = closeStatus{websocket.CloseUnsupportedData, "text frames only"}
	closeTooBig       = closeStatus{websocket.CloseMessageTooBig, "a frame of more than 65536 bytes"}
	closeUnauthorized = closeStatus{4001, "no connect in time"}
	closeTooSlow      = closeStatus{4008, "too slow: the client does not read"}
	closeFlooding     = closeStatus{4029, "flooding"}

	closeRemoved  = closeStatus{4003, "removed by a moderator"}
	closeReplaced = closeStatus{4010, "replaced by a newer session of the same user"}
)
