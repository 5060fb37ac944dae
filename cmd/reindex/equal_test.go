package main

import (
	"testing"

	"example.com/reindex/internal/devstack/stacktest"
)

// example is a source that has nothing to do with persons, and the statement
// that builds all of its documents in another way than the program does.
type example struct {
	name   string
	schema string
	source definition
	oracle string
}

func TestEveryDocumentIsWhatOneStatementBuilds(t *testing.T) {
	t.Parallel()
	for _, e := range []example{products(), pages(), readings()} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			db := stacktest.Database(t)
			sqlExec(t, db, e.schema)
			p := newProject(t, db, e.source)
			first := p.rebuild(t, "--batch-bytes", "64KiB")
			p.equal(t, e.oracle)
			second := p.rebuild(t)
			p.equal(t, e.oracle)
			if second["previous"] != first["index"] || second["documents"] != first["documents"] {
				t.Errorf("second run: previous %v with %v documents, want %v with %v",
					second["previous"], second["documents"], first["index"], first["documents"])
			}
		})
	}
}

// products have uuids and one field of every type.
func products() example {
	return example{
		name: "products with uuid ids and every type",
		schema: `
		CREATE TYPE colour AS ENUM ('red', 'deep blue');
		CREATE DOMAIN sku AS text CHECK (length(value) < 40);
		CREATE TABLE product (
			id uuid PRIMARY KEY, sku sku NOT NULL, name text, colour colour, price numeric(20, 4), weight float8, ratio real,
			stock smallint, sold int, serial bigint, listed boolean, launched date, seen timestamp, changed timestamptz,
			labels text[], grid int[], attributes jsonb, raw json, blob bytea, span interval, note varchar(20));
		CREATE TABLE review (product uuid NOT NULL, number int NOT NULL, stars int, "text" text, at timestamptz);
		CREATE TABLE supplier (product uuid NOT NULL, name text NOT NULL);
		INSERT INTO product SELECT
			md5(i::text)::uuid, 'SKU-' || i, 'Café "' || i || E'" \\ ☕ 𝄞\n\ttab', (enum_range(NULL::colour))[1 + i % 2],
			i * 1.0001, i / 7.0, i / 3.0, i % 100, i * 1000, 9007199254740993 + i, i % 3 = 0,
			date '2020-02-29' + i, timestamp '2021-03-04 05:06:07.125' + i * interval '1 second',
			timestamptz '2022-01-01 00:00:00.5+02' + i * interval '1 hour',
			ARRAY['a', 'b "q"', NULL, 'ü,{}'], ARRAY[[i, 2], [3, 4]],
			jsonb_build_object('k', i, 'deep', jsonb_build_array(1, NULL, 'x')), '{ "z": 1.50,  "a": [ ] }',
			decode(md5(i::text), 'hex'), i * interval '1 minute', left('note ' || i, 20)
		FROM generate_series(1, 1500) i;
		INSERT INTO product (id, sku) VALUES ('00000000-0000-0000-0000-000000000000', ''),
			('ffffffff-ffff-ffff-ffff-ffffffffffff', E'\u00e9');
		INSERT INTO review SELECT p.id, n, n % 5, 'review ' || n, timestamptz '2023-01-01 00:00+00' + n * interval '1 day'
			FROM product p, generate_series(9, 1, -1) n WHERE p.stock % 4 = 1;
		INSERT INTO supplier SELECT p.id, s FROM product p, unnest(ARRAY['Ajax', 'Bolt', 'Ajax', 'Bolt', 'Ajax']) s
			WHERE p.stock % 2 = 0;
		INSERT INTO review VALUES ('12345678-1234-1234-1234-123456789abc', 1, 1, 'of no product', now());
		ANALYZE`,
		source: definition{
			id: "productId",
			document: `SELECT id AS "productId", sku, name, colour, price, weight, ratio, stock, sold, serial, listed, launched, seen,
				changed, labels, grid, attributes, raw, blob, span, note FROM product; -- all of them`,
			lists: map[string]string{
				"reviews":   `SELECT product AS "productId", number, stars, "text", at FROM review ORDER BY product, number`,
				"suppliers": distinct + `SELECT product AS "productId", name FROM supplier ORDER BY 1, 2 DESC`,
			},
			body: `{"mappings": {"dynamic": false, "properties": {"sku": {"type": "keyword"}, "reviews": {"type": "nested"}}}}`,
		},
		oracle: `SELECT id::text, jsonb_build_object(
			'productId', id, 'sku', sku, 'name', name, 'colour', colour, 'price', price, 'weight', weight, 'ratio', ratio,
			'stock', stock, 'sold', sold, 'serial', serial, 'listed', listed, 'launched', launched,
			'seen', to_char(seen, 'YYYY-MM-DD"T"HH24:MI:SS') || coalesce('.' || nullif(rtrim(to_char(seen, 'US'), '0'), ''), ''),
			'changed', to_char(changed AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
				|| coalesce('.' || nullif(rtrim(to_char(changed AT TIME ZONE 'UTC', 'US'), '0'), ''), '') || 'Z',
			'labels', labels, 'grid', grid, 'attributes', attributes, 'raw', raw::jsonb, 'blob', encode(blob, 'base64'),
			'span', span::text, 'note', note,
			'reviews', coalesce((SELECT jsonb_agg(jsonb_build_object('number', number, 'stars', stars, 'text', "text", 'at',
				to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) ORDER BY number) FROM review WHERE product = id), '[]'),
			'suppliers', coalesce((SELECT jsonb_agg(jsonb_build_object('name', name) ORDER BY name DESC)
				FROM (SELECT DISTINCT name FROM supplier WHERE product = id) s), '[]')
		) FROM product`,
	}
}

// pages have text ids of every kind that is awkward somewhere: case, accents,
// quotes, blanks, slashes, 4-byte characters, what a collation ignores.
func pages() example {
	return example{
		name: "pages with text ids",
		schema: `
		CREATE TABLE page (path text PRIMARY KEY, title text, size bigint);
		CREATE TABLE link (path text NOT NULL, n int NOT NULL, target text, PRIMARY KEY (path, n));
		INSERT INTO page SELECT prefix || i || suffix, title, i FROM generate_series(1, 150) i,
			(VALUES ('a'), ('A'), ('á'), ('Á'), ('ä b/'), ('"q"'), ('\'), ('𝄞'), ('-'), ('日本')) v (prefix),
			(VALUES ('', NULL), ('''x', '')) w (suffix, title);
		INSERT INTO page VALUES ('_id', 'leading underscore', 0), (' ', 'a blank', 0), (E'line\nbreak', 'two lines', 0),
			('%2F', 'escaped', 0), ('null', 'not null', 0), (repeat('é', 256), 'as long as an _id may be', 0);
		INSERT INTO link SELECT path, n, 'to ' || n FROM page, generate_series(1, 3) n WHERE size % 3 = 0;
		ANALYZE`,
		source: definition{
			id:       "path",
			document: "SELECT * FROM page",
			lists:    map[string]string{"links": "SELECT path, target, n FROM link ORDER BY n DESC"},
			body:     `{"mappings": {"dynamic": "strict", "properties": {"path": {"type": "keyword"}, "title": {"type": "text"}, "size": {"type": "long"}, "links": {"type": "object", "enabled": false}}}}`,
		},
		oracle: `SELECT path, jsonb_build_object('path', path, 'title', title, 'size', size, 'links', coalesce((SELECT jsonb_agg(
			jsonb_build_object('n', n, 'target', target) ORDER BY n DESC) FROM link l WHERE l.path = page.path), '[]')) FROM page`,
	}
}

// readings have integer ids with gaps and skew, from the least to the largest,
// a version, and a query that joins.
func readings() example {
	return example{
		name: "readings with integer ids and gaps",
		schema: `
		CREATE TABLE sensor (id int PRIMARY KEY, place text);
		CREATE TABLE reading (id bigint PRIMARY KEY, sensor int REFERENCES sensor, value numeric, version int NOT NULL);
		INSERT INTO sensor SELECT i, 'place ' || i FROM generate_series(1, 10) i;
		INSERT INTO reading SELECT i, 1 + i % 10, i / 8.0, 1 FROM generate_series(1, 3000) i WHERE i % 7 > 2;
		INSERT INTO reading SELECT 1000000000 + i::bigint * i * i, NULL, -i, 3 FROM generate_series(1, 2000) i;
		INSERT INTO reading VALUES (-9223372036854775808, 1, 0.10, 1), (-1, 2, NULL, 9), (0, 3, 1e-7, 1),
			(9223372036854775807, 4, 123456789012345678901234567890.5, 1);
		ANALYZE`,
		source: definition{
			id: "id", version: "version",
			document: "SELECT r.id, value, place, version\nFROM reading r LEFT JOIN sensor s ON s.id = r.sensor ORDER BY value",
			body:     `{"mappings": {"dynamic": false, "properties": {"place": {"type": "keyword"}}}}`,
		},
		oracle: `SELECT r.id::text, jsonb_build_object('id', r.id, 'value', value, 'place', place)
			FROM reading r LEFT JOIN sensor s ON s.id = r.sensor`,
	}
}
