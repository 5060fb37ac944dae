package fingerprint

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

func TestSetAgainstMap(t *testing.T) {
	t.Parallel()
	// The set and a plain map see the same random passes; every answer must
	// agree, whatever was new, changed, gone or came back.
	rng := rand.New(rand.NewPCG(1, 2))
	var set Set
	model := map[string]Print{}
	for pass := range 20 {
		seen := map[string]bool{}
		for range 3000 {
			id := randomID(rng)
			if seen[id] {
				continue
			}
			seen[id] = true
			p := Of(fmt.Append(nil, rng.IntN(3)), int64(pass+1))
			change, old := set.Observe(pass, []byte(id), p)
			before, known := model[id]
			want := New
			if known {
				want = Same
				if before.Hash != p.Hash {
					want = Changed
				}
			}
			if change != want || old != before {
				t.Fatalf("pass %d: Observe(%q) = %v, %v; want %v, %v", pass, id, change, old, want, before)
			}
			if want != Same {
				model[id] = p
			}
		}
		sweep(t, &set, pass, seen, model)
		if set.Len() != int64(len(model)) {
			t.Fatalf("pass %d: Len() = %d, want %d", pass, set.Len(), len(model))
		}
	}
}

func sweep(t *testing.T, set *Set, pass int, seen map[string]bool, model map[string]Print) {
	t.Helper()
	if err := set.Sweep(pass, func(id []byte, p Print) error {
		if seen[string(id)] || model[string(id)] != p {
			t.Errorf("pass %d: Sweep names %q with %v, want one of those not seen, with %v", pass, id, p, model[string(id)])
		}
		delete(model, string(id))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for id := range model {
		if !seen[id] {
			t.Errorf("pass %d: Sweep did not name %q", pass, id)
		}
	}
}

func randomID(rng *rand.Rand) string {
	n := rng.IntN(4000)
	switch n % 4 {
	case 0:
		return fmt.Sprint(n - 1000)
	case 1:
		return fmt.Sprintf("%08x-0000-4000-8000-%012x", n, n)
	case 2:
		return fmt.Sprintf("%08X-0000-4000-8000-%012x", n*7919, n) // upper case: stays text
	}
	return fmt.Sprintf("0%d é", n)
}

func TestFailedDocumentIsSentAgainOnlyWhenItChanges(t *testing.T) {
	t.Parallel()
	var set Set
	id, p := []byte("7"), Of([]byte("{}"), 1)
	set.Observe(0, id, p)
	set.Fail(id)
	set.Fail(id)
	set.Fail([]byte("8"))
	if change, _ := set.Observe(1, id, p); change != Same || set.Len() != 0 {
		t.Errorf("Observe after Fail = %v with Len() %d; want Same and 0", change, set.Len())
	}
	if change, _ := set.Observe(2, id, Of([]byte(`{"a":1}`), 2)); change != Changed || set.Len() != 1 {
		t.Errorf("Observe of a change after Fail = %v with Len() %d; want Changed and 1", change, set.Len())
	}
	set.Fail(id)
	if err := set.Sweep(3, func([]byte, Print) error { return nil }); err != nil || set.Len() != 0 {
		t.Errorf("Sweep = %v with Len() %d; want nil and 0", err, set.Len())
	}
}

func TestSweepStopsAtAnError(t *testing.T) {
	t.Parallel()
	var set Set
	for i := range 100 {
		set.Observe(0, fmt.Append(nil, i), Print{})
	}
	stop := errors.New("stop")
	if err := set.Sweep(1, func([]byte, Print) error { return stop }); !errors.Is(err, stop) || set.Len() != 100 {
		t.Errorf("Sweep = %v, Len() = %d; want stop and 100", err, set.Len())
	}
}

func TestStreamsAtTheSameTime(t *testing.T) {
	t.Parallel()
	var set Set
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := range 5000 {
				set.Observe(0, fmt.Append(nil, 4*i+worker), Of(fmt.Append(nil, i), 1))
			}
		})
	}
	wait.Wait()
	if set.Len() != 20000 {
		t.Errorf("Len() = %d, want 20000", set.Len())
	}
}

func TestMemoryPerDocument(t *testing.T) {
	t.Parallel()
	var set Set
	const n = 1_000_000
	var id []byte
	for i := range n {
		id = fmt.Append(id[:0], 1_000_000+3*i)
		set.Observe(0, id, Print{Hash: uint64(i), Version: int64(i % 5000)})
	}
	if per := float64(set.Bytes()) / n; per > 24 {
		t.Errorf("%.1f bytes a document with an integer id, want at most 24", per)
	}
}

func FuzzID(f *testing.F) {
	for _, id := range []string{
		"", "0", "-0", "-1", "007", "999999999999999999", "9223372036854775808",
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b-4ef8-bb6d-6bb9bd380a11-", "é",
	} {
		f.Add([]byte(id))
	}
	f.Fuzz(func(t *testing.T, id []byte) {
		packed, how := pack(nil, id)
		if got := unpack(nil, packed, how); string(got) != string(id) {
			t.Errorf("unpack(pack(%q)) = %q", id, got)
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	var set Set
	ids := make([][]byte, 1<<16)
	for i := range ids {
		ids[i] = fmt.Append(nil, 1_000_000+i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		set.Observe(i>>16&31, ids[i&(1<<16-1)], Print{Hash: uint64(i >> 16)})
	}
}
