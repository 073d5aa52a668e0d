package room_test

import (
	"fmt"
	"testing"
	"time"

	"hubbub/room"
)

// fullRoom has n participants, the first of them host.
func fullRoom(b *testing.B, n int) *room.Room {
	b.Helper()
	cfg := testConfig()
	cfg.Limit, cfg.History = 0, 1000
	r := room.New("lobby", start, cfg)
	for i := range n {
		user := fmt.Sprint("user", i)
		if _, _, err := r.Join(start, room.JoinRequest{User: user, Name: user, Role: room.Speaker}); err != nil {
			b.Fatal(err)
		}
	}
	return r
}

// BenchmarkJoinAndLeave is one more coming and going in a room of 1,000.
func BenchmarkJoinAndLeave(b *testing.B) {
	r := fullRoom(b, 1000)
	for b.Loop() {
		p, _, err := r.Join(start, room.JoinRequest{User: "late", Name: "Late", Role: room.Speaker})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Leave(start, p.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHostLeaves is the costliest leave: someone must inherit the room.
func BenchmarkHostLeaves(b *testing.B) {
	r := fullRoom(b, 1000)
	for b.Loop() {
		host := r.Participants()[0]
		if _, err := r.Leave(start, host.ID); err != nil {
			b.Fatal(err)
		}
		if _, _, err := r.Join(start, room.JoinRequest{User: host.User, Name: host.Name, Role: room.Speaker}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReconnect is a connection that breaks and is resumed in a room of 1,000.
func BenchmarkReconnect(b *testing.B) {
	r := fullRoom(b, 1000)
	p, _ := r.ByUser("user500")
	for b.Loop() {
		if _, err := r.Disconnect(start, p.ID); err != nil {
			b.Fatal(err)
		}
		r.NextExpiry()
		if _, _, err := r.Reconnect(start, p.ID); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChat(b *testing.B) {
	r := fullRoom(b, 50)
	p, _ := r.ByUser("user7")
	var n int
	for b.Loop() {
		n++
		if _, _, err := r.Chat(start.Add(time.Duration(n)), p.ID, "hello, everyone", fmt.Sprint(n)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHistory(b *testing.B) {
	r := fullRoom(b, 1)
	p, _ := r.ByUser("user0")
	for range 3000 {
		if _, _, err := r.Chat(start, p.ID, "hello, everyone", ""); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if got := r.History(0, 0, 200); len(got) != 200 {
			b.Fatal(len(got))
		}
	}
}
