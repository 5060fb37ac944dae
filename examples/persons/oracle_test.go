package persons_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"example.com/reindex/internal/config"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/source"
)

// TestDocumentsAreTheOracles reads the register as a run does, by reindex.yaml.
func TestDocumentsAreTheOracles(t *testing.T) {
	t.Parallel()
	conn := seed(t, seeded)
	set, err := config.Load("reindex.yaml", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := set.Indices[0]
	if _, err := conn.Exec(t.Context(), "SET TimeZone = 'UTC'"); err != nil { // as the program's
		t.Fatal(err)
	}
	got := read(t, conn.Config().ConnString(), c.Source)
	rows, err := conn.Query(t.Context(), "SELECT id::text, doc::text, rev FROM "+subquery(t, "oracle.sql"))
	if err != nil {
		t.Fatal(err)
	}
	var id, text string
	var rev int64
	found := 0
	if _, err := pgx.ForEachRow(rows, []any{&id, &text, &rev}, func() error {
		found++
		if diff := cmp.Diff(fields(t, text), fields(t, string(got[id].JSON))); diff != "" {
			t.Errorf("person %s (-oracle +document):\n%s", id, diff)
		}
		if got[id].Version != rev {
			t.Errorf("person %s has version %d, want %d", id, got[id].Version, rev)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if found == 0 || found != len(got) {
		t.Errorf("%d documents for %d persons", len(got), found)
	}
}

// read returns all documents by id, read in several ranges.
func read(t *testing.T, url string, c config.Source) map[string]document.Document {
	t.Helper()
	query := func(f config.File) source.Query { return source.Query{Name: f.Path, SQL: f.Text} }
	lookups := func(configured []config.Lookup) []source.Lookup {
		var list []source.Lookup
		for _, l := range configured {
			list = append(list, source.Lookup{Query: query(l.File), By: l.By, As: l.As})
		}
		return list
	}
	cfg := source.Config{
		URL: url, ID: c.ID, Version: c.Version, Document: query(c.Document.File), Lookups: lookups(c.Document.Lookups),
		Coalesce: c.Document.Coalesce, Omit: c.Document.Omit, RangeDocuments: seeded / 10,
	}
	for _, l := range c.Lists {
		cfg.Lists = append(cfg.Lists, source.List{
			Field: l.Field, Query: query(l.File), Lookups: lookups(l.Lookups), Distinct: l.Distinct, Unpivot: l.Unpivot,
		})
	}
	src, err := source.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	snapshot, err := src.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	if _, err := snapshot.Count(t.Context()); err != nil { // tests the range comments
		t.Fatal(err)
	}
	documents := map[string]document.Document{}
	if _, err := snapshot.Stream(t.Context(), func(d document.Document) error {
		documents[string(d.ID)] = document.Document{Version: d.Version, JSON: slices.Clone(d.JSON)}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return documents
}

// fields are the fields of a document, each list as the sorted texts of its
// elements: their order is nobody's promise.
func fields(t *testing.T, text string) map[string]any {
	t.Helper()
	values := map[string]any{}
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&values); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	for name, value := range values {
		elements, ok := value.([]any)
		if !ok {
			continue
		}
		texts := make([]string, len(elements))
		for i, element := range elements {
			element, err := json.Marshal(element)
			if err != nil {
				t.Fatal(err)
			}
			texts[i] = string(element)
		}
		slices.Sort(texts)
		values[name] = texts
	}
	return values
}
