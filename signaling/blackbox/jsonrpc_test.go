package blackbox

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"hubbub/signaling/client"
)

// request writes a request with the id 1.
func request(method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params)
}

func TestBadFramesAreAnsweredAndDoNotCloseTheConnection(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000)
	for name, c := range map[string]struct {
		send   string
		code   int
		id     string // of the answer
		naming string // a member that the message must name
	}{
		"bad JSON":                     {`{"jsonrpc":"2.0","id":1,`, -32700, "null", ""},
		"empty frame":                  {``, -32700, "null", ""},
		"two objects":                  {`{"jsonrpc":"2.0","id":1,"method":"ping"} {}`, -32700, "null", ""},
		"deep nesting":                 {deep, -32600, "null", ""},
		"batch":                        {`[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]`, -32600, "null", ""},
		"empty batch":                  {`[]`, -32600, "null", ""},
		"number":                       {`5`, -32600, "null", ""},
		"string":                       {`"ping"`, -32600, "null", ""},
		"null":                         {`null`, -32600, "null", ""},
		"no version":                   {`{"id":1,"method":"ping"}`, -32600, "1", ""},
		"version 1.0":                  {`{"jsonrpc":"1.0","id":1,"method":"ping"}`, -32600, "1", ""},
		"method no string":             {`{"jsonrpc":"2.0","id":1,"method":5}`, -32600, "1", ""},
		"no method":                    {`{"jsonrpc":"2.0","id":1}`, -32600, "1", ""},
		"id an object":                 {`{"jsonrpc":"2.0","id":{},"method":"ping"}`, -32600, "null", ""},
		"unknown method":               {request("sing", `{}`), -32601, "1", ""},
		"method in another case":       {request("Ping", `{}`), -32601, "1", ""},
		"params an array":              {request("ping", `[]`), -32602, "1", ""},
		"params a number":              {request("ping", `5`), -32602, "1", ""},
		"params a string":              {request("join", `"room"`), -32602, "1", ""},
		"join: no room":                {request("join", `{}`), -32602, "1", "room"},
		"join: params absent":          {`{"jsonrpc":"2.0","id":1,"method":"join"}`, -32602, "1", "room"},
		"join: room no string":         {request("join", `{"room":5}`), -32602, "1", "room"},
		"join: offer no string":        {request("join", `{"room":"x","offer":{}}`), -32602, "1", "offer"},
		"join: sources no object":      {request("join", `{"room":"x","sources":["microphone"]}`), -32602, "1", "sources"},
		"join: muted no boolean":       {request("join", `{"room":"x","muted":"yes"}`), -32602, "1", "muted"},
		"negotiate: no offer":          {request("negotiate", `{}`), -32602, "1", "offer"},
		"update: hand no boolean":      {request("update", `{"hand":1}`), -32602, "1", "hand"},
		"update: name no string":       {request("update", `{"name":["x"]}`), -32602, "1", "name"},
		"update: attributes no object": {request("update", `{"attributes":"x"}`), -32602, "1", "attributes"},
		"update: attribute no string":  {request("update", `{"attributes":{"a":1}}`), -32602, "1", "attributes"},
		"chat: no text":                {request("chat", `{}`), -32602, "1", "text"},
		"chat: text no string":         {request("chat", `{"text":7}`), -32602, "1", "text"},
		"chat: nonce no string":        {request("chat", `{"text":"x","nonce":7}`), -32602, "1", "nonce"},
		"history: before no number":    {request("history", `{"before":"9"}`), -32602, "1", "before"},
		"history: limit a fraction":    {request("history", `{"limit":1.5}`), -32602, "1", "limit"},
		"whisper: no to":               {request("whisper", `{"text":"x"}`), -32602, "1", "to"},
		"whisper: no text":             {request("whisper", `{"to":"x"}`), -32602, "1", "text"},
		"ack: no whisper":              {request("ack", `{}`), -32602, "1", "whisper"},
		"moderate: no participant":     {request("moderate", `{"action":"mute"}`), -32602, "1", "participant"},
		"moderate: no action":          {request("moderate", `{"participant":"x"}`), -32602, "1", "action"},
		"users: room no string":        {request("users", `{"room":{}}`), -32602, "1", "room"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := guests.connectedLine(t)
			l.send(c.send)
			f := l.receive()
			if f.code() != c.code || string(f.ID) != c.id {
				t.Errorf("the answer has id %s and error %+v, want id %s and code %d", f.ID, f.Error, c.id, c.code)
			}
			if f.Error != nil && !strings.Contains(f.Error.Message, c.naming) {
				t.Errorf("the message %q does not name the member %q", f.Error.Message, c.naming)
			}
			l.send(`{"jsonrpc":"2.0","id":99,"method":"ping"}`)
			if f := l.receive(); string(f.ID) != "99" || f.Error != nil {
				t.Errorf("after it, ping is answered with id %s and error %+v; a second answer?", f.ID, f.Error)
			}
		})
	}
}

func TestIdsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	l := guests.connectedLine(t)
	for _, id := range []string{`"abc"`, `""`, `0`, `-7`, `9007199254740993`, `"汉字"`} {
		l.send(`{"jsonrpc":"2.0","method":"ping","id":` + id + `}`)
		if f := l.receive(); string(f.ID) != id || f.Error != nil {
			t.Errorf("a request with id %s is answered with id %s, error %+v", id, f.ID, f.Error)
		}
	}
}

func TestUnknownMembersOfParamsAreIgnored(t *testing.T) {
	t.Parallel()
	l := guests.line(t)
	for _, r := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"connect","params":{"name":"Ada","colour":"blue","client":{"name":"x","version":"1","os":"y"}},"more":1}`,
		request("join", fmt.Sprintf(`{"room":%q,"colour":{"a":[1,2]}}`, unique("unknown-members"))),
		request("update", `{"hand":true,"feet":2}`),
		request("chat", `{"text":"x","bold":true}`),
	} {
		l.send(r)
		if f := l.answer(); f.Error != nil {
			t.Errorf("%s is answered with %+v", r, f.Error)
		}
	}
}

func TestNotificationsAreNeverAnswered(t *testing.T) {
	t.Parallel()
	l := guests.connectedLine(t)
	for _, n := range []string{
		`{"jsonrpc":"2.0","method":"ping"}`,
		`{"jsonrpc":"2.0","method":"sing"}`,
		`{"jsonrpc":"2.0","method":"ping","params":[]}`,
		`{"jsonrpc":"2.0","method":"join","params":{}}`,
		`{"jsonrpc":"2.0","method":"chat","params":{"text":5}}`,
		`{"jsonrpc":"2.0","method":"connect","params":{"name":"Again"}}`,
		`{"jsonrpc":"2.0","method":"ack","params":{"whisper":"none"}}`,
	} {
		l.send(n)
	}
	l.send(request("ping", `{}`))
	if f := l.receive(); string(f.ID) != "1" || f.Error != nil {
		t.Errorf("the first frame after notifications has id %s and error %+v, want the answer to ping", f.ID, f.Error)
	}
}

func TestRequestsMayBePipelinedAndAreStartedInOrder(t *testing.T) {
	t.Parallel()
	l := guests.line(t)
	room := unique("pipelined")
	for i, r := range []string{
		`"method":"connect","params":{"name":"Ada"}`,
		fmt.Sprintf(`"method":"join","params":{"room":%q}`, room),
		`"method":"update","params":{"hand":true}`,
		`"method":"chat","params":{"text":"one"}`,
		`"method":"chat","params":{"text":"two"}`,
		`"method":"history"`,
		`"method":"leave"`,
		`"method":"chat","params":{"text":"three"}`,
		fmt.Sprintf(`"method":"join","params":{"room":%q}`, room+"-b"),
	} {
		l.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,%s}`, i, r))
	}
	answers := make(map[string]frame)
	for len(answers) < 9 {
		f := l.answer()
		if _, twice := answers[string(f.ID)]; twice {
			t.Fatalf("the request %s is answered twice", f.ID)
		}
		answers[string(f.ID)] = f
	}
	for id, f := range answers {
		want := 0
		if id == "7" {
			want = client.CodeConflict
		}
		if f.code() != want {
			t.Errorf("request %s is answered with %+v, want code %d", id, f.Error, want)
		}
	}
	var history struct{ Messages []client.Message }
	if err := json.Unmarshal(answers["5"].Result, &history); err != nil {
		t.Fatal(err)
	}
	if len(history.Messages) != 2 || history.Messages[0].Text != "one" || history.Messages[1].Text != "two" {
		t.Errorf("the history is %+v, want one, two", history.Messages)
	}
}

func TestEachRequestIsAnsweredExactlyOnce(t *testing.T) {
	t.Parallel()
	const n = 30 // within the burst
	l := guests.connectedLine(t)
	for i := range n {
		l.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":"p%d","method":"ping"}`, i))
	}
	seen := make(map[string]bool)
	for range n {
		f := l.receive()
		if seen[string(f.ID)] || f.Error != nil {
			t.Errorf("id %s: again, or error %+v", f.ID, f.Error)
		}
		seen[string(f.ID)] = true
	}
}

func TestAMethodBeforeConnectIs401(t *testing.T) {
	t.Parallel()
	for method, params := range map[string]string{
		"join": `{"room":"x"}`, "negotiate": `{"offer":"x"}`, "leave": `{}`, "update": `{}`, "chat": `{"text":"x"}`,
		"history": `{}`, "whisper": `{"to":"x","text":"x"}`, "ack": `{"whisper":"x"}`,
		"moderate": `{"participant":"x","action":"mute"}`, "users": `{}`, "rooms": `{}`, "ping": `{}`,
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			l := guests.line(t)
			l.send(request(method, params))
			if f := l.receive(); f.code() != 401 || f.Error.Data.Reason != "unauthorized" {
				t.Errorf("the answer is %+v, want 401", f.Error)
			}
		})
	}
}

func TestASecondConnectIs409(t *testing.T) {
	t.Parallel()
	p := guests.guest(t, "Ada")
	_, err := p.Connect(within(t, patience), client.ConnectParams{Name: "Bea"})
	wantError(t, err, 409)
	p.wantOpen()
}

func TestAFrameOfMoreThan65536BytesIsClosedWith1009(t *testing.T) {
	t.Parallel()
	padded := func(size int) string {
		head, tail := `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"padding":"`, `"}}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	t.Run("65,536 are served", func(t *testing.T) {
		t.Parallel()
		l := guests.connectedLine(t)
		l.send(padded(65_536))
		if f := l.receive(); f.Error != nil {
			t.Errorf("the answer is %+v", f.Error)
		}
	})
	t.Run("65,537", func(t *testing.T) {
		t.Parallel()
		l := guests.connectedLine(t)
		l.send(padded(65_537))
		l.wantClosed(websocket.CloseMessageTooBig, patience)
	})
	t.Run("in fragments", func(t *testing.T) {
		t.Parallel()
		l := guests.connectedLine(t)
		w, err := l.NextWriter(websocket.TextMessage)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if _, err := w.Write([]byte(strings.Repeat(" ", 8192))); err != nil {
				break // closed in the middle of it
			}
		}
		l.wantClosed(websocket.CloseMessageTooBig, patience)
	})
	t.Run("before connect", func(t *testing.T) {
		t.Parallel()
		l := guests.line(t)
		l.send(padded(100_000))
		l.wantClosed(websocket.CloseMessageTooBig, patience)
	})
}

func TestABinaryFrameIsClosedWith1003(t *testing.T) {
	t.Parallel()
	l := guests.connectedLine(t)
	if err := l.WriteMessage(websocket.BinaryMessage, []byte(request("ping", "{}"))); err != nil {
		t.Fatal(err)
	}
	l.wantClosed(websocket.CloseUnsupportedData, patience)
}

func TestTextsWithNULOrUnpairedSurrogatesAre400(t *testing.T) {
	t.Parallel()
	l := guests.connectedLine(t)
	l.send(request("join", fmt.Sprintf(`{"room":%q}`, unique("nul"))))
	l.answer()
	for _, r := range []string{
		request("chat", `{"text":"a\u0000b"}`),
		request("chat", `{"text":"a\ud800b"}`),
		request("chat", `{"text":"\udc00\ud800"}`),
		request("whisper", `{"to":"someone","text":"a\u0000"}`),
		request("whisper", `{"to":"someone","text":"\udfff"}`),
	} {
		l.send(r)
		if f := l.answer(); f.code() != 400 {
			t.Errorf("%s is answered with %+v, want 400", r, f.Error)
		}
	}
	l.send(request("chat", `{"text":"\ud83d\ude00 paired"}`))
	if f := l.answer(); f.Error != nil {
		t.Errorf("a paired surrogate is answered with %+v", f.Error)
	}
}

func TestATextFrameThatIsNoUTF8DoesNoHarm(t *testing.T) {
	t.Parallel()
	p := guests.guest(t, "Ada").in(unique("utf8"))
	other := guests.guest(t, "Bea").in(p.joined.Room.Name)
	bad := "{\"jsonrpc\":\"2.0\",\"method\":\"chat\",\"params\":{\"text\":\"a\xff\xfe\"}}"
	if err := p.WriteFrame(websocket.TextMessage, []byte(bad)); err != nil {
		t.Fatal(err)
	}
	// RFC 6455 section 8.1 closes such a connection (1007), JSON-RPC has -32700: either way it is no message.
	_, _ = p.Ping(within(t, patience))
	guests.fence(t, p.joined.Room.Name, other)
	for _, m := range allTold[client.Message](other, "chat") {
		if m.Participant == p.id() {
			t.Errorf("the frame became the message %q", m.Text)
		}
	}
}
