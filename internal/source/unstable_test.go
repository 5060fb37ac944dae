package source

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"example.com/reindex/internal/document"
)

func TestColumnsThatAreOthersEachTimeAreNamedAndLeftOut(t *testing.T) {
	t.Parallel()
	url := database(t, `CREATE TABLE item (id int PRIMARY KEY, name text, post int); INSERT INTO item SELECT i, 'n' || i, i % 3 FROM generate_series(1, 500) i;
		CREATE TABLE part (item_id int, m int); INSERT INTO part SELECT i, i FROM generate_series(1, 500) i, generate_series(1, 3);
		CREATE TABLE post AS SELECT i AS post, 't' || i AS title FROM generate_series(0, 2) i`)
	cfg := config(url, "id", `SELECT id, name, post, now() AS "indexedAt", NULL::text AS none FROM item`,
		"parts", "SELECT item_id AS id, m, random() AS r FROM part", "fixed", "SELECT item_id AS id, m, current_date AS day FROM part")
	cfg.Lookups = []Lookup{{Query: Query{Name: "posts.sql", SQL: "SELECT post, title, clock_timestamp() AS at FROM post"}}}
	cfg.RangeDocuments = 100
	src := open(t, cfg)
	found, err := src.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Unstable{{"document.sql", "indexedAt"}, {"posts.sql", "at"}, {"parts.sql", "r"}}
	if !slices.Equal(found.Unstable, want) {
		t.Errorf("Inspect finds %v, want %v", found.Unstable, want)
	}
	read := func(snap *Snapshot) (plain, compared map[string]string) {
		plain, compared = map[string]string{}, map[string]string{}
		_, err := snap.Stream(t.Context(), func(d document.Document) error {
			plain[string(d.ID)], compared[string(d.ID)] = string(d.JSON), string(d.Compared)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return plain, compared
	}
	first, second := snapshot(t, src), snapshot(t, src)
	if !slices.Equal(first.Info().Unstable, want) {
		t.Errorf("the snapshot has %v, want %v", first.Info().Unstable, want)
	}
	plainA, comparedA := read(first)
	plainB, comparedB := read(second)
	if maps.Equal(plainA, plainB) || !maps.Equal(comparedA, comparedB) || len(comparedA) != 500 {
		t.Error("documents are to differ, and to be equal without the columns that do")
	}
	one := plainA["7"]
	if !strings.HasPrefix(one, `{"id":7,"name":"n7","post":1,"indexedAt":"2`) || !strings.Contains(one, `"none":null,"title":"t1","at":"2`) ||
		strings.Count(one, `"r":`) != 3 {
		t.Errorf("document 7 is %s", one)
	}
	if strings.ContainsAny(plainA["7"], "\x00\x01") {
		t.Errorf("%q has the bytes that mark a value", plainA["7"])
	}
}

func TestStableSourcesCompareTheirJSON(t *testing.T) {
	t.Parallel()
	snap := snapshot(t, open(t, config(database(t, people), "id", peopleSQL, "jobs", jobsSQL)))
	if unstable := snap.Info().Unstable; len(unstable) > 0 {
		t.Errorf("%v is said to change", unstable)
	}
	_, err := snap.Stream(t.Context(), func(d document.Document) error {
		if d.Compared != nil {
			t.Errorf("document %s has something else to compare", d.ID)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
