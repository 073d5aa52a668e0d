package blackbox

import (
	"maps"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hubbub/signaling/client"
)

type apiKey struct{ id, secret string }

var (
	keyOne = apiKey{"key-one", "first secret of at least thirty-two bytes"}
	keyTwo = apiKey{"key-two", "second secret of at least thirty-two bytes"}
)

func (k apiKey) flag() string { return k.id + ":" + k.secret }

// grants is the claim "hubbub".
type grants map[string]any

// speaker is what most tokens of these tests allow.
func speaker(more grants) grants {
	g := grants{"room": "*", "role": "speaker", "whisper": "any", "call": true, "list": false, "admin": false}
	maps.Copy(g, more)
	return g
}

// mint signs an access token of keyOne.
func mint(t *testing.T, sub string, g grants) string {
	t.Helper()
	return sign(t, jwt.SigningMethodHS256, keyOne, "kid", jwt.MapClaims{
		"sub": sub, "name": "Name of " + sub, "exp": time.Now().Add(time.Hour).Unix(), "hubbub": g,
	})
}

// sign makes a token whose key id stands in the header ("kid"), in the claims ("iss") or nowhere ("").
func sign(t *testing.T, method jwt.SigningMethod, k apiKey, where string, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	switch where {
	case "kid":
		token.Header["kid"] = k.id
	case "iss":
		claims["iss"] = k.id
	}
	var secret any = []byte(k.secret)
	if method == jwt.SigningMethodNone {
		secret = jwt.UnsafeAllowNoneSignatureType
	}
	s, err := token.SignedString(secret)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// member connects to the server with keys.
func member(t *testing.T, sub string, g grants) *person {
	t.Helper()
	return tokens.connect(t, client.ConnectParams{Token: mint(t, sub, g)})
}
