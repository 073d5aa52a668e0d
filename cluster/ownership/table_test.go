package ownership

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const life = 20 * time.Second

// TestTablesAgree gives the same claims to several tables, each in its own order, some twice, some of them lost; then the tables tell each
// other what they have. Whatever the order, all have the same owner for each room, the greatest claim there was.
func TestTablesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rooms := []string{"a", "b", "c"}
		sent := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Claim {
			return claims(rapid.SampledFrom(rooms).Draw(t, "room")).Draw(t, "claim")
		}), 1, 20).Draw(t, "claims")

		tables := make([]*Table, rapid.IntRange(2, 4).Draw(t, "tables"))
		want := NewTable(100, life, start)
		for i := range tables {
			tables[i] = NewTable(100, life, start)
			for _, c := range rapid.Permutation(sent).Draw(t, "order") {
				for range rapid.IntRange(0, 2).Draw(t, "times") {
					tables[i].Merge(c, life, start)
					want.Merge(c, life, start)
				}
			}
		}
		// Push and pull around the ring until the last has told the first, and once more with an old claim replayed.
		for range tables {
			for i := range tables {
				exchange(tables[i], tables[(i+1)%len(tables)])
			}
			tables[0].Merge(sent[0], life, start)
			want.Merge(sent[0], life, start)
		}
		exchange(tables[0], tables[len(tables)-1])
		for i, table := range tables {
			exchange(tables[0], table)
			for _, room := range rooms {
				got, ok := table.Get(room)
				greatest, known := want.Get(room)
				if got != greatest || ok != known {
					t.Fatalf("table %d has %+v for %s, not %+v", i, got, room, greatest)
				}
			}
		}
	})
}

func exchange(a, b *Table) {
	for _, way := range [][2]*Table{{a, b}, {b, a}} {
		for c, left := range way[0].All(start) {
			way[1].Merge(c, left, start)
		}
	}
}

func TestMergeSaysWhatIsNew(t *testing.T) {
	table := NewTable(2, life, start)
	merge := func(c Claim, want Outcome) {
		t.Helper()
		if got := table.Merge(c, life, start); got != want {
			t.Errorf("merging %+v: %d, not %d", c, got, want)
		}
	}
	merge(Claim{Room: "a", Owner: "ana", Boot: "1", Epoch: 2}, News)
	merge(Claim{Room: "a", Owner: "ana", Boot: "1", Epoch: 2}, Known)
	merge(Claim{Room: "a", Owner: "bo", Boot: "1", Epoch: 1}, Known)
	merge(Claim{Room: "a", Owner: "bo", Boot: "1", Epoch: 3}, News)
	merge(Claim{Room: "b", Owner: "bo", Boot: "1", Epoch: 1}, News)
	merge(Claim{Room: "c", Owner: "bo", Boot: "1", Epoch: 1}, Refused)
	merge(Claim{Room: "b", Owner: "bo", Boot: "1", Epoch: 2, Released: true}, News)
	merge(Claim{Room: "b", Owner: "bo", Boot: "1", Epoch: MaxEpoch + 1}, Refused)
	merge(Claim{Room: "b", Owner: "", Boot: "1", Epoch: 9}, Refused)
}

func TestTombstonesEnd(t *testing.T) {
	table := NewTable(10, life, start)
	alive := func(string, string) bool { return true }
	tombstone := Claim{Room: "a", Owner: "ana", Boot: "1", Epoch: 2, Released: true}
	table.Merge(tombstone, time.Hour, start) // no longer than the table's life
	table.Merge(Claim{Room: "b", Owner: "ana", Boot: "1", Epoch: 2}, 0, start)

	table.Sweep(start.Add(life-time.Second), alive)
	if _, ok := table.Get("a"); !ok {
		t.Fatal("a tombstone was dropped before its time")
	}
	// Others tell it as young as they have it; it becomes no younger here.
	for c, left := range table.All(start.Add(life - 2*time.Second)) {
		if c.Released && left != 2*time.Second {
			t.Errorf("it is said to live for %v", left)
		}
	}
	table.Merge(tombstone, life, start.Add(life-time.Second))
	table.Sweep(start.Add(life), alive)
	if _, ok := table.Get("a"); ok {
		t.Error("a tombstone outlived its time because others told it again")
	}
	if _, ok := table.Get("b"); !ok || table.Len() != 1 {
		t.Error("a claim that holds was dropped")
	}
}

func TestClaimsOfTheGoneEnd(t *testing.T) {
	table := NewTable(10, life, start)
	gone := map[string]bool{"bo": true}
	alive := func(name, _ string) bool { return !gone[name] }
	table.Merge(Claim{Room: "a", Owner: "ana", Boot: "1", Epoch: 1}, 0, start)
	table.Merge(Claim{Room: "b", Owner: "bo", Boot: "1", Epoch: 1}, 0, start)
	table.Sweep(start, alive)
	table.Sweep(start.Add(life-time.Second), alive)
	if table.Len() != 2 {
		t.Fatal("a claim of a node that may come back was dropped too early")
	}
	gone["bo"] = false
	table.Sweep(start.Add(life), alive)
	gone["bo"] = true
	table.Sweep(start.Add(life+time.Second), alive)
	table.Sweep(start.Add(2*life), alive)
	if table.Len() != 2 {
		t.Error("time did not begin anew for a node that had come back")
	}
	table.Sweep(start.Add(2*life+time.Second), alive)
	if _, ok := table.Get("b"); ok || table.Len() != 1 {
		t.Error("claims of a node that is gone for long are kept")
	}
	// The number of the forgotten owner is used again, for its new owner only.
	table.Merge(Claim{Room: "c", Owner: "cy", Boot: "1", Epoch: 1}, 0, start)
	if c, _ := table.Get("c"); c.Owner != "cy" || len(table.owners) != 2 {
		t.Errorf("%+v of %d owners", c, len(table.owners))
	}
}

// TestKnownRoomsAreCheap measures what 100,000 rooms of 16 nodes cost. It is a count of bytes, not of time.
func TestKnownRoomsAreCheap(t *testing.T) {
	const rooms, limit = 100_000, 20 << 20
	before := heap()
	table := fill(rooms)
	cost := heap() - before
	t.Logf("%d rooms cost %.1f MB, %d bytes each", rooms, float64(cost)/1e6, cost/rooms)
	if cost > limit {
		t.Errorf("more than %d bytes", limit)
	}
	runtime.KeepAlive(table)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func fill(rooms int) *Table {
	table := NewTable(2*rooms, life, start)
	for i := range rooms {
		table.Merge(nth(i), 0, start)
	}
	return table
}

// nth is a claim with names such as there are.
func nth(i int) Claim {
	return Claim{Room: fmt.Sprintf("team-meeting-%06d", i), Owner: fmt.Sprintf("10.0.0.%d:7946", i%16), Boot: "0123456789abcdef", Epoch: 1}
}

func BenchmarkMerge(b *testing.B) {
	table := fill(100_000)
	claims := make([]Claim, 1000)
	for i := range claims {
		claims[i] = nth(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		table.Merge(claims[i%len(claims)], 0, start)
	}
}
