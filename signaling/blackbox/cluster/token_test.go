package cluster

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	apiKeyID     = "tests"
	apiKeySecret = "a secret of at least thirty-two bytes for tests"
	apiKey       = apiKeyID + ":" + apiKeySecret
)

// mint makes an access token of a user who may do everything but moderate, save in rooms where the role is host.
func mint(t *testing.T, user, role string) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": user, "name": user, "exp": time.Now().Add(time.Hour).Unix(),
		"hubbub": map[string]any{"room": "*", "role": role, "whisper": "any", "call": true, "list": true, "admin": false},
	})
	token.Header["kid"] = apiKeyID
	signed, err := token.SignedString([]byte(apiKeySecret))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
