package main

import (
	"fmt"
	"io"
	"time"

	"hubbub/room"
	"hubbub/signaling"
)

// tokenCommand mints access tokens, for trying things out: a service that has users makes its own, with any JWT library.
type tokenCommand struct {
	APIKey  apiKey        `name:"api-key" required:"" help:"The key to sign with, as ID:SECRET; the server must have the same one."`
	User    string        `required:"" help:"The user's id."`
	Name    string        `help:"The user's name for others; without it the client gives one."`
	Room    string        `default:"*" help:"The room that may be joined; * for any."`
	Role    string        `default:"speaker" enum:"host,speaker,listener" help:"host, speaker or listener."`
	TTL     time.Duration `name:"ttl" default:"1h" help:"How long the token is valid."`
	Whisper string        `default:"any" enum:"any,room,none" help:"Whom to whisper to: any user, those in the same room, none."`
	Call    bool          `help:"May call users."`
	List    bool          `help:"May list rooms and who is online."`
	Admin   bool          `help:"May moderate every room."`
}

// Run prints the token.
func (t *tokenCommand) Run(stdout io.Writer) error {
	if t.TTL <= 0 {
		return &settingError{"ttl", "must be more than 0"}
	}
	token := signaling.AccessToken{
		User: t.User, Name: t.Name, Expires: time.Now().Add(t.TTL),
		Grants: signaling.Grants{
			Room: t.Room, Role: room.Role(t.Role), Whisper: signaling.WhisperScope(t.Whisper),
			Call: t.Call, List: t.List, Admin: t.Admin,
		},
	}
	signed, err := token.Sign(signaling.APIKey(t.APIKey))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, signed)
	return err
}
