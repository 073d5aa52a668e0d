package signaling

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hubbub/room"
)

// APIKey is a key that access tokens are signed with.
type APIKey struct {
	ID     string
	Secret string
}

// ParseAPIKey reads the form ID:SECRET; the secret may have colons in it.
func ParseAPIKey(s string) (APIKey, error) {
	id, secret, found := strings.Cut(s, ":")
	switch {
	case !found:
		return APIKey{}, errors.New("an API key has the form ID:SECRET, this one has no colon")
	case id == "" || secret == "":
		return APIKey{}, errors.New("an API key has the form ID:SECRET, neither of them empty")
	}
	return APIKey{ID: id, Secret: secret}, nil
}

// WhisperScope is whom a user may whisper to.
type WhisperScope string

// The scopes of whispering. A token that names none allows none.
const (
	WhisperNone WhisperScope = "none"
	WhisperRoom WhisperScope = "room" // users in the same room
	WhisperAny  WhisperScope = "any"
)

// Grants is what a token allows, the "hubbub" claim. The zero value allows
// nothing but to connect.
type Grants struct {
	Room    string       `json:"room,omitempty"` // a name, or "*" for any
	Role    room.Role    `json:"role,omitempty"` // speaker if empty
	Whisper WhisperScope `json:"whisper,omitempty"`
	Call    bool         `json:"call,omitempty"`
	List    bool         `json:"list,omitempty"`
	Admin   bool         `json:"admin,omitempty"`
}

// guestGrants is what everyone may who needs no token.
var guestGrants = Grants{Room: "*", Role: room.Speaker, Whisper: WhisperAny, Call: true, List: true}

func (g Grants) mayEnter(name string) bool { return g.Room == "*" || g.Room == name }

// AccessToken is the content of an access token.
type AccessToken struct {
	User      string
	Name      string    // empty: the client says it in connect
	NotBefore time.Time // zero: valid at once
	Expires   time.Time // zero: never
	Grants    Grants
}

type accessClaims struct {
	jwt.RegisteredClaims
	Name   string `json:"name,omitempty"`
	Hubbub Grants `json:"hubbub"`
}

// Sign makes the JWT (HS256, RFC 7519) that a client hands to connect. The key's
// id stands in the header's kid.
func (t AccessToken) Sign(key APIKey) (string, error) {
	claims := accessClaims{
		RegisteredClaims: jwt.RegisteredClaims{Issuer: key.ID, Subject: t.User},
		Name:             t.Name,
		Hubbub:           t.Grants,
	}
	if !t.NotBefore.IsZero() {
		claims.NotBefore = jwt.NewNumericDate(t.NotBefore)
	}
	if !t.Expires.IsZero() {
		claims.ExpiresAt = jwt.NewNumericDate(t.Expires)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
	token.Header["kid"] = key.ID
	signed, err := token.SignedString([]byte(key.Secret))
	if err != nil {
		return "", fmt.Errorf("sign an access token with key %q: %w", key.ID, err)
	}
	return signed, nil
}

// keyring verifies access tokens. It is never modified once made.
type keyring map[string][]byte // secret by key id

func newKeyring(keys []APIKey) keyring {
	ring := make(keyring, len(keys))
	for _, k := range keys {
		ring[k.ID] = []byte(k.Secret)
	}
	return ring
}

// verify checks signature, times and content. Its errors are fit for the client.
func (ring keyring) verify(token string) (AccessToken, error) {
	var claims accessClaims
	_, err := jwt.ParseWithClaims(token, &claims, ring.secretOf,
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}))
	if err != nil {
		return AccessToken{}, err
	}
	g := &claims.Hubbub
	if g.Role == "" {
		g.Role = room.Speaker
	}
	switch {
	case checkIdentifier("sub", claims.Subject) != nil:
		return AccessToken{}, fmt.Errorf("token: %s", checkIdentifier("sub", claims.Subject).Message)
	case !g.Role.Valid():
		return AccessToken{}, fmt.Errorf("token: no such role: %q", g.Role)
	case g.Whisper != "" && g.Whisper != WhisperNone && g.Whisper != WhisperRoom && g.Whisper != WhisperAny:
		return AccessToken{}, fmt.Errorf("token: no such whisper scope: %q", g.Whisper)
	case claims.Name != "" && checkName(claims.Name) != nil:
		return AccessToken{}, fmt.Errorf("token: %s", checkName(claims.Name).Message)
	}
	return AccessToken{User: claims.Subject, Name: claims.Name, Grants: *g}, nil
}

func (ring keyring) secretOf(t *jwt.Token) (any, error) {
	id, _ := t.Header["kid"].(string)
	if id == "" {
		id, _ = t.Claims.GetIssuer()
	}
	secret, ok := ring[id]
	if !ok {
		return nil, fmt.Errorf("no API key %q", id)
	}
	return secret, nil
}
