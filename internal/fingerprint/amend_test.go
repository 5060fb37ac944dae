package fingerprint

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// ranged fills a range with the ids 1 to 5, as pass 0, in memory or in the file.
func ranged(t *testing.T, memory int64) *Ranges {
	t.Helper()
	r := &Ranges{memory: memory}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	c := r.Cursor(0)
	for i := range 5 {
		id := fmt.Append(nil, i+1)
		if _, _, err := c.Observe(3, id, Of(id, int64(i+1))); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	return r
}

func TestAmend(t *testing.T) {
	t.Parallel()
	for _, memory := range []int64{MemoryBytes, 1} {
		r := ranged(t, memory)
		now := []Now{
			{ID: []byte("9"), Print: Of([]byte("nine"), 1)},
			{ID: []byte("4"), Print: Of([]byte("other"), 7)},
			{ID: []byte("2"), Gone: true},
			{ID: []byte("1"), Print: Of([]byte("1"), 8)},
			{ID: []byte("8"), Gone: true},
		}
		var got []string
		err := r.Amend(1, 3, now, func(i int, change Change, old Print) error {
			got = append(got, fmt.Sprintf("%s %d gone %t, was %d", now[i].ID, change, now[i].Gone, old.Version))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		want := []string{"2 2 gone true, was 2", "4 2 gone false, was 4", "9 1 gone false, was 0"}
		if !slices.Equal(got, want) {
			t.Errorf("changed %q, want %q", got, want)
		}
		if r.Len() != 6 {
			t.Errorf("%d documents are recorded, want 6: what is gone was not deleted yet", r.Len())
		}
		var forgotten []string
		if err := r.Forget(3, [][]byte{[]byte("2"), []byte("8")}, func(id []byte, old Print) error {
			forgotten = append(forgotten, fmt.Sprint(string(id), " was ", old.Version))
			return nil
		}); err != nil || r.Len() != 5 || !slices.Equal(forgotten, []string{"2 was 2"}) {
			t.Errorf("%d documents are recorded, want 5; forgotten %q, %v", r.Len(), forgotten, err)
		}
		// A full pass that follows takes the others for what they were.
		c := r.Cursor(2)
		for _, tt := range []struct {
			id, body string
			want     Change
		}{{"1", "1", Same}, {"3", "3", Same}, {"4", "other", Same}, {"9", "nine", Same}} {
			if change, _, err := c.Observe(3, []byte(tt.id), Of([]byte(tt.body), 1)); err != nil || change != tt.want {
				t.Errorf("document %s: %v, %v, want %v", tt.id, change, err, tt.want)
			}
		}
		c.Close()
		var gone []string
		if err := r.Sweep(2, func(id []byte, _ Print) error { gone = append(gone, string(id)); return nil }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(gone, []string{"5"}) {
			t.Errorf("gone %q, want 5", gone)
		}
	}
}

func TestAmendOfAnUnknownRange(t *testing.T) {
	t.Parallel()
	r := ranged(t, MemoryBytes)
	added := 0
	err := r.Amend(1, 7, []Now{{ID: []byte("x"), Print: Of([]byte("x"), 1)}}, func(int, Change, Print) error {
		added++
		return nil
	})
	if err != nil || added != 1 || r.Len() != 6 {
		t.Errorf("%d added, %d recorded, %v", added, r.Len(), err)
	}
	var gone int
	if err := r.Sweep(2, func([]byte, Print) error { gone++; return nil }); err != nil || gone != 6 {
		t.Errorf("a sweep of a pass that saw nothing found %d, %v; want all 6", gone, err)
	}
}

func TestAmendRecordsNothingAfterAnError(t *testing.T) {
	t.Parallel()
	r := ranged(t, MemoryBytes)
	enough := errors.New("enough")
	now := []Now{{ID: []byte("2"), Gone: true}}
	if err := r.Amend(1, 3, now, func(int, Change, Print) error { return enough }); !errors.Is(err, enough) {
		t.Fatalf("%v, want %v", err, enough)
	}
	seen := 0
	if err := r.Amend(2, 3, now, func(int, Change, Print) error { seen++; return nil }); err != nil || seen != 1 {
		t.Errorf("the second time %d changes, %v; want the same one again", seen, err)
	}
}
