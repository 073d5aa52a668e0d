package signaling

import (
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf16"
)

// params reads the members of a request's params one by one. The first fault is
// kept and the rest read as zero, so a method reads all it wants and then asks
// for err once.
type params struct {
	members map[string]json.RawMessage
	fault   *Error
}

func readParams(raw json.RawMessage) *params {
	p := &params{}
	if raw == nil {
		return p
	}
	if raw[0] != '{' {
		p.fault = errInvalidParams("params is not an object")
		return p
	}
	if err := json.Unmarshal(raw, &p.members); err != nil {
		p.fault = errInvalidParams("params: %s", err)
	}
	return p
}

// err is the first fault, or nil. The nil is untyped, fit to be returned as error.
func (p *params) err() error {
	if p.fault != nil {
		return p.fault
	}
	return nil
}

func (p *params) fail(e *Error) {
	if p.fault == nil {
		p.fault = e
	}
}

// has tells an absent member from one with a zero value. A null is absent: JSON
// clients write it for optional members that they leave out.
func (p *params) has(member string) bool {
	raw, ok := p.members[member]
	return ok && string(raw) != "null"
}

func (p *params) required(member string) bool {
	if p.fault == nil && !p.has(member) {
		p.fail(errInvalidParams("%s is missing", member))
	}
	return p.fault == nil
}

func (p *params) string(member string) string {
	if !p.required(member) {
		return ""
	}
	return p.optionalString(member)
}

func (p *params) optionalString(member string) string {
	if p.fault != nil || !p.has(member) {
		return ""
	}
	s, err := decodeText(p.members[member])
	if errors.Is(err, errUnpairedSurrogate) {
		p.fail(errInvalid("%s: %s", member, err))
	} else if err != nil {
		p.fail(errInvalidParams("%s is not a string", member))
	}
	return s
}

func (p *params) optionalBoolean(member string) *bool {
	if p.fault != nil || !p.has(member) {
		return nil
	}
	raw := string(p.members[member])
	if raw != "true" && raw != "false" {
		p.fail(errInvalidParams("%s is not a boolean", member))
		return nil
	}
	b := raw == "true"
	return &b
}

// optionalInt answers 0 for an absent member.
func (p *params) optionalInt(member string) int {
	if p.fault != nil || !p.has(member) {
		return 0
	}
	var n int
	if err := json.Unmarshal(p.members[member], &n); err != nil {
		p.fail(errInvalidParams("%s is not an integer", member))
	}
	return n
}

// optionalStrings reads an object whose values are strings. It answers nil for
// an absent member and a map that is not nil for {}.
func (p *params) optionalStrings(member string) map[string]string {
	if p.fault != nil || !p.has(member) {
		return nil
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(p.members[member], &raw); err != nil {
		p.fail(errInvalidParams("%s is not an object", member))
		return nil
	}
	out := make(map[string]string, len(raw))
	for key, value := range raw {
		s, err := decodeText(value)
		if errors.Is(err, errUnpairedSurrogate) {
			p.fail(errInvalid("%s: %s", member, err))
			return nil
		}
		if err != nil {
			p.fail(errInvalidParams("%s has a value that is not a string", member))
			return nil
		}
		out[key] = s
	}
	return out
}

var (
	errNoString          = errors.New("not a string")
	errUnpairedSurrogate = errors.New("has an unpaired surrogate")
)

// decodeText decodes a JSON string, and refuses the unpaired surrogates that
// encoding/json would silently turn into U+FFFD: texts arrive as they were sent
// or not at all.
func decodeText(raw json.RawMessage) (string, error) {
	s, ok := jsonString(raw)
	if !ok {
		return "", errNoString
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++ // the escaped character, which may itself be a backslash
		if raw[i] != 'u' {
			continue
		}
		high := escapedUnit(raw[i+1 : i+5])
		i += 4
		if !utf16.IsSurrogate(high) {
			continue
		}
		if len(raw) < i+7 || raw[i+1] != '\\' || raw[i+2] != 'u' ||
			utf16.DecodeRune(high, escapedUnit(raw[i+3:i+7])) == '\uFFFD' {
			return "", errUnpairedSurrogate
		}
		i += 6
	}
	return s, nil
}

// escapedUnit is the UTF-16 code unit of four hexadecimal digits that the JSON
// decoder has already found to be such.
func escapedUnit(hex []byte) rune {
	n, _ := strconv.ParseUint(string(hex), 16, 16)
	return rune(n)
}
