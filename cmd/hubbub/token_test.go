package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"
)

// claimsOf verifies a token as any JWT library would.
func claimsOf(t *testing.T, token, secret string) jwt.MapClaims {
	t.Helper()
	claims := jwt.MapClaims{}
	parsed, err := jwt.ParseWithClaims(strings.TrimSpace(token), claims,
		func(*jwt.Token) (any, error) { return []byte(secret), nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	if err != nil {
		t.Fatal(err)
	}
	if parsed.Header["kid"] != "key" {
		t.Errorf("header %v", parsed.Header)
	}
	return claims
}

func TestToken(t *testing.T) {
	r := runBinary(t, nil, "token", "--api-key=key:s:t", "--user=ana", "--name=Ana A.", "--room=lobby", "--role=host", "--ttl=10m",
		"--whisper=room", "--call", "--list", "--admin")
	if r.code != 0 {
		t.Fatalf("%+v", r)
	}
	claims := claimsOf(t, r.stdout, "s:t")
	expires, err := claims.GetExpirationTime()
	if left := time.Until(expires.Time); err != nil || left > 10*time.Minute || left < 9*time.Minute {
		t.Errorf("expires in %v, %v", left, err)
	}
	grants := map[string]any{"room": "lobby", "role": "host", "whisper": "room", "call": true, "list": true, "admin": true}
	if claims["sub"] != "ana" || claims["name"] != "Ana A." || !reflect.DeepEqual(claims["hubbub"], grants) {
		t.Errorf("claims %v", claims)
	}
}

func TestTokenDefaults(t *testing.T) {
	r := runBinary(t, []string{"HUBBUB_API_KEY=key:s"}, "token", "--user=ana")
	if r.code != 0 {
		t.Fatalf("%+v", r)
	}
	grants := map[string]any{"room": "*", "role": "speaker", "whisper": "any"}
	if claims := claimsOf(t, r.stdout, "s"); !reflect.DeepEqual(claims["hubbub"], grants) {
		t.Errorf("claims %v", claims)
	}
}

func TestTokenIsTakenByTheServer(t *testing.T) {
	s := startServer(t, nil, "--api-key=key:s")
	r := runBinary(t, nil, "token", "--api-key=key:s", "--user=ana", "--name=Ana")
	ws, _, err := dial(t, s, "")
	if err != nil {
		t.Fatal(err)
	}
	request := `{"jsonrpc":"2.0","id":1,"method":"connect","params":{"token":"` + strings.TrimSpace(r.stdout) + `"}}`
	if err := ws.WriteMessage(websocket.TextMessage, []byte(request)); err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Result struct{ User struct{ ID, Name string } }
	}
	if err := ws.ReadJSON(&answer); err != nil || answer.Result.User.ID != "ana" || answer.Result.User.Name != "Ana" {
		t.Errorf("connected as %+v, %v", answer, err)
	}
}

func TestTokenIsRefused(t *testing.T) {
	for flag, args := range map[string][]string{
		"--api-key": {"--user=ana"},
		"--user":    {"--api-key=key:s"},
		"--role":    {"--api-key=key:s", "--user=ana", "--role=king"},
		"--whisper": {"--api-key=key:s", "--user=ana", "--whisper=loudly"},
		"--ttl":     {"--api-key=key:s", "--user=ana", "--ttl=-1s"},
	} {
		r := runBinary(t, nil, append([]string{"token"}, args...)...)
		if r.code != exitUsage || r.stdout != "" || !strings.Contains(r.stderr, flag) {
			t.Errorf("wrong %s: %+v", flag, r)
		}
	}
}
