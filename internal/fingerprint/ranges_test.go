package fingerprint

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The ranges and a plain map see the same random passes; every answer must
// agree, whatever was new, changed, gone or came back, in whatever order, in
// memory and in the file, and with a range in one piece or in two.
func TestRangesAgainstMap(t *testing.T) {
	t.Parallel()
	for name, memory := range map[string]int64{"in memory": 1 << 30, "in a file": 1, "in both": 20 << 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			set := &Ranges{memory: memory}
			model := map[string]Print{}
			for pass := range 20 {
				seen := map[string]bool{}
				for number := range 5 {
					ids := someIDs(rng, number)
					if pass%2 == 0 {
						slices.Sort(ids)
					}
					half := rng.IntN(len(ids))
					observe(t, set, pass, number, ids[:half], rng, model)
					observe(t, set, pass, number, ids[half:], rng, model)
					for _, id := range ids {
						seen[id] = true
					}
				}
				sweep(t, set, pass, seen, model)
				if set.Len() != int64(len(model)) {
					t.Fatalf("pass %d: Len() = %d, want %d", pass, set.Len(), len(model))
				}
			}
			if inFile := set.spill.end > 0; inFile == (memory == 1<<30) {
				t.Errorf("memory %d: in the file is %t", memory, inFile)
			}
			if err := errors.Join(set.Unspilled(), set.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// someIDs returns ids that belong to a range, each once.
func someIDs(rng *rand.Rand, number int) []string {
	known := map[string]bool{}
	for range 600 {
		known[idOf(5*rng.IntN(800)+number)] = true
	}
	var ids []string
	for id := range known {
		ids = append(ids, id)
	}
	return ids
}

func idOf(n int) string {
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

// observe lets a cursor see ids and compares what it says with the model.
func observe(t *testing.T, set *Ranges, pass, number int, ids []string, rng *rand.Rand, model map[string]Print) {
	t.Helper()
	c := set.Cursor(pass)
	defer c.Close()
	for _, id := range ids {
		p := Of(fmt.Append(nil, rng.IntN(3)), int64(pass+1))
		change, old, err := c.Observe(number, []byte(id), p)
		before, known := model[id]
		want := New
		if known {
			want = Same
			if before.Hash != p.Hash {
				want = Changed
			}
		}
		if err != nil || change != want || old != before {
			t.Fatalf("pass %d: Observe(%q) = %v, %v, %v; want %v, %v", pass, id, change, old, err, want, before)
		}
		if want != Same {
			model[id] = p
		}
	}
}

func sweep(t *testing.T, set *Ranges, pass int, seen map[string]bool, model map[string]Print) {
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

// see lets one cursor see one document.
func see(t *testing.T, set *Ranges, pass int, id string, p Print) Change {
	t.Helper()
	c := set.Cursor(pass)
	defer c.Close()
	change, _, err := c.Observe(0, []byte(id), p)
	if err != nil {
		t.Fatal(err)
	}
	return change
}

func TestFailedDocumentIsSentAgainOnlyWhenItChanges(t *testing.T) {
	t.Parallel()
	var set Ranges
	id, p := "7", Of([]byte("{}"), 1)
	see(t, &set, 0, id, p)
	set.Fail([]byte(id))
	set.Fail([]byte(id))
	if change := see(t, &set, 1, id, p); change != Same || set.Len() != 0 {
		t.Errorf("Observe after Fail = %v with Len() %d; want Same and 0", change, set.Len())
	}
	if change := see(t, &set, 2, id, Of([]byte(`{"a":1}`), 2)); change != Changed || set.Len() != 1 {
		t.Errorf("Observe of a change after Fail = %v with Len() %d; want Changed and 1", change, set.Len())
	}
	set.Fail([]byte(id))
	if err := set.Sweep(3, func([]byte, Print) error { return nil }); err != nil || set.Len() != 0 {
		t.Errorf("Sweep = %v with Len() %d; want nil and 0", err, set.Len())
	}
}

func TestSweepStopsAtAnError(t *testing.T) {
	t.Parallel()
	var set Ranges
	for i := range 100 {
		see(t, &set, 0, fmt.Sprint(i), Print{})
	}
	stop, n := errors.New("stop"), 0
	err := set.Sweep(1, func([]byte, Print) error {
		if n++; n > 10 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || set.Len() != 90 {
		t.Errorf("Sweep = %v, Len() = %d; want stop and 90", err, set.Len())
	}
	n = 0
	if err := set.Sweep(1, func([]byte, Print) error { n++; return nil }); err != nil || n != 90 {
		t.Errorf("the next Sweep = %v and names %d, want 90", err, n)
	}
}

// A range that was cut in two may be seen by two cursors at the same time.
func TestCursorsOnOneRangeAtTheSameTime(t *testing.T) {
	t.Parallel()
	var set Ranges
	for pass := range 3 {
		var wait sync.WaitGroup
		for half := range 2 {
			wait.Go(func() {
				c := set.Cursor(pass)
				defer c.Close()
				for number := range 20 {
					for i := range 500 {
						id := fmt.Append(nil, number*1000+2*i+half)
						if change, _, err := c.Observe(number, id, Print{Hash: 1}); err != nil || (change == New) != (pass == 0) {
							t.Errorf("pass %d: Observe(%s) = %v, %v", pass, id, change, err)
						}
					}
				}
			})
		}
		wait.Wait()
		if set.Len() != 20000 {
			t.Errorf("Len() = %d, want 20000", set.Len())
		}
	}
}

func TestIDThatComesTwice(t *testing.T) {
	t.Parallel()
	var set Ranges
	for pass := range 2 {
		see(t, &set, pass, "1", Print{})
		c := set.Cursor(pass)
		if _, _, err := c.Observe(0, []byte("1"), Print{}); !errors.Is(err, ErrTwice) {
			t.Errorf("pass %d: %v, want ErrTwice", pass, err)
		}
		c.Close()
	}
}

// Where no file can be made, everything stays in memory, and that is said.
func TestNoFile(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	set := &Ranges{memory: 1}
	for pass := range 2 {
		if change := see(t, set, pass, "1", Print{}); (change == New) != (pass == 0) {
			t.Errorf("pass %d: %v", pass, change)
		}
	}
	if err := set.Unspilled(); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("Unspilled() = %v, want the name of the directory", err)
	}
	if err := set.Close(); err != nil {
		t.Error(err)
	}
}

// A file that fails ends in an error when it is read, and in memory when it is
// written.
func TestBrokenFile(t *testing.T) {
	t.Parallel()
	set := &Ranges{memory: 1}
	see(t, set, 0, "1", Print{Hash: 5})
	file := set.spill.file
	if file == nil || set.inMemory.Load() != 0 {
		t.Fatal("not in the file")
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	c := set.Cursor(1)
	if _, _, err := c.Observe(0, []byte("1"), Print{}); err == nil {
		t.Error("a range that cannot be read back is taken for one")
	}
	c.Close()
	if _, _, err := c.Observe(1, []byte("2"), Print{}); err != nil {
		t.Error(err)
	}
	c.Close()
	if set.Unspilled() == nil {
		t.Error("Unspilled() = nil after a failure")
	}
	if c := set.Cursor(2); set.inMemory.Load() == 0 {
		t.Error("what cannot be written is not in memory")
	} else if change, _, err := c.Observe(1, []byte("2"), Print{}); err != nil || change != Same {
		t.Errorf("Observe = %v, %v; want Same, from memory", change, err)
	}
}
