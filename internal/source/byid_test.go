package source

import (
	"fmt"
	"testing"

	"example.com/reindex/internal/document"
)

func TestStreamByID(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, id, missing string }{
		{"integers", "i::int", "1000"},
		{"text", "'k' || i", "zz"},
		{"uuids", "md5(i::text)::uuid", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := database(t,
				"CREATE TABLE p AS SELECT "+tt.id+" AS id, 'n' || i AS name FROM generate_series(1, 500) i", "CREATE UNIQUE INDEX ON p (id)",
				"CREATE TABLE l AS SELECT id, g AS v FROM p, generate_series(1, 2) g")
			cfg := config(url, "id", "SELECT id, name FROM p", "l", "SELECT id, v FROM l")
			cfg.RangeDocuments, cfg.maxRangeBytes = 50, 2000 // so that what is read is cut, too
			snap := snapshot(t, open(t, cfg))
			show := func(number int, d document.Document) string { return fmt.Sprintf("range %d: %s", number, d.JSON) }
			want := map[string]string{}
			ids := []string{tt.missing}
			if _, err := snap.Stream(t.Context(), func(d document.Document) error {
				want[string(d.ID)] = show(d.Range, d)
				if len(want)%7 == 0 {
					ids = append(ids, string(d.ID))
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			exists := true
			stats, err := snap.StreamByID(t.Context(), ids, func(number int, docs []document.Document) error {
				for _, d := range docs {
					got[string(d.ID)] = show(number, d)
					if string(d.ID) == tt.missing {
						exists = d.JSON != nil
					}
				}
				return nil
			})
			if err != nil || len(got) != len(ids) || stats.Documents != int64(len(ids)-1) || exists {
				t.Errorf("%d documents of %d ids, %d came, the missing one exists: %t; %v", stats.Documents, len(ids), len(got), exists, err)
			}
			for _, id := range ids[1:] {
				if got[id] != want[id] {
					t.Errorf("document %s: %s, want %s", id, got[id], want[id])
				}
			}
		})
	}
}
