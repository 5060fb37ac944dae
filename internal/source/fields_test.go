package source

import (
	"fmt"
	"testing"
)

// Members have no programme, one that is not there, one without an owner and one
// with; and so with their posts and rooms.
const members = `
CREATE TABLE member (id bigint PRIMARY KEY, name text, programme bigint, post text, room uuid, rev bigint DEFAULT 1);
CREATE TABLE programme (id int PRIMARY KEY, title text, owner text, size int);
CREATE TABLE post (code text PRIMARY KEY, owner varchar(40), size numeric);
CREATE TABLE room (id uuid PRIMARY KEY, owner text, door jsonb, flag boolean);
INSERT INTO programme SELECT i, 'title' || i % 9, CASE WHEN i % 3 > 0 THEN 'of "programme":null' || i % 4 END, nullif(i % 5, 0)
	FROM generate_series(1, 90) i;
INSERT INTO post SELECT 'c' || i, CASE WHEN i % 4 > 0 THEN 'of post :null' END, nullif(i % 7, 0) / 2.0 FROM generate_series(1, 300) i;
INSERT INTO room SELECT md5(i::text)::uuid, CASE WHEN i % 5 > 0 THEN 'of room ' || i END,
	(CASE i % 3 WHEN 0 THEN '{"a": null}' WHEN 1 THEN '[null]' END)::jsonb, nullif(i % 4, 0) = 1 FROM generate_series(1, 100) i;
INSERT INTO member SELECT i, 'n' || i, CASE WHEN i % 3 > 0 THEN i % 100 END, CASE WHEN i % 5 > 0 THEN 'c' || i % 320 END,
	CASE WHEN i % 7 > 0 THEN md5((i % 110)::text)::uuid END FROM generate_series(1, 2000) i;
ANALYZE;`

// withFields gives the document query lookups.
func withFields(cfg Config, coalesce, omit []string, lookups ...string) Config {
	cfg.Coalesce, cfg.Omit = coalesce, omit
	for i, sql := range lookups {
		cfg.Lookups = append(cfg.Lookups, Lookup{Query: Query{Name: fmt.Sprintf("look%d.sql", i+1), SQL: sql}})
	}
	return cfg
}

func TestFieldsOfLookupsAreLeftJoins(t *testing.T) {
	t.Parallel()
	url := database(t, members)
	for name, tt := range map[string]struct {
		document       string
		lookups        []string
		coalesce, omit []string
		want           string // rows of the same fields
	}{
		"by integer": {
			document: "SELECT programme, id FROM member",
			lookups:  []string{"SELECT title, id AS programme, size FROM programme"},
			want:     "SELECT m.id, programme, title, size FROM member m LEFT JOIN programme p ON p.id = programme",
		},
		"by text, the key no field": {
			document: "SELECT id, post AS code, name FROM member",
			lookups:  []string{"SELECT * FROM post -- the end"}, omit: []string{"code"},
			want: "SELECT id, name, owner, size FROM member LEFT JOIN post ON code = post",
		},
		"by uuid": {
			document: "SELECT id, room, 1 AS one FROM member",
			lookups:  []string{"SELECT id AS room, door, owner, flag FROM room;"}, omit: []string{"one"},
			want: "SELECT m.id, room, owner, door, flag FROM member m LEFT JOIN room r ON r.id = room",
		},
		"the first that is not NULL": {
			document: "SELECT id, programme, post, room FROM member",
			lookups: []string{
				"SELECT id AS programme, owner, title, size FROM programme", "SELECT owner, code AS post, size FROM post",
				"SELECT flag, owner, id AS room FROM room",
			},
			coalesce: []string{"owner", "size"}, omit: []string{"post", "programme", "room"},
			want: `SELECT m.id, coalesce(p.owner, o.owner, r.owner) AS owner, title, coalesce(p.size, o.size) AS size, flag FROM member m
				LEFT JOIN programme p ON p.id = programme LEFT JOIN post o ON o.code = post LEFT JOIN room r ON r.id = room`,
		},
		"the other way round": {
			document: "SELECT id, programme, post FROM member",
			lookups:  []string{"SELECT owner, code AS post FROM post", "SELECT id AS programme, owner FROM programme"},
			coalesce: []string{"owner"},
			want: `SELECT m.id, programme, post, coalesce(o.owner, p.owner) AS owner FROM member m
				LEFT JOIN programme p ON p.id = programme LEFT JOIN post o ON o.code = post`,
		},
		"two by one key": {
			document: "SELECT id, programme FROM member",
			lookups: []string{
				"SELECT id AS programme, owner FROM programme WHERE id % 2 = 0", "SELECT id AS programme, title AS owner FROM programme",
			},
			coalesce: []string{"owner"}, omit: []string{"programme"},
			want: `SELECT m.id, coalesce(CASE WHEN p.id % 2 = 0 THEN owner END, title) AS owner FROM member m LEFT JOIN programme p ON p.id = programme`,
		},
		"of an empty table": {
			document: "SELECT id, programme FROM member",
			lookups:  []string{"SELECT id AS programme, title FROM programme WHERE false"},
			want:     "SELECT id, programme, NULL AS title FROM member",
		},
		"omitted without lookups": {
			document: "SELECT name, id, post FROM member", omit: []string{"post", "name"},
			want: "SELECT id FROM member",
		},
	} {
		for _, size := range []int{100, 1 << 20} {
			t.Run(fmt.Sprintf("%s, %d documents per range", name, size), func(t *testing.T) {
				t.Parallel()
				cfg := withFields(config(url, "id", tt.document), tt.coalesce, tt.omit, tt.lookups...)
				cfg.RangeDocuments = size
				got, _ := mustLoad(t, open(t, cfg), 2)
				wantDocs(t, url, "SELECT id, to_jsonb(d) FROM ("+tt.want+") d", got)
			})
		}
	}
}

// What is added stands behind the query's own fields, where it first appears, and
// before the lists, which may have lookups too and a name that was omitted.
func TestOrderOfFields(t *testing.T) {
	t.Parallel()
	url := database(t, members)
	cfg := withFields(config(url, "id", "SELECT programme, id, post, rev, name FROM member WHERE id = 8",
		"post", "SELECT id, programme FROM member"), []string{"owner"}, []string{"post"},
		"SELECT owner, code AS post FROM post", "SELECT id AS programme, title, owner FROM programme")
	cfg.Version = "rev"
	cfg.Lists[0].Lookups = []Lookup{{Query: Query{Name: "look3.sql", SQL: "SELECT id AS programme, owner FROM programme"}}}
	got, _ := mustLoad(t, open(t, cfg), 1)
	want := `{"programme":8,"id":8,"name":"n8","owner":"of \"programme\":null0","title":"title8",` +
		`"post":[{"programme":8,"owner":"of \"programme\":null0"}]}`
	if got["8"] != want {
		t.Errorf("document\n%s, want\n%s", got["8"], want)
	}
}

// A second look at the source reads single documents, with the same fields.
func TestFieldsOfLookupsOfChangedDocuments(t *testing.T) {
	t.Parallel()
	url := database(t, members)
	cfg := withFields(config(url, "id", "SELECT id, programme, post, rev FROM member"), []string{"owner"}, []string{"programme", "post"},
		"SELECT id AS programme, owner FROM programme", "SELECT code AS post, owner FROM post")
	cfg.Version = "rev"
	src := open(t, cfg)
	m := remember(t, src)
	execSQL(t, url, `UPDATE programme SET owner = NULL WHERE id = 8; UPDATE post SET owner = 'new' WHERE code = 'c8';
		UPDATE member SET rev = 2, post = 'c8' WHERE programme = 8; UPDATE member SET rev = 3, programme = 7 WHERE id = 9`)
	got, err := changed(t, src, m)
	if err != nil {
		t.Fatal(err)
	}
	wantDocs(t, url, `SELECT m.id, jsonb_build_object('id', m.id, 'owner', coalesce(p.owner, o.owner)) FROM member m
		LEFT JOIN programme p ON p.id = programme LEFT JOIN post o ON o.code = post WHERE rev > 1`, got)
}

func TestFieldsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	url := database(t, members)
	const (
		sql   = "SELECT id, programme, post, name, rev FROM member"
		first = "SELECT id AS programme, owner, title, size FROM programme"
	)
	owner, none := []string{"owner"}, []string(nil)
	for name, tt := range map[string]struct {
		coalesce, omit []string
		lookups        []string
		want           string
	}{
		"no shared column":   {none, none, []string{"SELECT id AS other, title FROM programme"}, "look1.sql: shares no column with document.sql, or has no other"},
		"nothing to add":     {none, none, []string{"SELECT id AS programme FROM programme"}, "look1.sql: shares no column with document.sql, or has no other"},
		"two shared columns": {none, none, []string{"SELECT id AS programme, title AS name FROM programme"}, `look1.sql: column "name": is a column of document.sql too; rename one of them`},
		"by the id":          {none, none, []string{"SELECT id, title FROM programme"}, `look1.sql: column "id": is the id, and rows are not looked up by that`},
		"by the version":     {none, none, []string{"SELECT id AS rev, title FROM programme"}, `look1.sql: column "rev": is the version, and rows are not looked up by that`},
		"types":              {none, none, []string{"SELECT id::text AS programme, title FROM programme"}, `look1.sql: column "programme": has type text here and bigint in document.sql`},
		"a mistake":          {none, none, []string{"SELECT id AS programme,\n titel FROM programme"}, `look1.sql:2: column "titel" does not exist`},
		"a column of two": {
			none, none,
			[]string{first, "SELECT code AS post, owner FROM post"},
			`look2.sql: column "owner": is a column of look1.sql too; rename one of them, or name it in coalesce if only lookups have it`,
		},
		"another column of two": {
			owner, none, []string{first, "SELECT code AS post, owner, size FROM post"}, `look2.sql: column "size": is a column of look1.sql too`,
		},
		"coalesced once": {
			owner, none,
			[]string{first, "SELECT code AS post, size::int AS points FROM post"},
			`document.sql: column "owner": is in coalesce and only look1.sql adds it; give the column of another lookup the same name`,
		},
		"coalesced never": {
			[]string{"owners"},
			none,
			[]string{first},
			`document.sql: column "owners": is in coalesce and no lookup adds it; they add owner, title, size`,
		},
		"coalesced without lookups": {
			owner, none, nil, `document.sql: column "owner": is in coalesce and no lookup adds it; the document query has none`,
		},
		"coalesced twice": {[]string{"owner", "owner"}, none, []string{first}, `document.sql: column "owner": is in coalesce twice`},
		"coalesced column of the query": {
			[]string{"name"}, none, []string{first}, `document.sql: column "name": is in coalesce and is a column of this query`,
		},
		"coalesced text and number": {
			owner, none,
			[]string{first, "SELECT code AS post, size AS owner FROM post"},
			`look2.sql: column "owner": is coalesced and has type numeric here and text in look1.sql; cast one of them`,
		},
		"coalesced text and date": {
			owner, none,
			[]string{first, "SELECT code AS post, current_date AS owner FROM post"},
			`look2.sql: column "owner": is coalesced and has type date here and text in look1.sql`,
		},
		"coalesced arrays": {
			owner, none,
			[]string{"SELECT id AS programme, ARRAY[1] AS owner FROM programme", "SELECT code AS post, ARRAY['x'] AS owner FROM post"},
			`look2.sql: column "owner": is coalesced and has type text[] here and integer[] in look1.sql`,
		},
		"omitted id":      {none, []string{"id"}, nil, `document.sql: column "id": is in omit and is the id`},
		"omitted version": {none, []string{"rev"}, nil, `document.sql: column "rev": is in omit and is the version`},
		"omitted twice":   {none, []string{"name", "post", "name"}, nil, `document.sql: column "name": is in omit twice`},
		"omitted unknown": {
			none,
			[]string{"nome"},
			[]string{first},
			`document.sql: column "nome": is in omit and is not a column of this query; it has id, programme, post, name, rev`,
		},
		"omitted of a lookup": {none, []string{"title"}, []string{first}, `document.sql: column "title": is in omit and is not a column of this query`},
		"list of that name":   {none, none, []string{"SELECT id AS programme, owner AS list FROM programme"}, `list.sql: column "list": is a list and a column of look1.sql`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := withFields(config(url, "id", sql, "list", "SELECT id, size FROM programme"), tt.coalesce, tt.omit, tt.lookups...)
			cfg.Version = "rev"
			wantConfigError(t, cfg, tt.want)
		})
	}
	for name, tt := range map[string]struct{ lookup, want string }{
		"a key twice":              {"SELECT 3 AS programme, title FROM programme", `look1.sql: id 3: column "programme": two rows have this key; make it unique`},
		"a value that has no form": {"SELECT id AS programme, 'NaN'::float8 AS x FROM programme", `look1.sql: id 1: column "x": NaN and infinity have no form`},
		"too large":                {"SELECT id AS programme, repeat(id || 'x', 500000) AS x FROM programme", `: column "programme": a lookup takes at most 64 MiB`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRowError(t, withFields(config(url, "id", sql), nil, nil, tt.lookup), tt.want)
		})
	}
}
