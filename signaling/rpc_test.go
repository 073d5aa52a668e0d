package signaling

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecodeRequest(t *testing.T) {
	for _, tt := range []struct {
		name, frame string
		code        int    // 0: no error
		id          string // to answer to
	}{
		{"a request", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}`, 0, "1"},
		{"a string id", `{"jsonrpc":"2.0","id":"a","method":"ping"}`, 0, `"a"`},
		{"a null id is a request", `{"jsonrpc":"2.0","id":null,"method":"ping"}`, 0, "null"},
		{"a notification", `{"jsonrpc":"2.0","method":"ack"}`, 0, ""},
		{"no JSON", `{"jsonrpc"`, codeParse, "null"},
		{"empty", ``, codeParse, "null"},
		{"not UTF-8", "{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}", codeParse, "null"},
		{"a batch", ` [{"jsonrpc":"2.0","id":1,"method":"ping"}]`, codeInvalidRequest, "null"},
		{"a number", `7`, codeInvalidRequest, "null"},
		{"null", `null`, codeInvalidRequest, "null"},
		{"an object as id", `{"jsonrpc":"2.0","id":{},"method":"ping"}`, codeInvalidRequest, "null"},
		{"a boolean as id", `{"jsonrpc":"2.0","id":true,"method":"ping"}`, codeInvalidRequest, "null"},
		{"another version", `{"jsonrpc":"1.0","id":3,"method":"ping"}`, codeInvalidRequest, "3"},
		{"no version", `{"id":3,"method":"ping"}`, codeInvalidRequest, "3"},
		{"no method", `{"jsonrpc":"2.0","id":3}`, codeInvalidRequest, "3"},
		{"members are case-sensitive", `{"jsonrpc":"2.0","id":3,"Method":"ping"}`, codeInvalidRequest, "3"},
		{"a number as method", `{"jsonrpc":"2.0","id":3,"method":4}`, codeInvalidRequest, "3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := decodeRequest([]byte(tt.frame))
			code := 0
			if err != nil {
				code = err.Code
			}
			if code != tt.code || string(req.id) != tt.id {
				t.Errorf("decodeRequest(%s) = id %s, code %d; want id %s, code %d", tt.frame, req.id, code, tt.id, tt.code)
			}
		})
	}
}

func TestDecodeTextRefusesUnpairedSurrogates(t *testing.T) {
	for raw, want := range map[string]string{
		`"plain"`:         "plain",
		`"\ud83d\ude00"`:  "😀",
		`"😀"`:             "😀",
		`"\\ud800"`:       `\ud800`,
		`"\\\\ud800 \\"`:  `\\ud800 \`,
		`"\ufffd"`:        "\uFFFD",
		`"\ud83d\ude00x"`: "😀x",
	} {
		if got, err := decodeText(json.RawMessage(raw)); err != nil || got != want {
			t.Errorf("decodeText(%s) = %q, %v; want %q", raw, got, err, want)
		}
	}
	for _, raw := range []string{`"\ud800"`, `"\udc00"`, `"a\ud83d"`, `"\ud83dx"`, `"\ud83d\n"`, `"\ud83d\u0041"`, `"\ud83d\ud83d\ude00"`} {
		if got, err := decodeText(json.RawMessage(raw)); err == nil {
			t.Errorf("decodeText(%s) = %q, want an error", raw, got)
		}
	}
}

func TestParamsNameTheMemberAtFault(t *testing.T) {
	for raw, want := range map[string]string{
		`[]`:                                "params is not an object",
		`"x"`:                               "params is not an object",
		`null`:                              "params is not an object",
		`{}`:                                "text is missing",
		`{"text":null}`:                     "text is missing",
		`{"Text":"x"}`:                      "text is missing",
		`{"text":1}`:                        "text is not a string",
		`{"text":"x","limit":"1"}`:          "limit is not an integer",
		`{"text":"x","limit":1.5}`:          "limit is not an integer",
		`{"text":"x","limit":1e99}`:         "limit is not an integer",
		`{"text":"x","muted":0}`:            "muted is not a boolean",
		`{"text":"x","muted":"true"}`:       "muted is not a boolean",
		`{"text":"x","attributes":[]}`:      "attributes is not an object",
		`{"text":"x","attributes":{"a":1}}`: "attributes has a value that is not a string",
		`{"text":"x","attributes":null}`:    "",
		`{"text":"x","other":[1]}`:          "",
	} {
		p := readParams(json.RawMessage(raw))
		p.string("text")
		p.optionalInt("limit")
		p.optionalBoolean("muted")
		p.optionalStrings("attributes")
		got := ""
		if p.fault != nil {
			got = p.fault.Message
			if p.fault.Code != codeInvalidParams {
				t.Errorf("%s: code %d", raw, p.fault.Code)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

// FuzzDecodeRequest feeds foreign bytes through all that reads them before a
// method does. What comes out of it must be answerable.
func FuzzDecodeRequest(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"connect","params":{"name":"Ada","client":{"name":"x"}}}`,
		`{"jsonrpc":"2.0","id":"x","method":"join","params":{"room":"téa-室","sources":{"0":"microphone"},"muted":true}}`,
		`{"jsonrpc":"2.0","method":"ack","params":{"whisper":"\ud83d\ude00"}}`,
		`{"jsonrpc":"2.0","id":1e400,"method":"history","params":{"after":-1,"limit":200}}`,
		`[{"jsonrpc":"2.0"}]`, `{"id":{}}`, `null`, "\x00", `{"jsonrpc":"2.0","method":"x","params":{"text":"\\\ud800"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		req, fault := decodeRequest(frame)
		if fault != nil {
			if req.id == nil {
				t.Fatal("an error without an id to answer to")
			}
			checkJSON(t, encodeError(req.id, fault))
			return
		}
		p := readParams(req.params)
		for _, member := range []string{"text", "name", "room", "to", "nonce", "whisper", "limit", "muted", "sources"} {
			s := p.optionalString(member)
			if !utf8.ValidString(s) {
				t.Fatalf("%s is not UTF-8: %q", member, s)
			}
			if checkText(s) == nil && strings.ContainsRune(s, 0) {
				t.Fatalf("a text with NUL passed")
			}
			_ = checkIdentifier(member, s)
			_ = checkName(s)
			p.optionalInt(member)
			p.optionalBoolean(member)
			p.optionalStrings(member)
			if p.fault != nil {
				checkJSON(t, encodeError(nullID, p.fault))
				p.fault = nil
			}
		}
		if !req.isNotification() {
			checkJSON(t, encodeResult(req.id, struct{}{}))
		}
	})
}

func checkJSON(t *testing.T, frame []byte) {
	t.Helper()
	if !json.Valid(frame) || bytes.ContainsRune(frame, '\n') {
		t.Fatalf("the answer is not one line of JSON: %q", frame)
	}
}
