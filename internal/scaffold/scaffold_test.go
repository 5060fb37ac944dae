package scaffold_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// A shape is a schema, what init is asked for, and the documents that must come
// of what it writes.
type shape struct {
	name    string
	schema  string
	options scaffold.Options
	files   []string // nil: not looked at
	want    []string
}

func shapes() []shape {
	return slices.Concat(keys(), relations(), oddNames())
}

func keys() []shape {
	return []shape{
		{
			name: "a uuid, a table with one row and two keys of one table with many",
			schema: `
				CREATE TABLE "Customer" (id uuid PRIMARY KEY, name text, born date, tags text[]);
				CREATE TABLE address (customer uuid PRIMARY KEY REFERENCES "Customer", city text);
				CREATE TABLE orders (id int PRIMARY KEY, buyer uuid NOT NULL REFERENCES "Customer", payer uuid REFERENCES "Customer", total numeric);
				INSERT INTO "Customer" VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'Zoë', '2000-02-29', '{a,b}');
				INSERT INTO address VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'Leeds');
				INSERT INTO orders VALUES (1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', NULL, 9.50);`,
			options: scaffold.Options{Table: `"Customer"`},
			files:   []string{"reindex.yaml", "Customer.sql", "orders_buyer.sql", "orders_payer.sql", "customer.index.json"},
			want: []string{`{"id":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","name":"Zoë","born":"2000-02-29","tags":["a","b"],"address":{"city":"Leeds"},` +
				`"orders_buyer":[{"orders_id":1,"payer":null,"total":9.50}],"orders_payer":[]}`},
		},
		{
			name: "several columns, of which two may hold the colon",
			schema: `
				CREATE TABLE t (a text, b text, n int, v int, PRIMARY KEY (a, b, n));
				CREATE TABLE c (x text, y text, z int, w int, FOREIGN KEY (x, y, z) REFERENCES t);
				INSERT INTO t VALUES ('x:y', 'z', 1, 1), ('x', 'y:z', 1, 2), ('x\', 'y', -1, 3);
				INSERT INTO c VALUES ('x', 'y:z', 1, 7)`,
			options: scaffold.Options{Table: "t"},
			want: []string{
				`{"id":"x:y:z:1","a":"x","b":"y:z","n":1,"v":2,"c":[{"w":7}]}`,
				`{"id":"x\\:y:z:1","a":"x:y","b":"z","n":1,"v":1,"c":[]}`,
				`{"id":"x\\\\:y:-1","a":"x\\","b":"y","n":-1,"v":3,"c":[]}`,
			},
		},
		{
			name: "char, whose children have it with other blanks",
			schema: `
				CREATE TABLE t (code char(4) PRIMARY KEY, v int); CREATE TABLE c (code char(6) REFERENCES t, w int);
				INSERT INTO t VALUES ('ab', 1); INSERT INTO c VALUES ('ab', 2)`,
			options: scaffold.Options{Table: "t"},
			want:    []string{`{"code":"ab","v":1,"c":[{"w":2}]}`},
		},
		{
			name: "numeric, whose children write it with other zeros",
			schema: `
				CREATE TABLE t (n numeric PRIMARY KEY); CREATE TABLE c (n numeric REFERENCES t, w int);
				INSERT INTO t VALUES (1.0); INSERT INTO c VALUES (1.000, 2)`,
			options: scaffold.Options{Table: "t"},
			want:    []string{`{"id":"1.0","n":1.0,"c":[{"w":2}]}`},
		},
		{
			name: "citext, whose children write it in another case",
			schema: `
				CREATE EXTENSION citext; CREATE TABLE t (k citext PRIMARY KEY); CREATE TABLE c (k citext REFERENCES t, w int);
				INSERT INTO t VALUES ('Ab'); INSERT INTO c VALUES ('AB', 2)`,
			options: scaffold.Options{Table: "t"},
			want:    []string{`{"k":"Ab","c":[{"w":2}]}`},
		},
		{
			name: "text of a collation in which two texts are equal",
			schema: `
				CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
				CREATE TABLE t (k text COLLATE ci PRIMARY KEY); CREATE TABLE c (k text COLLATE ci REFERENCES t, w int);
				INSERT INTO t VALUES ('a'); INSERT INTO c VALUES ('A', 2)`,
			options: scaffold.Options{Table: "t"},
			want:    []string{`{"k":"a","c":[{"w":2}]}`},
		},
		{
			name: "a date, an enum and a boolean",
			schema: `
				CREATE TYPE mood AS ENUM ('a:b', 'c'); CREATE TABLE t (d date, m mood, f boolean, PRIMARY KEY (d, m, f));
				INSERT INTO t VALUES ('2024-02-29', 'a:b', true)`,
			options: scaffold.Options{Table: "t"},
			want:    []string{`{"id":"2024-02-29:a:b:true","d":"2024-02-29","m":"a:b","f":true}`},
		},
		{
			name:    "a domain over an integer",
			schema:  `CREATE DOMAIN pos AS int CHECK (VALUE > 0); CREATE TABLE t (id pos PRIMARY KEY); INSERT INTO t VALUES (5)`,
			options: scaffold.Options{Table: "t"},
			want:    []string{`{"id":5}`},
		},
		{
			name:    "no primary key, but a unique one without NULLs",
			schema:  `CREATE TABLE t (a int UNIQUE, b int NOT NULL UNIQUE); INSERT INTO t VALUES (NULL, 2)`,
			options: scaffold.Options{Table: "t"},
			want:    []string{`{"a":null,"b":2}`},
		},
		{
			name:    "a view with columns",
			schema:  `CREATE VIEW t AS SELECT i, 'x' || i AS name FROM generate_series(1, 2) i`,
			options: scaffold.Options{Table: "t", ID: "i,name"},
			want:    []string{`{"id":"1:x1","i":1,"name":"x1"}`, `{"id":"2:x2","i":2,"name":"x2"}`},
		},
		{
			name:    "a materialised view with an expression",
			schema:  `CREATE MATERIALIZED VIEW t AS SELECT 'A' AS id, 1 AS n`,
			options: scaffold.Options{Table: "t", ID: `lower(id) || '-' || n`},
			want:    []string{`{"t_id":"a-1","id":"A","n":1}`},
		},
		{
			name: "an expression, with tables around",
			schema: `
				CREATE TABLE p (id int PRIMARY KEY, name text); CREATE TABLE t (id int PRIMARY KEY, p_id int REFERENCES p, name text);
				CREATE TABLE c (t int REFERENCES t, name text);
				INSERT INTO p VALUES (1, 'p'); INSERT INTO t VALUES (1, 1, 'n'); INSERT INTO c VALUES (1, 'c')`,
			options: scaffold.Options{Table: "t", ID: `name || id`},
			want:    []string{`{"t_id":"n1","id":1,"p":{"id":1,"name":"p"},"name":"n","c":[{"name":"c"}]}`},
		},
	}
}

func relations() []shape {
	return []shape{
		{
			name: "a code becomes the row that it stands for, and a join table a list with names",
			schema: `
				CREATE TABLE country (code char(2) PRIMARY KEY, name text); CREATE TABLE tag (id serial PRIMARY KEY, label text);
				CREATE TABLE t (id int PRIMARY KEY, country char(2) REFERENCES country, origin_id char(2) REFERENCES country);
				CREATE TABLE t_tag (id serial PRIMARY KEY, t_id int REFERENCES t, tag_id int REFERENCES tag, UNIQUE (t_id, tag_id));
				CREATE TABLE stock (t_id int REFERENCES t, country char(2) REFERENCES country, qty int, PRIMARY KEY (t_id, country));
				INSERT INTO country VALUES ('HR', 'Croatia'); INSERT INTO tag VALUES (1, 'red'); INSERT INTO t VALUES (1, 'HR', NULL);
				INSERT INTO t_tag VALUES (1, 1, 1); INSERT INTO stock VALUES (1, 'HR', 5)`,
			options: scaffold.Options{Table: "t"},
			files:   []string{"reindex.yaml", "t.sql", "stock.sql", "tag.sql", "t.index.json"},
			want: []string{`{"id":1,"country":{"code":"HR","name":"Croatia"},"origin":null,` +
				`"stock":[{"country":{"code":"HR","name":"Croatia"},"qty":5}],"tag":[{"tag_id":1,"label":"red"}]}`},
		},
		{
			name: "a join table that says when it was written is one too, and one whose pairs repeat is none",
			schema: `
				CREATE TABLE actor (id int PRIMARY KEY, name text); CREATE TABLE store (id int PRIMARY KEY, boss_id int REFERENCES actor); CREATE TABLE t (id int PRIMARY KEY, store_id int REFERENCES store);
				CREATE TABLE t_actor (t_id int REFERENCES t, actor_id int REFERENCES actor, last_update timestamptz DEFAULT '2024-01-01Z', PRIMARY KEY (t_id, actor_id));
				CREATE TABLE copy (id int PRIMARY KEY, t_id int REFERENCES t, store_id int REFERENCES store);
				INSERT INTO actor VALUES (1, 'a'); INSERT INTO store VALUES (1, 1); INSERT INTO t VALUES (1, 1); INSERT INTO t_actor VALUES (1, 1); INSERT INTO copy VALUES (1, 1, 1), (2, 1, 1)`,
			options: scaffold.Options{Table: "t"},
			want:    []string{`{"id":1,"store_id":1,"copy":[{"copy_id":1,"store_id":1},{"copy_id":2,"store_id":1}],"actor":[{"actor_id":1,"name":"a"}]}`},
		},
		{
			name: "a latitude and a longitude are a place",
			schema: `
				CREATE TABLE airport (code text PRIMARY KEY, lat float8, lon float8); CREATE TABLE t (id int PRIMARY KEY, start_latitude numeric, start_longitude numeric, lat text, airport text REFERENCES airport);
				INSERT INTO airport VALUES ('LHR', 51.5, -0.5); INSERT INTO t VALUES (1, 1, 2, 'x', 'LHR'), (2, 91, 2, NULL, NULL), (3, NULL, NULL, NULL, NULL)`,
			options: scaffold.Options{Table: "t"},
			want: []string{
				`{"id":1,"start_latitude":1,"start_longitude":2,"lat":"x","airport":{"code":"LHR","lat":51.5,"lon":-0.5,"location":{"lat":51.5,"lon":-0.5}},"start_location":{"lat":1,"lon":2}}`,
				`{"id":2,"start_latitude":91,"start_longitude":2,"lat":null,"airport":null,"start_location":null}`,
				`{"id":3,"start_latitude":null,"start_longitude":null,"lat":null,"airport":null,"start_location":null}`,
			},
		},
		{
			name: "a key to the table itself",
			schema: `
				CREATE TABLE x (id int8 PRIMARY KEY, name text, x_id int8 REFERENCES x);
				INSERT INTO x VALUES (1, 'first', NULL), (2, 'second', 1), (3, 'third', 1)`,
			options: scaffold.Options{Table: "x"},
			files:   []string{"reindex.yaml", "x.sql", "x_x_id.sql", "x.index.json"},
			want: []string{
				`{"id":1,"name":"first","x":null,"x_x_id":[{"x_id":2,"name":"second"},{"x_id":3,"name":"third"}]}`,
				`{"id":2,"name":"second","x":{"id":1,"name":"first","x_id":null},"x_x_id":[]}`,
				`{"id":3,"name":"third","x":{"id":1,"name":"first","x_id":null},"x_x_id":[]}`,
			},
		},
		{
			name: "partitioned tables, once",
			schema: `
				CREATE TABLE t (id int, y int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
				CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10); CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20);
				CREATE TABLE c (t_id int REFERENCES t, y int, v text) PARTITION BY LIST (y);
				CREATE TABLE c1 PARTITION OF c FOR VALUES IN (1); CREATE TABLE c2 PARTITION OF c FOR VALUES IN (2);
				INSERT INTO t VALUES (1, 1), (11, 2); INSERT INTO c VALUES (1, 1, 'a'), (1, 2, 'b')`,
			options: scaffold.Options{Table: "t"},
			files:   []string{"reindex.yaml", "t.sql", "c.sql", "t.index.json"},
			want:    []string{`{"id":1,"y":1,"c":[{"y":1,"v":"a"},{"y":2,"v":"b"}]}`, `{"id":11,"y":2,"c":[]}`},
		},
		{
			name: "one name in two schemas, and a table named like a column",
			schema: `
				CREATE SCHEMA s; CREATE TABLE t (id int PRIMARY KEY, item text); CREATE TABLE note (t_id int REFERENCES t, a text);
				CREATE TABLE s.note (t_id int REFERENCES t, b text); CREATE TABLE item (t_id int REFERENCES t, c text);
				INSERT INTO t VALUES (1, 'i'); INSERT INTO note VALUES (1, 'a'); INSERT INTO s.note VALUES (1, 'b'); INSERT INTO item VALUES (1, 'c')`,
			options: scaffold.Options{Table: "t"},
			want:    []string{`{"id":1,"item":"i","item_t_id":[{"c":"c"}],"public_note":[{"a":"a"}],"s_note":[{"b":"b"}]}`},
		},
		{
			name: "a key to another unique column than the id, and one to several",
			schema: `
				CREATE TABLE p (a int, b int, name text, PRIMARY KEY (a, b));
				CREATE TABLE t (id int PRIMARY KEY, code text UNIQUE, a int, b int, FOREIGN KEY (a, b) REFERENCES p);
				CREATE TABLE c (code text REFERENCES t (code), v int);
				INSERT INTO p VALUES (1, 2, 'n'); INSERT INTO t VALUES (1, 'x', 1, 2), (2, NULL, NULL, NULL); INSERT INTO c VALUES ('x', 7)`,
			options: scaffold.Options{Table: "t"},
			want: []string{
				`{"id":1,"code":"x","a":1,"b":2,"p":{"a":1,"b":2,"name":"n"},"c":[{"v":7}]}`,
				`{"id":2,"code":null,"a":null,"b":null,"p":null,"c":[]}`,
			},
		},
		{
			name: "a key that is not validated keeps what it refers to",
			schema: `
				CREATE TABLE p (id int PRIMARY KEY, name text); CREATE TABLE t (id int PRIMARY KEY, p_id int); INSERT INTO t VALUES (1, 9);
				ALTER TABLE t ADD FOREIGN KEY (p_id) REFERENCES p NOT VALID`,
			options: scaffold.Options{Table: "t"},
			want:    []string{`{"id":1,"p_id":9,"p":null}`},
		},
		{
			name: "depth 2 follows the keys of the rows",
			schema: `
				CREATE TABLE g (id int PRIMARY KEY, name text); CREATE TABLE p (id int PRIMARY KEY, g_id int REFERENCES g, name text);
				CREATE TABLE t (id int PRIMARY KEY, p_id int REFERENCES p); CREATE TABLE c (t_id int REFERENCES t, p_id int REFERENCES p, n int);
				INSERT INTO g VALUES (1, 'g'); INSERT INTO p VALUES (1, 1, 'p'); INSERT INTO t VALUES (1, 1); INSERT INTO c VALUES (1, 1, 2)`,
			options: scaffold.Options{Table: "t", Depth: 2},
			want: []string{`{"id":1,"p":{"id":1,"g":{"id":1,"name":"g"},"name":"p"},` +
				`"c":[{"p":{"id":1,"g_id":1,"name":"p"},"n":2}]}`},
		},
		{
			name: "depth 0 has the columns only",
			schema: `
				CREATE TABLE p (id int PRIMARY KEY, name text); CREATE TABLE t (id int PRIMARY KEY, p_id int REFERENCES p); CREATE TABLE c (t_id int REFERENCES t);
				INSERT INTO t VALUES (1, NULL)`,
			options: scaffold.Options{Table: "t", Depth: -1},
			want:    []string{`{"id":1,"p_id":null}`},
		},
		{
			name:    "a column with the name of a secret, unless it is chosen",
			schema:  `CREATE TABLE t (id int PRIMARY KEY, name text, api_key text); INSERT INTO t VALUES (1, 'n', 'k')`,
			options: scaffold.Options{Table: "t"},
			want:    []string{`{"id":1,"name":"n"}`},
		},
		{
			name:    "a column with the name of a secret that is chosen",
			schema:  `CREATE TABLE t (id int PRIMARY KEY, name text, api_key text); INSERT INTO t VALUES (1, 'n', 'k')`,
			options: scaffold.Options{Table: "t", Columns: []string{"api_key"}},
			want:    []string{`{"id":1,"api_key":"k"}`},
		},
		{
			name: "chosen columns, and what is excluded",
			schema: `
				CREATE TABLE p (id int PRIMARY KEY, name text, rank int); CREATE TABLE t (id int PRIMARY KEY, p_id int REFERENCES p, a int, b int, password text);
				CREATE TABLE c (t_id int REFERENCES t, v int, w int); CREATE TABLE d (t_id int REFERENCES t, v int);
				INSERT INTO p VALUES (1, 'p', 2); INSERT INTO t VALUES (1, 1, 2, 3, 'hidden'); INSERT INTO c VALUES (1, 4, 5)`,
			options: scaffold.Options{Table: "t", Columns: []string{"a", "p_id"}, Exclude: []string{"d", "c.w", "public.p.rank"}},
			want:    []string{`{"id":1,"p":{"id":1,"name":"p"},"a":2,"c":[{"v":4}]}`},
		},
	}
}

func oddNames() []shape {
	return []shape{{
		name: "every name that PostgreSQL allows",
		schema: `
			CREATE SCHEMA "S.""1"; CREATE TABLE "S.""1"."#x: /y" ("_id" int PRIMARY KEY, "_source" int, "_doc_count" int, " " int, ".a" int, "a..b" int, a int, "a.b" int, a_b int,
				"line` + "\n" + `break" int, "q""uote" int, "#" int, "? a" int, "<<" int, "*" int, "/*range t.a*/" int, "select" int, "Ü" int, "tab	x" int, "$1" int, "'" int, ".inf" int, "é--" int);
			CREATE TABLE "#x: /y" (r int REFERENCES "S.""1"."#x: /y", "order" int); CREATE TABLE "#X: /Y" (r int REFERENCES "S.""1"."#x: /y", "_id" int);
			CREATE TABLE "~" (r int REFERENCES "S.""1"."#x: /y", "group" int); CREATE TABLE "../../etc" (r int REFERENCES "S.""1"."#x: /y", v int);
			CREATE TABLE "yes" ("x` + "\n" + `" int REFERENCES "S.""1"."#x: /y", id int, "yes_id" int); CREATE TABLE "reindex.yaml" (r int REFERENCES "S.""1"."#x: /y", v int); CREATE TABLE bare (r int REFERENCES "S.""1"."#x: /y");
			INSERT INTO "S.""1"."#x: /y" SELECT 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23;
			INSERT INTO "#x: /y" VALUES (1, 1); INSERT INTO "#X: /Y" VALUES (1, 1); INSERT INTO "~" VALUES (1, 1); INSERT INTO "yes" VALUES (1, 2, 3);
			INSERT INTO "../../etc" VALUES (1, 2); INSERT INTO "reindex.yaml" VALUES (1, 2)`,
		options: scaffold.Options{Table: `"S.""1"."#x: /y"`},
		files:   []string{"reindex.yaml", "_x___y.sql", "_X___Y_2.sql", "_x___y_3.sql", "______etc.sql", "reindex_yaml.sql", "table.sql", "yes.sql", "x---y.index.json"},
		want: []string{`{"id":1,"source":2,"doc_count":3,"field":4,"_a":5,"a__b":6,"a":7,"a_b_2":8,"a_b":9,"line_break":10,"q\"uote":11,"#":12,"_ a":13,"field_2":14,"field_3":15,` +
			`"/_range t_a_/":16,"select":17,"Ü":18,"tab_x":19,"$1":20,"'":21,"_inf":22,"é--":23,"#X: /Y":[{"#X: /Y_id":1}],"#x: /y":[{"order":1}],"__/__/etc":[{"v":2}],"reindex_yaml":[{"v":2}],` +
			`"~":[{"group":1}],"yes":[{"yes_id_2":2,"yes_id":3}]}`},
	}}
}

func TestDocumentsAreWhatTheSchemaMeans(t *testing.T) {
	t.Parallel()
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			url := stacktest.Database(t)
			execute(t, url, s.schema)
			switch s.options.Depth {
			case 0:
				s.options.Depth = scaffold.DefaultDepth
			case -1:
				s.options.Depth = 0
			}
			files := made(t, url, s.options)
			if s.files != nil {
				if diff := cmp.Diff(s.files, namesOf(files)); diff != "" {
					t.Errorf("files (-want +got):\n%s", diff)
				}
			}
			dir := filepath.Join(t.TempDir(), "new")
			if err := scaffold.Write(dir, files.Texts); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(s.want, documents(t, url, filepath.Join(dir, "reindex.yaml"))); diff != "" {
				t.Errorf("documents (-want +got):\n%s", diff)
			}
			takesBody(t, files)
		})
	}
}

// takesBody has Elasticsearch judge the index body without making an index.
func takesBody(t *testing.T, files scaffold.Files) {
	t.Helper()
	body := files.Texts[len(files.Texts)-1].Text
	template := fmt.Sprintf(`{"index_patterns": [%q],"template": %s}`, stacktest.Prefix(t), body)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, stacktest.Elasticsearch(t)+"/_index_template/_simulate", strings.NewReader(template))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := new(http.Client).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		var why json.RawMessage
		_ = json.NewDecoder(answer.Body).Decode(&why)
		t.Errorf("Elasticsearch refuses the body: %s\n%s", why, body)
	}
}

func TestTwoHundredTablesTakeAsManyQueriesAsTwo(t *testing.T) {
	t.Parallel()
	const tables = 200
	url := stacktest.Database(t)
	var schema strings.Builder
	schema.WriteString("CREATE TABLE t (id int PRIMARY KEY, j jsonb); INSERT INTO t VALUES (1, '{}');")
	for i := range tables {
		fmt.Fprintf(&schema, "CREATE TABLE c%d (id int PRIMARY KEY, t_id int REFERENCES t, a text, b numeric(10,2), j jsonb); INSERT INTO c%d VALUES (1, 1, 'a', 1, '{}');", i, i)
	}
	execute(t, url, schema.String())
	few := statements(t, url, scaffold.Options{Table: "c0", Depth: 1})
	many := statements(t, url, scaffold.Options{Table: "t", Depth: 1})
	if many > few+4 { // lists are counted, by one statement between a savepoint and its end
		t.Errorf("%d statements for %d tables, %d for 2; want no more", many, tables+1, few)
	}
	files := made(t, url, scaffold.Options{Table: "t", Depth: 1})
	takesBody(t, files)
	body := files.Texts[len(files.Texts)-1].Text
	for _, setting := range []string{`"index.mapping.nested_fields.limit": 400`, `"index.mapping.total_fields.limit": 2404`} {
		if !strings.Contains(body, setting) {
			t.Errorf("the body lacks %s", setting)
		}
		if name, _, _ := strings.Cut(strings.Trim(setting, `"`), `"`); !strings.Contains(files.Texts[0].Text, name+" is raised") {
			t.Errorf("reindex.yaml does not say why %s is set", name)
		}
	}
}

// statements counts what PostgreSQL is asked.
func statements(t *testing.T, url string, options scaffold.Options) int {
	t.Helper()
	conf, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := countingProxy(t, fmt.Sprintf("%s:%d", conf.Host, conf.Port))
	made(t, strings.Replace(url, fmt.Sprintf("%s:%d", conf.Host, conf.Port), proxy.addr, 1), options)
	return proxy.statements()
}

func TestMoreListElementsThanElasticsearchTakesRaiseTheLimit(t *testing.T) {
	t.Parallel()
	url := stacktest.Database(t)
	execute(t, url, `CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);
		CREATE TABLE c AS SELECT 1 AS t_id, i FROM generate_series(1, 10001) i; ALTER TABLE c ADD FOREIGN KEY (t_id) REFERENCES t`)
	files := made(t, url, scaffold.Options{Table: "t", Depth: 1})
	if body := files.Texts[len(files.Texts)-1].Text; !strings.Contains(body, `"index.mapping.nested_objects.limit": 20002`) {
		t.Errorf("the limit is not raised:\n%s", body)
	}
	if !slices.ContainsFunc(files.Warnings, func(w string) bool { return strings.Contains(w, "10,001 elements") }) {
		t.Errorf("warnings %q; want one of 10,001 elements", files.Warnings)
	}
	if !slices.ContainsFunc(files.Warnings, func(w string) bool { return strings.Contains(w, "CREATE INDEX ON public.c (t_id);") }) {
		t.Errorf("warnings %q; want one with the index that c lacks", files.Warnings)
	}
}

func TestWhatTheRoleMayNotReadIsLeftOut(t *testing.T) {
	t.Parallel()
	url := stacktest.Database(t)
	role := "r_" + strings.ReplaceAll(stacktest.Prefix(t), "-", "_")
	execute(t, url, fmt.Sprintf(`
		CREATE TABLE p (id int PRIMARY KEY, name text); CREATE TABLE t (id int PRIMARY KEY, p_id int REFERENCES p, a int, b int);
		CREATE TABLE c (t_id int REFERENCES t, v int); CREATE ROLE %[1]s LOGIN; GRANT SELECT (id, p_id, a) ON t TO %[1]s; INSERT INTO t VALUES (1, NULL, 2, 3)`, role))
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), url)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(context.Background(), fmt.Sprintf("DROP OWNED BY %[1]s; DROP ROLE %[1]s", role)); err != nil {
			t.Error(err)
		}
	})
	limited := strings.Replace(url, "postgres://postgres", "postgres://"+role, 1)
	files := made(t, limited, scaffold.Options{Table: "t", Depth: 1})
	dir := filepath.Join(t.TempDir(), "new")
	if err := scaffold.Write(dir, files.Texts); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`{"id":1,"p_id":null,"a":2}`}, documents(t, limited, filepath.Join(dir, "reindex.yaml"))); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	if want := "-- left out: t.b, because this role may not read it"; !strings.Contains(files.Texts[1].Text, want) {
		t.Errorf("%s\nwant %q", files.Texts[1].Text, want)
	}
}

func TestNoFileIsOverwritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "b.sql"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := scaffold.Write(dir, []scaffold.File{{Name: "a.sql"}, {Name: "b.sql"}})
	if err == nil || !strings.Contains(err.Error(), "b.sql exists") {
		t.Errorf("Write over b.sql = %v; want an error that names it", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a.sql")); err == nil {
		t.Error("a.sql was written although b.sql was in the way")
	}
}

func TestWhatCannotBeWrittenIsAnErrorThatSaysWhatToDo(t *testing.T) {
	t.Parallel()
	url := stacktest.Database(t)
	execute(t, url, "CREATE TABLE loose (a int, \"B c\" int); CREATE TABLE t (id int PRIMARY KEY); CREATE SEQUENCE s")
	for _, c := range []struct {
		options scaffold.Options
		want    string
	}{
		{scaffold.Options{Table: "loose"}, `--id a; it has a, "B c"`},
		{scaffold.Options{Table: "nowhere"}, "there is no table nowhere"},
		{scaffold.Options{Table: "a.b.c.d"}, "cannot be read"},
		{scaffold.Options{Table: " "}, "is empty"},
		{scaffold.Options{Table: "s"}, "is no table or view"},
		{scaffold.Options{Table: "loose", ID: "a,c"}, "neither a column of public.loose nor an expression"},
		{scaffold.Options{Table: "t", Columns: []string{"x"}}, "--columns: public.t has no column x"},
		{scaffold.Options{Table: "t", Exclude: []string{"x"}}, "--exclude x: there is no such column"},
	} {
		_, err := scaffold.Make(t.Context(), url, c.options)
		if config := (*source.ConfigError)(nil); !errors.As(err, &config) || !strings.Contains(err.Error()+"; "+config.Hint(), c.want) {
			t.Errorf("%+v: %v; want a *ConfigError with %q", c.options, err, c.want)
		}
	}
}

func made(t *testing.T, url string, options scaffold.Options) scaffold.Files {
	t.Helper()
	files, err := scaffold.Make(t.Context(), url, options)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func namesOf(files scaffold.Files) []string {
	names := make([]string, len(files.Texts))
	for i, f := range files.Texts {
		names[i] = f.Name
	}
	return names
}

// documents reads what the written configuration makes of the database.
func documents(t *testing.T, url, path string) []string {
	t.Helper()
	set, err := config.Load(path, nil, config.Flags{})
	if err != nil {
		t.Fatal(err)
	}
	c := set.Indices[0]
	var lists []source.List
	for _, l := range c.Source.Lists {
		lists = append(lists, source.List{Field: l.Field, Query: source.Query{Name: l.Path, SQL: l.Text}})
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
	if _, err := snapshot.Count(t.Context()); err != nil {
		t.Fatal(err) // it also tests what the range comments promise
	}
	var got []string
	if _, err := snapshot.Stream(t.Context(), func(d document.Document) error {
		var line bytes.Buffer
		if err := json.Compact(&line, d.JSON); err != nil {
			return fmt.Errorf("document %s: %w", d.ID, err)
		}
		got = append(got, line.String())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
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
