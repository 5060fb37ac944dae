package source

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The left side is what a document holds, the right side how one SQL query
// says the same; NULL in every column is the second row.
const typeTable = `
CREATE TYPE mood AS ENUM ('sad', 'ok "quoted"');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN posint AS int CHECK (VALUE > 0);
CREATE DOMAIN matrix AS int[];
CREATE DOMAIN code AS varchar(8);
CREATE TABLE every (
	id int PRIMARY KEY, i2 int2, i4 int4, i8 int8, num numeric, scaled numeric(10,4), f4 float4, f8 float8, b bool,
	d date, ts timestamp, tz timestamptz, t time, tt timetz, iv interval, u uuid, tx text, vc varchar(10), bp char(5), nm name,
	c "char", e mood, pi posint, mx matrix, cd code, j json, jb jsonb, by bytea, r int4range, p pair, ip inet, m money, bt bit(3),
	pt point, x xml, o oid, tsv tsvector,
	ai int[], an numeric[], at text[], ab bool[], atz timestamptz[], ad date[], aj jsonb[], ae mood[], ap posint[], a2 int[][],
	ay bytea[], ar int4range[], abx box[], iv2 int2vector);
INSERT INTO every VALUES (1, -32768, 2147483647, 9007199254740993, 123456789012345678901234567890.0123456789, 1.5, 0.1, 0.30000000000000004, true,
	'2024-02-29', '2024-02-29 12:34:56.000001', '2024-02-29 12:34:56.5+05:30', '12:34:56.7', '12:34:56+02', '1 year 2 days 03:04:05.6',
	'6fa459ea-ee8a-3ca4-894e-db77e160355e', E'q" \\ \n \t \u0001 é 😀', 'O''Brien', 'ab', 'a_name', 'x', 'ok "quoted"', 7, '{{1,2}}', 'C1',
	E'{"b": 1,\n "a": [1, 2] , "b": "x\\n"}', '{"z": 1.50, "a": null}', '\x00ff', '[1,5)', '(1,"x y")', '10.0.0.0/8', 12.5, '101',
	'(1,2)', '<a>b</a>', 4294967295, 'fat cat',
	'{1,NULL,3}', '{1.10,2}', '{a,"b,c",NULL,"NULL","\"q\"","\\"}', '{t,f,NULL}', '{2024-02-29 00:00:00+00}', '{2024-02-29}',
	'{"{\"a\": 1}"}', '{"ok \"quoted\""}', '{1,2}', '[0:1][5:5]={{1},{2}}', '{"\\x00ff"}', '{"[1,3)"}', '{(1,1),(0,0);(3,3),(2,2)}', '1 2');
INSERT INTO every (id) VALUES (2);`

// sameTypes overrides PostgreSQL's own to_jsonb only where JSON has more than one way.
const sameTypes = `SET TimeZone = 'UTC'; SET extra_float_digits = 3;
SELECT id, to_jsonb(every) || jsonb_build_object(
	'tz', to_char(tz, 'YYYY-MM-DD"T"HH24:MI:SS.FF1"Z"'),
	'atz', (SELECT jsonb_agg(to_char(v, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) FROM unnest(atz) v),
	'by', encode(by, 'base64'), 'ay', (SELECT jsonb_agg(encode(v, 'base64')) FROM unnest(ay) v),
	'p', p::text, 'iv2', iv2::text) FROM every`

func TestTypesAgreeWithOneSQLQuery(t *testing.T) {
	t.Parallel()
	url := database(t, typeTable)
	got, _ := mustLoad(t, open(t, config(url, "id", "SELECT * FROM every")), 1)
	wantDocs(t, url, sameTypes, got)
	for _, text := range got {
		if strings.ContainsAny(text, "\n\r") {
			t.Errorf("%q has a line break", text)
		}
	}
	if !strings.Contains(got["1"], `"j":{"b":1,"a":[1,2],"b":"x\n"}`) {
		t.Errorf("json with a key twice was changed: %s", got["1"])
	}
}

// The same rows give the same bytes in a session that is set up otherwise.
func TestTypesDoNotDependOnTheRole(t *testing.T) {
	t.Parallel()
	url := database(t, typeTable)
	want, _ := mustLoad(t, open(t, config(url, "id", "SELECT * FROM every")), 1)
	execSQL(t, url, `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET TimeZone = ''Asia/Kathmandu''', current_database());
		EXECUTE format('ALTER DATABASE %I SET DateStyle = ''SQL, DMY''', current_database());
		EXECUTE format('ALTER DATABASE %I SET IntervalStyle = ''iso_8601''', current_database());
		EXECUTE format('ALTER DATABASE %I SET bytea_output = ''escape''', current_database());
		EXECUTE format('ALTER DATABASE %I SET extra_float_digits = 0', current_database());
		EXECUTE format('ALTER DATABASE %I SET client_encoding = ''LATIN1''', current_database());
		EXECUTE format('ALTER DATABASE %I SET statement_timeout = ''1ms''', current_database());
	END $$`)
	got, _ := mustLoad(t, open(t, config(withParameter(t, url, "options", "-c statement_timeout=0"), "id", "SELECT * FROM every")), 1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
