package changes

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/internal/devstack/stacktest"
)

// keysOf describes each table as name(columns), in order.
func keysOf(m Snapshot) []string {
	var out []string
	for _, t := range m.set.tables {
		out = append(out, strings.TrimPrefix(t.name, "public.")+"("+strings.Join(t.keys, ",")+")")
	}
	return out
}

func TestKeysOfTheExample(t *testing.T) {
	t.Parallel()
	url := stacktest.Database(t)
	folder := filepath.Join("..", "..", "examples", "persons")
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimRight(string(text), "; \n")
	}
	open(t, url).must(read("schema.sql"))
	var queries []Query
	for _, name := range []string{"persons.sql", "programme_memberships.sql", "trusts.sql"} {
		queries = append(queries, Query{Name: name, SQL: read(name), ID: "personId", IDType: "bigint"})
	}
	for _, name := range []string{"programmes.sql", "posts.sql", "programme_owners.sql", "post_owners.sql"} {
		queries = append(queries, Query{Name: name, SQL: read(name)})
	}
	_, m := snapshot(t, url, queries)
	if r := m.Refusal(); r != nil {
		t.Fatalf("refused: %s", r)
	}
	want := []string{
		"contact_details(person_id)", "gdc_details(person_id)", "gmc_details(person_id)", "grade()", "person(id)", "placement(person_id)",
		"placement_specialty()", "post()", "programme()", "programme_membership(person_id)", "site()", "specialty()",
	}
	if diff := cmp.Diff(want, keysOf(m)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"posts.sql", "post_owners.sql", "programme_owners.sql", "programmes.sql"}, slices.Collect(maps.Keys(m.set.lookups)),
		cmp.Transformer("sort", func(s []string) []string { return slices.Sorted(slices.Values(s)) })); diff != "" {
		t.Errorf("lookups (-want +got):\n%s", diff)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, setup, sql, idType string
		want                     []string
	}{
		{name: "an OR proves nothing", sql: "SELECT p.id, (SELECT count(*) FROM note n WHERE n.person_id = p.id OR n.id = 7) FROM person p", want: []string{"note()", "person(id)"}},
		{name: "a window function proves nothing", sql: "SELECT id, row_number() OVER (ORDER BY id) FROM person", want: []string{"person()"}},
		{name: "a LIMIT proves nothing", sql: "SELECT id, name FROM person ORDER BY id LIMIT 10", want: []string{"person()"}},
		{name: "a materialized CTE proves nothing", sql: "WITH n AS MATERIALIZED (SELECT * FROM note) SELECT p.id, n.body FROM person p JOIN n ON n.person_id = p.id", want: []string{"note()", "person(id)"}},
		{name: "aggregates by the id", sql: "SELECT p.id, n.c FROM person p LEFT JOIN (SELECT person_id, count(*) AS c FROM note GROUP BY 1) n ON n.person_id = p.id", want: []string{"note(person_id)", "person(id)"}},
		{name: "NOT EXISTS", sql: "SELECT p.id FROM person p WHERE NOT EXISTS (SELECT FROM note n WHERE n.person_id = p.id AND n.body = 'x = $100')", want: []string{"note(person_id)", "person(id)"}},
		{
			name: "a table read twice by two columns", setup: "CREATE TABLE link (a bigint, b bigint)",
			sql:  "SELECT p.id, (SELECT count(*) FROM link l WHERE l.a = p.id), (SELECT count(*) FROM link m WHERE m.b = p.id) FROM person p",
			want: []string{"link(a,b)", "person(id)"},
		},
		{name: "a scalar subquery of its own", sql: "SELECT p.id, (SELECT max(id) FROM note) AS m FROM person p", want: []string{"note()", "person(id)"}},
		{name: "an expression is no key", sql: "SELECT p.id + 1 AS id FROM person p", want: []string{"person()"}},
		{name: "uuid", setup: "CREATE TABLE u (id uuid PRIMARY KEY, v text)", sql: "SELECT id, v FROM u", idType: "uuid", want: []string{"u(id)"}},
		{name: "varchar", setup: "CREATE TABLE u (id varchar(20) PRIMARY KEY, v text)", sql: "SELECT id, v FROM u", idType: "varchar", want: []string{"u(id)"}},
		{name: "text", setup: `CREATE TABLE u ("The.id""" text PRIMARY KEY, v text)`, sql: `SELECT "The.id""" AS id, v FROM u`, idType: "text", want: []string{`u(The.id")`}},
		{
			name: "a collation that takes different texts for equal", setup: "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false); CREATE TABLE u (id text COLLATE ci PRIMARY KEY, v text)",
			sql: "SELECT id, v FROM u", idType: "text", want: []string{"u()"},
		},
		{
			name: "partitions by the id", setup: `CREATE TABLE u (id bigint, v text) PARTITION BY RANGE (id);
			CREATE TABLE u1 PARTITION OF u FOR VALUES FROM (0) TO (10); CREATE TABLE u2 PARTITION OF u FOR VALUES FROM (10) TO (20)`,
			sql: "SELECT id, v FROM u", want: []string{"u(id)"},
		},
		{name: "a domain", setup: "CREATE DOMAIN key AS bigint; CREATE TABLE u (id key PRIMARY KEY, v text)", sql: "SELECT id, v FROM u", want: []string{"u(id)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := stacktest.Database(t)
			open(t, url).must(peopleTables + tt.setup)
			idType := tt.idType
			if idType == "" {
				idType = "bigint"
			}
			_, m := snapshot(t, url, []Query{{Name: "q.sql", SQL: tt.sql, ID: "id", IDType: idType}})
			if r := m.Refusal(); r != nil {
				t.Fatalf("refused: %s", r)
			}
			if diff := cmp.Diff(tt.want, keysOf(m)); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEqualities(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cond string
		want []equality
	}{
		{"(p.id = $100)", []equality{{"id", parameter()}}},
		{"(($100)::text = (p.code)::text)", []equality{{"code", parameter()}}},
		{"((p.id = $100) AND (p.name <> 'a) AND (p.x = $100'::text))", []equality{{"id", parameter()}}},
		{"((p.id = q.k) AND (p.b = $100))", []equality{{"id", operand{"q", "k"}}, {"b", parameter()}}},
		{"((p.id = $100) OR (p.b = $100))", nil},
		{"(NOT (p.id = $100))", nil},
		{"((p.id = $100) IS TRUE)", nil},
		{"(p.id = $10)", nil},
		{"(lower(p.id) = $100)", nil},
		{"(p.id >= $100)", nil},
		{`(p."a "" = b" = $100)`, []equality{{`a " = b`, parameter()}}},
		{"", nil},
	} {
		if got := equalities(tt.cond, "p"); !slices.Equal(got, tt.want) {
			t.Errorf("equalities(%s) = %v, want %v", tt.cond, got, tt.want)
		}
	}
}
