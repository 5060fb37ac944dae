package source

import (
	"maps"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"example.com/reindex/internal/document"
)

// Fingerprints are kept by range, so an id must be in the range of the same
// number each time, however ranges are cut and whoever reads them.
func TestRangesHaveTheSameNumbersInEverySnapshot(t *testing.T) {
	t.Parallel()
	url := database(t, people, `CREATE TABLE doc (id text COLLATE "en-x-icu" PRIMARY KEY);
		INSERT INTO doc SELECT chr(64 + i % 50) || i FROM generate_series(1, 2000) i`)
	for name, sql := range map[string]string{"numbers": "SELECT id, name FROM person", "text": "SELECT id FROM doc"} {
		cfg := config(url, "id", sql)
		cfg.RangeDocuments, cfg.maxRangeBytes = 300, 12_000
		src := open(t, cfg)
		numbers := make([]map[string]int, 3)
		for i := range numbers {
			numbers[i] = map[string]int{}
			snap := snapshot(t, src)
			var mu sync.Mutex
			var streams errgroup.Group
			for range i + 1 {
				streams.Go(func() error {
					_, err := snap.Stream(t.Context(), func(d document.Document) error {
						mu.Lock()
						defer mu.Unlock()
						numbers[i][string(d.ID)] = d.Range
						return nil
					})
					return err
				})
			}
			if err := streams.Wait(); err != nil {
				t.Fatal(err)
			}
		}
		different := map[int]bool{}
		for _, n := range numbers[0] {
			different[n] = true
		}
		if len(different) < 4 || len(different) > 20 {
			t.Errorf("%s: %d ranges of 300", name, len(different))
		}
		for i := range numbers {
			if !maps.Equal(numbers[0], numbers[i]) {
				t.Errorf("%s: snapshot %d, ids are in other ranges", name, i)
			}
		}
	}
}
