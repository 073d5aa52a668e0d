package signaling

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of what clients send, in the units of the protocol.
const (
	maxFrame      = 65536 // bytes
	maxName       = 64    // code points; room names, user ids and people's names
	maxText       = 4000  // code points
	maxAttributes = 1024  // bytes of JSON
	maxNonce      = 128   // code points
	maxHistory    = 200   // messages in one answer
)

// checkIdentifier tells what is wrong with a room name or a user id.
func checkIdentifier(member, s string) *Error {
	if n := utf8.RuneCountInString(s); n < 1 || n > maxName {
		return errInvalid("%s has %d characters, allowed are 1 to %d", member, n, maxName)
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune("-_.:", r) {
			return errInvalid("%s has the character %q, allowed are letters, digits and -_.:", member, r)
		}
	}
	return nil
}

// checkName tells what is wrong with a person's name. Control characters would
// let one person break the lines of everybody's roster.
func checkName(s string) *Error {
	if n := utf8.RuneCountInString(s); n < 1 || n > maxName {
		return errInvalid("name has %d characters, allowed are 1 to %d", n, maxName)
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return errInvalid("name has a control character")
	}
	if strings.TrimSpace(s) == "" {
		return errInvalid("name is blank")
	}
	return nil
}

func checkText(s string) *Error {
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		return errInvalid("text is empty, allowed are 1 to %d characters", maxText)
	case n > maxText:
		return errTooLarge("text has %d characters, allowed are 1 to %d", n, maxText)
	}
	if strings.ContainsRune(s, 0) {
		return errInvalid("text has a NUL character")
	}
	return nil
}

func checkNonce(s string) *Error {
	if n := utf8.RuneCountInString(s); n > maxNonce {
		return errInvalid("nonce has %d characters, allowed are up to %d", n, maxNonce)
	}
	return nil
}

func checkAttributes(attributes map[string]string) *Error {
	b, err := json.Marshal(attributes)
	if err != nil {
		return errInvalid("attributes: %s", err)
	}
	if len(b) > maxAttributes {
		return errTooLarge("attributes have %d bytes of JSON, allowed are up to %d", len(b), maxAttributes)
	}
	return nil
}
