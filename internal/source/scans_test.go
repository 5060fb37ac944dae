package source

import (
	"strings"
	"testing"
)

// TestTablesThatAreReadForEveryRangeAreNamedWithTheirCure: four shapes that everybody
// writes first, and the same after the cure.
func TestTablesThatAreReadForEveryRangeAreNamedWithTheirCure(t *testing.T) {
	t.Parallel()
	url := database(t, `CREATE TABLE person (id int PRIMARY KEY, day text, name text);
		INSERT INTO person SELECT i, 'd' || i % 300, 'n' FROM generate_series(1, 30000) i;
		CREATE TABLE post (id int PRIMARY KEY, person_id int, title text);
		INSERT INTO post SELECT i, i, 't' FROM generate_series(1, 30000) i;
		CREATE TABLE indexed (LIKE post); INSERT INTO indexed SELECT * FROM post; CREATE INDEX ON indexed (person_id);
		CREATE TABLE grade (name text, label text); INSERT INTO grade SELECT 'n' || i, 'x' FROM generate_series(1, 300) i;
		CREATE TABLE expressed (LIKE person); INSERT INTO expressed SELECT * FROM person; CREATE INDEX ON expressed ((day || ':' || id));
		ANALYZE`)
	const derived = "SELECT day || ':' || id AS id, name FROM "
	for name, tt := range map[string]struct {
		cfg         Config
		table, cure string // "" for none
	}{
		"a derived id":                   {config(url, "id", derived+"person"), "public.person", "((the expression of"},
		"a derived id with an index":     {config(url, "id", derived+"expressed"), "", ""},
		"a foreign key without an index": {config(url, "id", "SELECT id, name FROM person", "posts", "SELECT person_id AS id, title FROM post"), "public.post", `CREATE INDEX ON "public"."post" (person_id)`},
		"a foreign key with an index":    {config(url, "id", "SELECT id, name FROM person", "posts", "SELECT person_id AS id, title FROM indexed"), "", ""},
		"an aggregate subquery": {
			config(url, "id", "SELECT p.id, b.n FROM person p LEFT JOIN (SELECT person_id, count(*) AS n FROM indexed GROUP BY person_id) b ON b.person_id = p.id"),
			"public.indexed", "/*range column*/",
		},
		"an aggregate subquery with a range": {
			config(url, "id", "SELECT p.id, b.n FROM person p LEFT JOIN (SELECT person_id, count(*) AS n FROM indexed WHERE true /*range person_id*/ GROUP BY person_id) b ON b.person_id = p.id"),
			"", "",
		},
		"a materialized WITH": {
			config(url, "id", "WITH b AS MATERIALIZED (SELECT person_id, title FROM indexed) SELECT p.id, b.title FROM person p LEFT JOIN b ON b.person_id = p.id"),
			"public.indexed", "/*range column*/",
		},
		"a small table that is joined": {config(url, "id", "SELECT p.id, g.label FROM person p LEFT JOIN grade g ON g.name = p.name"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := open(t, tt.cfg).Inspect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case tt.table == "" && len(found.Scans) > 0:
				t.Errorf("scans %+v; want none", found.Scans)
			case tt.table != "" && (len(found.Scans) != 1 || found.Scans[0].Table != tt.table || !strings.Contains(found.Scans[0].Cure, tt.cure)):
				t.Errorf("scans %+v; want %s and %q", found.Scans, tt.table, tt.cure)
			}
		})
	}
}
