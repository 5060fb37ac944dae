package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"example.com/reindex/internal/devstack/stacktest"
)

// everyType has a column of every type that a table can have, in PostgreSQL
// itself and in the extensions that come with it. Row 1 has ordinary values, row
// 2 the odd ones, row 3 none.
const everyType = `
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION intarray;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE address AS (street text, zip char(5), since date, price money, at point);
CREATE TYPE timerange AS RANGE (subtype = time);
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE DOMAIN amount AS numeric(10, 2); CREATE DOMAIN doc AS jsonb; CREATE DOMAIN ints AS int[];
CREATE TABLE everything (id int PRIMARY KEY,
	bool bool, int2 int2, int4 int4, int8 int8, oid oid, n numeric, n9 numeric(9), n18 numeric(18), n20 numeric(20), n2 numeric(12, 2),
	float4 float4, float8 float8, money money, text text, varchar varchar(20), name name, char3 char(3), char1 "char", bytea bytea,
	date date, ts timestamp, tstz timestamptz, time time, timetz timetz, interval interval, uuid uuid, inet inet, cidr cidr,
	mac macaddr, mac8 macaddr8, bit bit(3), varbit varbit, xml xml, tsv tsvector, tsq tsquery, iv int2vector, ov oidvector,
	xid xid, cid cid, xid8 xid8, tid tid, lsn pg_lsn, snap pg_snapshot, txsnap txid_snapshot, cursor refcursor, path_of jsonpath, class regclass, role regrole,
	json json, jsonb jsonb, mixed jsonb, point point, line line, lseg lseg, box box, path path, polygon polygon, circle circle,
	r4 int4range, r8 int8range, rn numrange, rd daterange, rts tsrange, rtz tstzrange, rt timerange, rf floatrange,
	m4 int4multirange, md datemultirange, mtz tstzmultirange,
	mood mood, amount amount, doc doc, ints ints, address address,
	hstore hstore, citext citext, ltree ltree, lquery lquery, ltxtquery ltxtquery, query_int query_int,
	a_int int[], a_text text[], a_amount amount[], a_ints ints[], a_money money[], a_char char(3)[], a_inet inet[], a_bytea bytea[], a_date date[], a_jsonb jsonb[],
	a_point point[], a_box box[], a_r4 int4range[], a_mood mood[], a_address address[], a_hstore hstore[], a_citext citext[], a_tsv tsvector[]);
INSERT INTO everything VALUES (1,
	true, 2, 4, 9007199254740993, 4294967295, 1.50, 123456789, 123456789012345678, 12345678901234567890, 1234567890.12,
	1.5, 0.1, '$1,234.50', 'Café au lait', 'short', 'a_name', 'ab', 'x', '\x00ff',
	'2024-02-29', '2024-02-29 12:00:00.123456', '2024-02-29 12:00:00.5+02', '12:30', '12:30+02', '1 day 02:03:04.5', 'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11', '10.1.2.3/24', '10.1.0.0/16',
	'08:00:2b:01:02:03', '08:00:2b:01:02:03', '101', '10', '<a>é tea</a>', 'fat cat', 'fat & cat', '1 2', '3 4',
	'5', '6', '18446744073709551615', '(1,2)', '16/B374D848', '10:20:10,14', '10:20:10,14', 'cur', '$.a', 'pg_class', 'pg_monitor',
	'{"b": 1, "a": {"c": "x"}}', '{"k": "v", "n": 5}', '{"k": 1}', '(1.5,2)', '{1,2,3}', '[(0,0),(1,1)]', '(1,1),(0,0)', '[(0,0),(1,1)]', '((0,0),(1,1),(1,0))', '<(0,0),1>',
	'[1,11)', '[1,11)', '(1,2.5]', '[2024-01-01,2024-02-01)', '[2024-01-01 10:00,2024-01-01 12:00)', '[2024-01-01 10:00+00,2024-01-01 12:00+00]', '[10:00,12:00)', '[0.5,1.5]',
	'{[1,3),[5,8)}', '{[2024-01-01,2024-01-03)}', '{[2024-01-01 10:00+00,2024-01-01 12:00+00]}',
	'ok', 1.5, '{"k": "d"}', '{1,2}', ROW('Main St', '12', '2024-01-01', '$5', '(1,2)'),
	'a=>1, b=>NULL', 'MiXed', 'top.science', 'top.*', 'a & b', '1&2',
	'{1,2}', '{a,NULL}', '{1.5,2}', '{"{1,2}","{3}"}', '{$1.50}', '{ab,c}', '{10.0.0.1,::1}', ARRAY['\x01'::bytea], '{2024-01-01}', ARRAY['{"a":1}'::jsonb, '5'],
	'{"(1,2)"}', '{(1,1),(0,0);(2,2),(1,1)}', '{"[1,3)",empty}', '{sad,ok}', ARRAY[ROW('A', '1', NULL, NULL, NULL), ROW('B', NULL, NULL, NULL, '(3,4)')]::address[], ARRAY['a=>1'::hstore], '{Ab}', ARRAY['a'::tsvector]);
INSERT INTO everything (id, char3, cidr, mixed, r4, r8, rn, rd, rts, rtz, rf, m4, mtz, time, address, a_int, a_r4, a_address, hstore, inet, doc) VALUES (2,
	'', '::1/128', '[1]', 'empty', '(,6)', 'empty', '[-infinity,infinity)', '[2024-01-01 00:00:00.0001,2024-01-01 00:00:00.0005)', '(2024-01-01 00:00+00,2024-01-01 00:00:00.001+00)', 'empty', '{}', '{}', '24:00',
	ROW(NULL, NULL, NULL, NULL, NULL), '{}', '{}', '{}', '', '::ffff:1.2.3.4', '[]');
INSERT INTO everything (id) VALUES (3);
ANALYZE;`

// everyTypeOracle builds the documents by functions that init does not use:
// to_jsonb of the row, and by hand what has another form.
const everyTypeOracle = `
SELECT e.id::text, to_jsonb(e) - '{tsv,a_tsv}'::text[] || jsonb_build_object(
	'oid', e.oid::text::bigint, 'money', regexp_replace(e.money::text, '[$,]', '', 'g')::numeric, 'char3', rtrim(e.char3), 'bytea', encode(e.bytea, 'base64'),
	'tstz', CASE WHEN e.id = 1 THEN '2024-02-29T10:00:00.5Z' END, 'interval', CASE WHEN e.id = 1 THEN 93784.5 END,
	'inet', CASE e.id WHEN 1 THEN '10.1.2.3' WHEN 2 THEN '::ffff:1.2.3.4' END, 'iv', CASE WHEN e.id = 1 THEN '[1, 2]'::jsonb END, 'ov', CASE WHEN e.id = 1 THEN '[3, 4]'::jsonb END,
	'point', CASE WHEN e.id = 1 THEN '{"x": 1.5, "y": 2}'::jsonb END) || jsonb_build_object(
	'r4', CASE WHEN e.id = 1 THEN '{"gte": 1, "lt": 11}'::jsonb END, 'r8', CASE e.id WHEN 1 THEN '{"gte": 1, "lt": 11}'::jsonb WHEN 2 THEN '{"gte": null, "lt": 6}' END,
	'rn', CASE WHEN e.id = 1 THEN '{"gt": 1, "lte": 2.5}'::jsonb END,
	'rd', CASE e.id WHEN 1 THEN '{"gte": "2024-01-01", "lt": "2024-02-01"}'::jsonb WHEN 2 THEN '{"gte": null, "lt": null}' END,
	'rts', CASE e.id WHEN 1 THEN '{"gte": "2024-01-01T10:00:00", "lt": "2024-01-01T12:00:00"}'::jsonb WHEN 2 THEN '{"gte": "2024-01-01T00:00:00.0001", "lte": "2024-01-01T00:00:00.0005"}' END,
	'rtz', CASE e.id WHEN 1 THEN '{"gte": "2024-01-01T10:00:00+00:00", "lte": "2024-01-01T12:00:00+00:00"}'::jsonb
		WHEN 2 THEN '{"gte": "2024-01-01T00:00:00+00:00", "lt": "2024-01-01T00:00:00.001+00:00"}' END,
	'rf', CASE WHEN e.id = 1 THEN '{"gte": 0.5, "lte": 1.5}'::jsonb END,
	'm4', CASE e.id WHEN 1 THEN '[{"gte": 1, "lt": 3}, {"gte": 5, "lt": 8}]'::jsonb WHEN 2 THEN '[]' END,
	'md', CASE WHEN e.id = 1 THEN '[{"gte": "2024-01-01", "lt": "2024-01-03"}]'::jsonb END,
	'mtz', CASE e.id WHEN 1 THEN '[{"gte": "2024-01-01T10:00:00+00:00", "lte": "2024-01-01T12:00:00+00:00"}]'::jsonb WHEN 2 THEN '[]' END) || jsonb_build_object(
	'address', CASE e.id WHEN 1 THEN '{"street": "Main St", "zip": "12", "since": "2024-01-01", "price": 5.00, "at": {"x": 1, "y": 2}}'::jsonb
		WHEN 2 THEN '{"street": null, "zip": null, "since": null, "price": null, "at": null}' END,
	'hstore', CASE e.id WHEN 1 THEN '{"a": "1", "b": null}'::jsonb WHEN 2 THEN '{}' END,
	'a_money', CASE WHEN e.id = 1 THEN '[1.50]'::jsonb END, 'a_char', CASE WHEN e.id = 1 THEN '["ab", "c"]'::jsonb END, 'a_bytea', CASE WHEN e.id = 1 THEN '["AQ=="]'::jsonb END,
	'a_point', CASE WHEN e.id = 1 THEN '[{"x": 1, "y": 2}]'::jsonb END, 'a_r4', CASE e.id WHEN 1 THEN '[{"gte": 1, "lt": 3}]'::jsonb WHEN 2 THEN '[]' END,
	'a_address', CASE e.id WHEN 1 THEN '[{"street": "A", "zip": "1", "since": null, "price": null, "at": null}, {"street": "B", "zip": null, "since": null, "price": null, "at": {"x": 3, "y": 4}}]'::jsonb
		WHEN 2 THEN '[]' END, 'a_hstore', CASE WHEN e.id = 1 THEN '[{"a": "1"}]'::jsonb END)
FROM everything e`

// A search is the query that a person would write for a field, and the ids that
// it must find.
type search struct {
	query string
	want  []string
}

func everySearch() []search {
	one, both := []string{"1"}, []string{"1", "2"}
	return []search{
		{`{"term": {"bool": true}}`, one},
		{`{"range": {"int2": {"gte": 2, "lte": 2}}}`, one},
		{`{"term": {"int8": 9007199254740993}}`, one},
		{`{"term": {"int8": 9007199254740992}}`, nil},
		{`{"term": {"oid": 4294967295}}`, one},
		{`{"range": {"n": {"gt": 1.4, "lt": 1.6}}}`, one},
		{`{"term": {"n18": 123456789012345678}}`, one},
		{`{"term": {"n20": "12345678901234567890"}}`, one},
		{`{"range": {"n20.number": {"gte": 1e19}}}`, one},
		{`{"term": {"n2": 1234567890.12}}`, one},
		{`{"range": {"money": {"gte": 1234.5, "lte": 1234.5}}}`, one},
		{`{"match": {"text.text": "LAIT"}}`, one},
		{`{"term": {"text": "Café au lait"}}`, one},
		{`{"term": {"char3": "ab"}}`, one},
		{`{"range": {"date": {"gte": "2024-02-29", "lt": "2024-03-01"}}}`, one},
		{`{"range": {"tstz": {"gte": "2024-02-29T10:00:00Z", "lt": "2024-02-29T10:00:01Z"}}}`, one},
		{`{"range": {"time": {"gte": "12:00:00", "lt": "13:00:00"}}}`, one},
		{`{"range": {"interval": {"gte": 86400}}}`, one},
		{`{"term": {"uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}}`, one},
		{`{"term": {"inet": "10.1.2.0/24"}}`, one},
		{`{"term": {"inet": "1.2.3.4"}}`, []string{"2"}},
		{`{"term": {"cidr": "10.1.77.1"}}`, one},
		{`{"match": {"xml": "tea"}}`, one},
		{`{"term": {"iv": 2}}`, one},
		{`{"term": {"xid8": "18446744073709551615"}}`, one},
		{`{"term": {"json.a.c": "x"}}`, one},
		{`{"term": {"jsonb.k": "v"}}`, one},
		{`{"range": {"point.x": {"gte": 1, "lt": 2}}}`, one},
		{`{"term": {"r4": 10}}`, one},
		{`{"term": {"r4": 11}}`, nil},
		{`{"range": {"r4": {"gte": -100, "lte": 100, "relation": "intersects"}}}`, one},
		{`{"term": {"r8": 5}}`, both},
		{`{"term": {"rn": 1}}`, nil},
		{`{"term": {"rn": 2.5}}`, one},
		{`{"term": {"rd": "2024-01-31"}}`, both},
		{`{"term": {"rd": "2024-02-01"}}`, []string{"2"}},
		{`{"term": {"rtz": "2024-01-01T12:00:00Z"}}`, one},
		{`{"term": {"rts": "2024-01-01T00:00:00Z"}}`, []string{"2"}},
		{`{"term": {"rf": 1.5}}`, one},
		{`{"term": {"m4": 6}}`, one},
		{`{"term": {"m4": 4}}`, nil},
		{`{"term": {"mood": "ok"}}`, one},
		{`{"range": {"amount": {"gte": 1.5, "lte": 1.5}}}`, one},
		{`{"term": {"ints": 2}}`, one},
		{`{"term": {"address.zip": "12"}}`, one},
		{`{"term": {"hstore.a": "1"}}`, one},
		{`{"term": {"citext": "mixed"}}`, one},
		{`{"prefix": {"ltree": "top."}}`, one},
		{`{"term": {"a_ints": 3}}`, one},
		{`{"term": {"a_money": 1.5}}`, one},
		{`{"term": {"a_inet": "::1"}}`, one},
		{`{"nested": {"path": "a_address", "query": {"bool": {"must": [{"term": {"a_address.street": "B"}}, {"term": {"a_address.at.x": 3}}]}}}}`, one},
		{`{"nested": {"path": "a_address", "query": {"bool": {"must": [{"term": {"a_address.street": "A"}}, {"term": {"a_address.at.x": 3}}]}}}}`, nil},
		{`{"term": {"a_hstore.a": "1"}}`, one},
	}
}

func TestInitOfEveryTypeRunsIsInSyncAndIsFound(t *testing.T) {
	t.Parallel()
	db := stacktest.Database(t)
	sqlExec(t, db, everyType)
	p := initialised(t, db, "everything")
	p.equal(t, everyTypeOracle)
	p.finds(t, everySearch())
}

func TestInitOfRelatedTablesRunsIsInSyncAndIsFound(t *testing.T) {
	t.Parallel()
	db := stacktest.Database(t)
	sqlExec(t, db, `
		CREATE TABLE country (code char(2) PRIMARY KEY, name text);
		CREATE TABLE tag (id serial PRIMARY KEY, label text);
		CREATE TABLE product (sku text, country char(2) REFERENCES country, part_of text, name text, PRIMARY KEY (sku, country));
		CREATE TABLE product_tag (sku text, country char(2), tag_id int REFERENCES tag, PRIMARY KEY (sku, country, tag_id), FOREIGN KEY (sku, country) REFERENCES product);
		CREATE TABLE price (id serial PRIMARY KEY, sku text, country char(2), amount money, FOREIGN KEY (sku, country) REFERENCES product) ;
		INSERT INTO country VALUES ('HR', 'Croatia'), ('SI', 'Slovenia'); INSERT INTO tag VALUES (1, 'red'), (2, 'blue');
		INSERT INTO product SELECT 's' || i, c, NULL, 'product ' || i FROM generate_series(1, 300) i, unnest(ARRAY['HR', 'SI']) c;
		INSERT INTO product_tag SELECT sku, country, id FROM product, tag WHERE id = 1 OR country = 'HR';
		INSERT INTO price (sku, country, amount) SELECT sku, country, '$1.50' FROM product WHERE sku = 's7';
		ANALYZE`)
	p := initialised(t, db, "product")
	p.equal(t, `
		SELECT p.sku || ':' || p.country, jsonb_build_object('id', p.sku || ':' || p.country, 'sku', p.sku, 'country', jsonb_build_object('code', c.code, 'name', c.name),
			'part_of', p.part_of, 'name', p.name,
			'tag', (SELECT coalesce(jsonb_agg(jsonb_build_object('tag_id', g.id, 'label', g.label) ORDER BY g.id), '[]') FROM product_tag x JOIN tag g ON g.id = x.tag_id
				WHERE (x.sku, x.country) = (p.sku, p.country)),
			'price', (SELECT coalesce(jsonb_agg(jsonb_build_object('price_id', r.id, 'amount', 1.50) ORDER BY r.id), '[]') FROM price r WHERE (r.sku, r.country) = (p.sku, p.country)))
		FROM product p JOIN country c ON c.code = p.country`)
	p.finds(t, []search{
		{`{"bool": {"filter": [{"term": {"country.name": "Croatia"}}, {"nested": {"path": "price", "query": {"range": {"price.amount": {"gte": 1.5}}}}}]}}`, []string{"s7:HR"}},
		{`{"bool": {"filter": [{"term": {"sku": "s9"}}, {"nested": {"path": "tag", "query": {"term": {"tag.label": "blue"}}}}]}}`, []string{"s9:HR"}},
	})
}

func TestInitOfPostGISRunsIsInSyncAndIsFound(t *testing.T) {
	t.Parallel()
	db := stacktest.Database(t)
	needsExtension(t, db, "postgis")
	sqlExec(t, db, `
		CREATE SCHEMA gis; CREATE EXTENSION postgis SCHEMA gis;
		CREATE TABLE place (id int PRIMARY KEY, p gis.geometry(Point, 4326), merc gis.geometry(PointZ, 3857), geog gis.geography(Point, 4326), loose gis.geometry, several gis.geometry(Point, 4326)[]);
		INSERT INTO place VALUES (1, 'SRID=4326;POINT(15 45)', 'SRID=3857;POINT Z (1669792 5621521 7)', 'POINT(15 45)', 'POINT(1 2)', ARRAY['SRID=4326;POINT(15 45)'::gis.geometry]),
			(2, 'SRID=4326;POINT EMPTY', 'SRID=3857;POINT Z EMPTY', 'POINT EMPTY', 'SRID=3857;POINT(0 0)', '{}'), (3, NULL, NULL, NULL, NULL, NULL);
		ANALYZE`)
	p := initialised(t, db, "place")
	p.equal(t, `
		SELECT id::text, jsonb_build_object('id', id, 'p', CASE WHEN id = 1 THEN '{"type": "Point", "coordinates": [15, 45]}'::jsonb END,
			'merc', CASE WHEN id = 1 THEN gis.ST_AsGeoJSON(gis.ST_Transform(merc, 4326))::jsonb END,
			'geog', CASE WHEN id = 1 THEN '{"type": "Point", "coordinates": [15, 45]}'::jsonb END,
			'loose', CASE id WHEN 1 THEN '{"type": "Point", "coordinates": [1, 2]}'::jsonb WHEN 2 THEN '{"type": "Point", "coordinates": [0, 0]}' END,
			'several', CASE id WHEN 1 THEN '[{"type": "Point", "coordinates": [15, 45]}]'::jsonb WHEN 2 THEN '[]' END)
		FROM place`)
	var searches []search
	for _, field := range []string{"p", "merc", "geog", "several"} {
		searches = append(searches, search{fmt.Sprintf(`{"geo_distance": {"distance": "1km", %q: {"lat": 45, "lon": 15}}}`, field), []string{"1"}})
	}
	p.finds(t, append(searches, search{`{"geo_distance": {"distance": "1km", "loose": {"lat": 0, "lon": 0}}}`, []string{"2"}}))
}

func TestInitOfVectorsRunsIsInSyncAndIsFound(t *testing.T) {
	t.Parallel()
	db := stacktest.Database(t)
	needsExtension(t, db, "vector")
	sqlExec(t, db, `
		CREATE EXTENSION vector;
		CREATE TABLE item (id int PRIMARY KEY, v vector(3), h halfvec(3), s sparsevec(3), free vector, many vector(3)[], big vector(5000));
		CREATE INDEX ON item USING hnsw (h halfvec_ip_ops);
		INSERT INTO item VALUES (1, '[1,0,0]', '[1,0,0]', '{1:1}/3', '[1,0,0]', ARRAY['[1,2,3]'::vector], array_fill(1, ARRAY[5000])::real[]::vector), (2, '[0,0,0]', '[0,1,0]', '{}/3', '[0,1,0]', '{}', NULL), (3, NULL, NULL, NULL, NULL, NULL, NULL);
		ANALYZE`)
	p := initialised(t, db, "item")
	p.equal(t, `
		SELECT id::text, jsonb_build_object('id', id, 'v', v::text::jsonb, 'h', h::text::jsonb, 's', s::vector::text::jsonb, 'free', free::text::jsonb, 'big', big::text::jsonb,
			'many', CASE id WHEN 1 THEN '[[1, 2, 3]]'::jsonb WHEN 2 THEN '[]' END)
		FROM item`)
	for _, field := range []string{"v", "h", "s", "free"} {
		answer := string(p.ask(t, "POST", "/"+p.alias+"/_search", fmt.Sprintf(`{"knn": {"field": %q, "query_vector": [0.9, 0, 0], "k": 1, "num_candidates": 10}, "_source": false}`, field)))
		if !strings.Contains(answer, `"_id":"1"`) {
			t.Errorf("knn of %s: %s, want document 1", field, answer)
		}
	}
}

// needsExtension skips the test where the server does not have the extension.
func needsExtension(t *testing.T, db, name string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var has bool
	if err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = $1)", name).Scan(&has); err != nil {
		t.Fatal(err)
	}
	if !has {
		t.Skipf("PostgreSQL here does not have the extension %s", name)
	}
}

// initialised has init write a configuration for a table, and check, run and
// verify find nothing wrong with it.
func initialised(t *testing.T, db, table string, args ...string) *project {
	t.Helper()
	p := newProject(t, db, notes())
	if err := os.Remove(filepath.Join(p.dir, "reindex.yaml")); err != nil {
		t.Fatal(err)
	}
	p.env = append(p.env, "DATABASE_URL="+db, "ELASTICSEARCH_URL="+stacktest.Elasticsearch(t))
	p.dir = filepath.Join(p.dir, "new")
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p.succeed(t, append([]string{"init", "--table", table, "--alias", p.alias}, args...)...)
	if s := p.succeed(t, "check", "--json").lines(t); s[len(s)-1]["problems"] != 0.0 {
		t.Errorf("check finds problems: %v", s)
	}
	p.rebuild(t)
	p.succeed(t, "verify")
	return p
}

func (p *project) finds(t *testing.T, searches []search) {
	t.Helper()
	for _, s := range searches {
		var answer struct{ Hits struct{ Hits []hit } }
		status, text, err := p.try(t.Context(), http.MethodPost, "/"+p.alias+"/_search", `{"size": 100, "_source": false, "query": `+s.query+`}`)
		if err != nil || status != http.StatusOK || json.Unmarshal(text, &answer) != nil {
			t.Errorf("%s: %v, status %d: %.500s", s.query, err, status, text)
			continue
		}
		var got []string
		for _, h := range answer.Hits.Hits {
			got = append(got, h.ID)
		}
		slices.Sort(got)
		if diff := cmp.Diff(s.want, got); diff != "" {
			t.Errorf("%s finds (-want +got):\n%s", s.query, diff)
		}
	}
}

func TestInitPrintsWhatItWouldWrite(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 10), notes())
	p.env = append(p.env, "DATABASE_URL="+p.db)
	printed := p.succeed(t, "init", "--table", "note", "--alias", p.alias, "--config", "new/mine.yaml", "--print")
	if _, err := os.Stat(filepath.Join(p.dir, "new")); err == nil {
		t.Error("--print wrote files")
	}
	p.succeed(t, "init", "--table", "note", "--alias", p.alias, "--config", "new/mine.yaml")
	for _, name := range []string{"mine.yaml", "note.sql", p.alias + ".index.json"} {
		text, err := os.ReadFile(filepath.Join(p.dir, "new", name))
		if err != nil {
			t.Fatal(err)
		}
		if want := "==> new/" + name + " <==\n" + string(text); !strings.Contains(printed.stdout, want) {
			t.Errorf("printed\n%s\nwant\n%s", printed.stdout, want)
		}
	}
	if r := p.run(t, "init", "--table", "note", "--config", "new/mine.yaml", "--dir", "other"); r.code != 2 || !strings.Contains(r.stderr, "give one of them") {
		t.Error(r)
	}
	if r := p.run(t, "init", "--table", "note", "--alias", "Note"); r.code != 2 || !strings.Contains(r.stderr, "--alias names another") {
		t.Error(r)
	}
}
