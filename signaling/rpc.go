package signaling

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// request is one decoded JSON-RPC request or notification.
type request struct {
	id     json.RawMessage // as the client wrote it; nil for a notification
	method string
	params json.RawMessage // nil if absent
}

func (r request) isNotification() bool { return r.id == nil }

var nullID = json.RawMessage("null")

// decodeRequest reads one frame. On an error the request holds the id to answer
// to, which is null when the frame does not tell one (JSON-RPC 2.0, section 5).
func decodeRequest(frame []byte) (request, *Error) {
	bad := request{id: nullID}
	if !utf8.Valid(frame) || !json.Valid(frame) {
		return bad, newError(codeParse, "parse", "the frame is not JSON")
	}
	if bytes.TrimLeft(frame, " \t\r\n")[0] == '[' {
		return bad, newError(codeInvalidRequest, "invalid_request", "batches are not supported")
	}
	// A map instead of a struct: encoding/json matches struct members without
	// regard to case, JSON-RPC does not.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(frame, &members); err != nil || members == nil {
		return bad, newError(codeInvalidRequest, "invalid_request", "the frame is not a JSON object")
	}
	req := request{id: members["id"], params: members["params"]}
	if req.id != nil && !validID(req.id) {
		return bad, newError(codeInvalidRequest, "invalid_request", "id is not a string, a number or null")
	}
	answerTo := req
	if answerTo.id == nil {
		answerTo.id = nullID
	}
	if version, ok := jsonString(members["jsonrpc"]); !ok || version != "2.0" {
		return answerTo, newError(codeInvalidRequest, "invalid_request", `jsonrpc is not "2.0"`)
	}
	var ok bool
	if req.method, ok = jsonString(members["method"]); !ok {
		return answerTo, newError(codeInvalidRequest, "invalid_request", "method is not a string")
	}
	return req, nil
}

func validID(id json.RawMessage) bool {
	switch id[0] {
	case '{', '[', 't', 'f':
		return false
	}
	return true
}

// jsonString reports whether raw is a JSON string, and its value.
func jsonString(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result,omitempty"`
	Error   *Error          `json:"error,omitempty"`
}

type notification struct {
	Version string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  any    `json:"params"`
}

// encode writes v as one frame. What the package encodes are its own structs of
// strings, numbers and maps of strings, which always have a JSON form.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("signaling: a message without a JSON form: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func encodeResult(id json.RawMessage, result any) []byte {
	return encode(response{Version: "2.0", ID: id, Result: result})
}

func encodeError(id json.RawMessage, err *Error) []byte {
	return encode(response{Version: "2.0", ID: id, Error: err})
}

func encodeNotification(method string, params any) []byte {
	return encode(notification{Version: "2.0", Method: method, Params: params})
}
