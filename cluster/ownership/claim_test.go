package ownership

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// claims draws claims of few nodes, boots and epochs, so that they meet.
func claims(room string) *rapid.Generator[Claim] {
	return rapid.Custom(func(t *rapid.T) Claim {
		return Claim{
			Room:     room,
			Owner:    rapid.SampledFrom([]string{"ana", "bo", "cy"}).Draw(t, "owner"),
			Boot:     rapid.SampledFrom([]string{"1", "2"}).Draw(t, "boot"),
			Epoch:    rapid.Uint64Range(1, 4).Draw(t, "epoch"),
			Released: rapid.Bool().Draw(t, "released"),
		}
	})
}

// TestCompareIsATotalOrder is what makes merging, which keeps the greater, commutative, associative and idempotent.
func TestCompareIsATotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := claims("r").Draw(t, "a"), claims("r").Draw(t, "b"), claims("r").Draw(t, "c")
		if Compare(a, b) != -Compare(b, a) {
			t.Fatal("not antisymmetric")
		}
		if (Compare(a, b) == 0) != (a == b) {
			t.Fatal("claims that differ are equal, or the other way round")
		}
		if Compare(a, b) <= 0 && Compare(b, c) <= 0 && Compare(a, c) > 0 {
			t.Fatal("not transitive")
		}
	})
}

func TestWhichClaimWins(t *testing.T) {
	far, near := "ana", "bo"
	if Score("r", far) > Score("r", near) {
		far, near = near, far
	}
	ascending := []Claim{
		{Room: "r", Owner: near, Boot: "1", Epoch: 1, Released: true},
		{Room: "r", Owner: near, Boot: "1", Epoch: 1},
		{Room: "r", Owner: far, Boot: "1", Epoch: 2, Released: true},
		{Room: "r", Owner: near, Boot: "1", Epoch: 2, Released: true},
		{Room: "r", Owner: far, Boot: "1", Epoch: 2},
		{Room: "r", Owner: near, Boot: "1", Epoch: 2},
		{Room: "r", Owner: near, Boot: "2", Epoch: 2},
		{Room: "r", Owner: far, Boot: "1", Epoch: 3},
	}
	if !slices.IsSortedFunc(ascending, Compare) {
		t.Error("not in the order of epoch, held, score, boot")
	}
}

func TestHome(t *testing.T) {
	if _, ok := Home("r", slices.Values([]string(nil))); ok {
		t.Error("there is a home where there are no nodes")
	}
	nodes := []string{"10.0.0.1:7000", "10.0.0.2:7000", "10.0.0.3:7000", "10.0.0.4:7000", "10.0.0.5:7000"}
	const rooms = 20_000
	count := make(map[string]int)
	moved := 0
	for i := range rooms {
		room := fmt.Sprintf("room-%d", i)
		home, _ := Home(room, slices.Values(nodes))
		count[home]++
		reversed := slices.Clone(nodes)
		slices.Reverse(reversed)
		if again, _ := Home(room, slices.Values(reversed)); again != home {
			t.Fatalf("the home of %s depends on the order of nodes", room)
		}
		switch fewer, _ := Home(room, slices.Values(nodes[1:])); {
		case home == nodes[0]:
			moved++
		case fewer != home:
			t.Fatalf("%s moved although its home stayed", room)
		}
	}
	for node, n := range count {
		if n < rooms/5*9/10 || n > rooms/5*11/10 {
			t.Errorf("%s is home of %d rooms of %d", node, n, rooms)
		}
	}
	if moved != count[nodes[0]] {
		t.Errorf("%d rooms moved from a node that was home of %d", moved, count[nodes[0]])
	}
}
