package scaffold_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"example.com/reindex/internal/config"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/scaffold"
	"example.com/reindex/internal/source"
)

const schema = `
CREATE TABLE "Customer" (id uuid PRIMARY KEY, name text, born date, tags text[]);
CREATE TABLE address (customer uuid PRIMARY KEY REFERENCES "Customer", city text);
CREATE TABLE orders (id int PRIMARY KEY, buyer uuid NOT NULL REFERENCES "Customer", payer uuid REFERENCES "Customer", total numeric);
INSERT INTO "Customer" VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'Zoë', '2000-02-29', '{a,b}');
INSERT INTO address VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'Leeds');
INSERT INTO orders VALUES (1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', NULL, 9.50);`

func TestWhatIsWrittenRuns(t *testing.T) {
	t.Parallel()
	url := stacktest.Database(t)
	execute(t, url, schema)
	table, err := source.ReadTable(t.Context(), url, `"Customer"`)
	if err != nil {
		t.Fatal(err)
	}
	files, err := scaffold.Files("customers", table)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Customer.sql", "customers.index.json", "orders_buyer.sql", "orders_payer.sql", "reindex.yaml"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(files))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	dir := filepath.Join(t.TempDir(), "new")
	if err := scaffold.Write(dir, files); err != nil {
		t.Fatal(err)
	}
	got := documents(t, url, filepath.Join(dir, "reindex.yaml"))
	wantDocument := `{"id":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","name":"Zoë","born":"2000-02-29","tags":["a","b"],"address_city":"Leeds",` +
		`"orders_buyer":[{"payer":null,"total":9.50,"orders_id":1}],"orders_payer":[]}`
	if diff := cmp.Diff([]string{wantDocument}, got); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
}

// documents reads what the written configuration makes of the database.
func documents(t *testing.T, url, path string) []string {
	t.Helper()
	c, err := config.Load(path, nil, config.Flags{})
	if err != nil {
		t.Fatal(err)
	}
	var lists []source.List
	for _, l := range c.Source.Lists {
		lists = append(lists, source.List{Field: l.Field, Query: source.Query{Name: l.Query.Path, SQL: l.Query.Text}})
	}
	src, err := source.Open(t.Context(), source.Config{
		URL: url, ID: c.Source.ID, Lists: lists,
		Document: source.Query{Name: c.Source.Document.Path, SQL: c.Source.Document.Text},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	snapshot, err := src.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	var got []string
	if _, err := snapshot.Stream(t.Context(), func(d document.Document) error {
		got = append(got, string(d.JSON))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestNoFileIsOverwritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "b.sql"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := scaffold.Write(dir, map[string]string{"a.sql": "", "b.sql": ""})
	if err == nil || !strings.Contains(err.Error(), "b.sql exists") {
		t.Errorf("Write over b.sql = %v; want an error that names it", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a.sql")); err == nil {
		t.Error("a.sql was written although b.sql was in the way")
	}
}

func TestTableWithoutKeyIsRefused(t *testing.T) {
	t.Parallel()
	url := stacktest.Database(t)
	execute(t, url, "CREATE TABLE loose (a int)")
	for name, want := range map[string]string{"loose": "no primary key", "nowhere": "no table nowhere"} {
		if _, err := source.ReadTable(t.Context(), url, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadTable(%s) = %v; want an error with %q", name, err, want)
		}
	}
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}
