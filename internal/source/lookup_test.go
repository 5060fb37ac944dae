package source

import (
	"fmt"
	"strings"
	"testing"
)

const posts = `
CREATE TABLE person (id bigint PRIMARY KEY);
CREATE TABLE post (id int PRIMARY KEY, title text, grade int, code text, a int, b int);
CREATE TABLE grade (id int PRIMARY KEY, label text);
CREATE TABLE job (id bigint PRIMARY KEY, person_id bigint, post_id bigint, code text);
INSERT INTO person SELECT i FROM generate_series(1, 2000) i;
INSERT INTO grade SELECT i, CASE WHEN i % 5 > 0 THEN 'grade "' || i || '"' END FROM generate_series(1, 20) i;
INSERT INTO post SELECT i * 3, CASE WHEN i % 9 > 0 THEN 'title' || i END, i % 25, 'c' || i, nullif(i % 7, 0), nullif(i % 5, 0)
	FROM generate_series(1, 300) i;
INSERT INTO job SELECT i, i % 2000 + 1, CASE WHEN i % 11 > 0 THEN i % 1000 END, CASE WHEN i % 13 > 0 THEN 'c' || i % 400 END
	FROM generate_series(1, 9000) i;
CREATE INDEX ON job (person_id);
ANALYZE;`

func withLookups(cfg Config, unpivot string, lookups ...string) Config {
	l := &cfg.Lists[0]
	l.Unpivot, l.Distinct = unpivot, unpivot != ""
	for i, sql := range lookups {
		l.Lookups = append(l.Lookups, Lookup{Query: Query{Name: fmt.Sprintf("look%d.sql", i+1), SQL: sql}})
	}
	return cfg
}

// Keys that are NULL or have no row are among them, small ranges and large ones.
func TestLookupsAreLeftJoins(t *testing.T) {
	t.Parallel()
	url := database(t, posts)
	for name, tt := range map[string]struct {
		list, unpivot string
		lookups       []string
		want          string // the elements of p
	}{
		"by integer": {
			"SELECT person_id AS id, id AS job, post_id FROM job", "",
			[]string{"SELECT title, id AS post_id, a FROM post"},
			`SELECT jsonb_build_object('job', j.id, 'post_id', post_id, 'title', title, 'a', a) AS e
				FROM job j LEFT JOIN post ON post.id = post_id WHERE person_id = p.id`,
		},
		"by text, ordered": {
			"SELECT person_id AS id, code, id AS job FROM job ORDER BY job.id DESC", "",
			[]string{"SELECT code, title FROM post -- the end"},
			`SELECT jsonb_build_object('job', j.id, 'code', j.code, 'title', title) AS e
				FROM job j LEFT JOIN post USING (code) WHERE person_id = p.id ORDER BY j.id DESC`,
		},
		"two of them": {
			"SELECT person_id AS id, job.id AS job, post_id, 1 + job.id % 22 AS grade FROM job", "",
			[]string{"SELECT id AS post_id, title FROM post;", "SELECT id::bigint AS grade, label FROM grade"},
			`SELECT jsonb_build_object('job', j.id, 'post_id', post_id, 'title', title, 'grade', 1 + j.id % 22, 'label', label) AS e
				FROM job j LEFT JOIN post ON post.id = post_id LEFT JOIN grade g ON g.id = 1 + j.id % 22 WHERE person_id = p.id`,
		},
		"unpivoted, distinct": {
			"SELECT person_id AS id, post_id, job.id % 3 AS own FROM job", "n",
			[]string{"SELECT id AS post_id, a, b FROM post"},
			`SELECT DISTINCT jsonb_build_object('n', n) AS e FROM job j LEFT JOIN post ON post.id = post_id,
				LATERAL (VALUES (a), (b), (j.id % 3)) u (n) WHERE person_id = p.id AND n IS NOT NULL`,
		},
		"of an empty table": {
			"SELECT person_id AS id, id AS job, post_id FROM job", "",
			[]string{"SELECT id AS post_id, title FROM post WHERE false"},
			`SELECT jsonb_build_object('job', j.id, 'post_id', post_id, 'title', NULL) AS e FROM job j WHERE person_id = p.id`,
		},
	} {
		for _, size := range []int{1, 100, 1 << 20} {
			t.Run(fmt.Sprintf("%s, %d documents per range", name, size), func(t *testing.T) {
				t.Parallel()
				cfg := withLookups(config(url, "id", "SELECT id FROM person", "jobs", tt.list), tt.unpivot, tt.lookups...)
				cfg.RangeDocuments = size
				got, _ := mustLoad(t, open(t, cfg), 2)
				order := "" // as they come
				if !strings.Contains(tt.list, "ORDER BY") {
					order = " ORDER BY e"
					sortLists(t, got)
				}
				wantDocs(t, url, `SELECT p.id, jsonb_build_object('id', p.id, 'jobs', (SELECT coalesce(jsonb_agg(e`+order+`), '[]') FROM (`+
					tt.want+`) e)) FROM person p`, got)
			})
		}
	}
}

// sortLists is for lists whose order is not the query's: theirs is that of their
// text, and jsonb has another.
func sortLists(t *testing.T, docs map[string]string) {
	t.Helper()
	url := database(t, "CREATE TABLE doc (id text, doc jsonb)")
	var values []string
	for id, doc := range docs {
		values = append(values, "('"+id+"', '"+doc+"')")
	}
	execSQL(t, url, "INSERT INTO doc VALUES "+strings.Join(values, ","))
	rows := rowsOf(t, url, `SELECT id, doc || jsonb_build_object('jobs', (SELECT coalesce(jsonb_agg(e ORDER BY e), '[]')
		FROM jsonb_array_elements(doc->'jobs') e)) FROM doc`)
	for _, row := range rows {
		docs[string(row[0])] = string(row[1])
	}
}

// A lookup is of the snapshot that its list is of, also when that is the second
// one of a source.
func TestLookupsAreOfTheirSnapshot(t *testing.T) {
	t.Parallel()
	url := database(t, posts)
	src := open(t, withLookups(config(url, "id", "SELECT id FROM person", "jobs", "SELECT person_id AS id, id AS job, post_id FROM job"),
		"", "SELECT id AS post_id, title FROM post"))
	before := snapshot(t, src)
	execSQL(t, url, "UPDATE post SET title = 'new ' || id; INSERT INTO job VALUES (10000, 7, 3000, NULL); INSERT INTO post VALUES (3000, 'late')")
	for name, tt := range map[string]struct {
		snap *Snapshot
		want bool
	}{"before": {before, false}, "after": {snapshot(t, src), true}} {
		docs, _, _, err := load(t.Context(), tt.snap, 2)
		if err != nil {
			t.Fatal(err)
		}
		for id, doc := range docs {
			if other := map[bool]string{true: `"title":"title`, false: `"title":"new `}[tt.want]; strings.Contains(doc, other) {
				t.Fatalf("%s: document %s has a row of the other state: %s", name, id, doc)
			}
		}
		if strings.Contains(docs["7"], "late") != tt.want {
			t.Errorf("%s: %s", name, docs["7"])
		}
	}
}

func TestLookupsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	url := database(t, posts)
	const list = "SELECT person_id AS id, id AS job, post_id, code FROM job"
	for name, tt := range map[string]struct{ lookup, want string }{
		"no shared column":   {"SELECT id AS post, title FROM post", "look1.sql: shares no column with jobs.sql, or has no other; give the column by which"},
		"nothing to add":     {"SELECT id AS post_id FROM post", "look1.sql: shares no column with jobs.sql, or has no other"},
		"two shared columns": {"SELECT id AS post_id, code, title FROM post", `look1.sql: column "code": is a column of jobs.sql too; rename one of them`},
		"by the id":          {"SELECT id, title FROM post", `look1.sql: column "id": is the id, and rows are not looked up by that`},
		"types":              {"SELECT id::text AS post_id, title FROM post", `look1.sql: column "post_id": has type text here and bigint in jobs.sql; rows are found by an integer`},
		"no type of a key":   {"SELECT id::numeric AS post_id, title FROM post", `look1.sql: column "post_id": has type numeric here and bigint`},
		"a mistake":          {"SELECT id AS post_id,\n titel FROM post", `look1.sql:2: column "titel" does not exist`},
		"two statements":     {"SELECT 1; SELECT 2", "look1.sql: holds more than one statement"},
		"a column twice":     {"SELECT id AS post_id, title, title FROM post", `look1.sql: column "title": occurs twice`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantConfigError(t, withLookups(config(url, "id", "SELECT id FROM person", "jobs", list), "", tt.lookup), tt.want)
		})
	}
	for name, tt := range map[string]struct{ lookup, want string }{
		"a key twice":              {"SELECT 3 AS post_id, title FROM post", `look1.sql: id 3: column "post_id": two rows have this key; make it unique`},
		"a value that has no form": {"SELECT id AS post_id, 'NaN'::float8 AS x FROM post", `look1.sql: id 3: column "x": NaN and infinity have no form`},
		"too large":                {"SELECT id AS post_id, repeat(id || 'x', 300000) AS x FROM post", `: column "post_id": a lookup takes at most 64 MiB`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRowError(t, withLookups(config(url, "id", "SELECT id FROM person", "jobs", list), "", tt.lookup), tt.want)
		})
	}
}
