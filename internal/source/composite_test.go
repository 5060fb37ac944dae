package source

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/reindex/internal/document"
)

// Days, codes in two cases and with quotes and commas, numbers beyond 9 and below 0: the order of the columns is
// another than that of the text of the id. No index but the primary keys'.
const flights = `
CREATE TABLE flight (day date, carrier text COLLATE "en-x-icu", number int, miles numeric, rev int NOT NULL DEFAULT 1, PRIMARY KEY (day, carrier, number));
CREATE TABLE leg (day date, carrier varchar(9) COLLATE "C", number bigint, position int, town text, PRIMARY KEY (day, carrier, number, position));
CREATE TABLE carrier (code text PRIMARY KEY, name text);
INSERT INTO carrier SELECT c, 'carrier ' || c FROM unnest(ARRAY['UA', 'ua', 'a"b']) c;
INSERT INTO flight SELECT date '2013-01-01' + i % 40, (ARRAY['UA', 'ua', 'a"b', 'x,{y}\z', 'ä', ' '])[i % 6 + 1], i % 250 - 10, i / 4.0 FROM generate_series(1, 6000) i ON CONFLICT DO NOTHING;
INSERT INTO leg SELECT day, carrier, number, k, 'town ' || k FROM flight, generate_series(1, 3) k WHERE number % 4 > 0;
ANALYZE;`

func composed(url string) Config {
	cfg := config(url, "id", "SELECT carrier, day, number::bigint AS number, miles, rev FROM flight",
		"legs", "SELECT number, town, day, carrier::text COLLATE \"C\" AS carrier FROM leg ORDER BY position")
	cfg.IDColumns, cfg.IDSeparator, cfg.Version = []string{"day", "carrier", "number"}, ":", "rev"
	cfg.Lookups = []Lookup{{Query: Query{Name: "carriers.sql", SQL: "SELECT code AS carrier, name FROM carrier"}}}
	return cfg
}

const flightsOracle = `
SELECT day || ':' || carrier || ':' || number, jsonb_build_object('id', day || ':' || carrier || ':' || number, 'carrier', carrier, 'day', day,
	'number', number, 'miles', miles, 'name', (SELECT name FROM carrier WHERE code = carrier), 'legs',
	(SELECT coalesce(jsonb_agg(jsonb_build_object('town', town) ORDER BY position), '[]') FROM leg l
		WHERE (l.day, l.carrier COLLATE "C", l.number) = (f.day, f.carrier COLLATE "C", f.number)))
FROM flight f`

func TestIDOfSeveralColumns(t *testing.T) {
	t.Parallel()
	url := database(t, flights)
	for name, change := range map[string]func(*Config){
		"ranges of one document":                    func(c *Config) { c.RangeDocuments = 1 },
		"ranges of 100":                             func(c *Config) { c.RangeDocuments = 100 },
		"one range":                                 func(c *Config) { c.RangeDocuments = 1 << 20 },
		"one range that has to be cut":              func(c *Config) { c.RangeDocuments, c.maxRangeBytes = 1<<20, 64<<10 },
		"in the order of the text, as verify reads": func(c *Config) { c.RangeDocuments, c.ByteOrder = 1000, true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := composed(url)
			change(&cfg)
			got, stats := mustLoad(t, open(t, cfg), 2)
			wantDocs(t, url, flightsOracle, got)
			if stats.OrphanRows > 0 {
				t.Errorf("%d orphans", stats.OrphanRows)
			}
		})
	}

	t.Run("changed documents are read by their columns", func(t *testing.T) {
		t.Parallel()
		cfg := composed(url)
		cfg.RangeDocuments = 500
		snap := snapshot(t, open(t, cfg))
		c := &collector{docs: map[string]string{}}
		seen := 0
		_, err := snap.StreamChanged(t.Context(), func(document.Document) (bool, error) {
			seen++
			return false, nil
		}, c.emit)
		if err != nil {
			t.Fatal(err)
		}
		wantDocs(t, url, flightsOracle, c.docs)
		if seen != len(c.docs) {
			t.Errorf("compared %d of %d documents", seen, len(c.docs))
		}
	})
}

// No range reads a whole table: each query is planned with a condition on the index.
func TestRangesOfAnIDOfSeveralColumnsUseItsIndex(t *testing.T) {
	t.Parallel()
	url := database(t, flights)
	src := open(t, composed(url))
	session, err := src.connect(t.Context(), transaction{})
	if err != nil {
		t.Fatal(err)
	}
	defer session.close()
	r := idRange{lo: []byte(`{2013-01-07,UA,10}`), hi: []byte(`{2013-01-07,"a\"b",12}`)}
	for _, q := range src.queries() {
		for what, sql := range map[string]string{"a range": q.ranges[r.index()], "ids": q.byKeys[r.index()]} {
			params := r.params()
			if what == "ids" {
				params = append([][]byte{[]byte(`{"{2013-01-07,UA,10}"}`)}, params...)
			}
			var plan strings.Builder
			rows := session.pg.ExecParams(session.ctx, "EXPLAIN "+sql, params, nil, nil, nil)
			for rows.NextRow() {
				fmt.Fprintln(&plan, string(rows.Values()[0]))
			}
			if _, err := rows.Close(); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(plan.String(), "Seq Scan") || !strings.Contains(plan.String(), "Index Cond") {
				t.Errorf("%s, %s:\n%s", q.name, what, plan.String())
			}
		}
	}
}

func TestIDsOfSeveralColumnsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	url := database(t, flights)
	for name, tt := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"a column that the query lacks":  {func(c *Config) { c.Document.SQL = "SELECT carrier, day, rev FROM flight" }, `document.sql: column "number": is a column of the id and not of this query; it has carrier, day, rev`},
		"a column that a list lacks":     {func(c *Config) { c.Lists[0].Query.SQL = "SELECT number, day, town FROM leg" }, `legs.sql: column "carrier": is a column of the id and not of this query`},
		"another type in a list":         {func(c *Config) { c.Lists[0].Query.SQL = "SELECT number::int, carrier::text, day, town FROM leg" }, `legs.sql: column "number": is a column of the id and has type integer here and bigint in document.sql`},
		"a column of the name of the id": {func(c *Config) { c.ID = "miles" }, `document.sql: column "miles": is a column of this query, and the id is made of day, carrier, number`},
		"a column twice":                 {func(c *Config) { c.IDColumns = []string{"day", "day"} }, `is in the id twice`},
		"a hint":                         {func(c *Config) { c.Document.SQL += " WHERE true /*range day*/" }, `has a /*range ...*/ comment, and the id has several columns`},
		"a list without more":            {func(c *Config) { c.Lists[0].Query.SQL = "SELECT number, carrier::text, day FROM leg" }, `legs.sql: has the id column and no other`},
		"a type without an order": {func(c *Config) {
			c.Document.SQL = "SELECT carrier, day, '{}'::json AS number, rev FROM flight"
			c.Lists = nil
		}, `operator`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := composed(url)
			tt.change(&cfg)
			wantConfigError(t, cfg, tt.want)
		})
	}

	t.Run("a column that holds the separator", func(t *testing.T) {
		t.Parallel()
		cfg := composed(url)
		cfg.IDSeparator = "x,"
		_, _, _, err := load(t.Context(), snapshot(t, open(t, cfg)), 1)
		row, ok := errors.AsType[*RowError](err)
		if !ok || row.Column != "carrier" || !strings.Contains(row.Error(), `holds its separator "x,"`) || !strings.Contains(row.Hint(), "source.id.separator") {
			t.Errorf("error %v", err)
		}
	})

	t.Run("a column that is NULL", func(t *testing.T) {
		t.Parallel()
		cfg := composed(url)
		cfg.Document.SQL = "SELECT carrier, day, nullif(number, 7)::bigint AS number, rev FROM flight"
		_, _, _, err := load(t.Context(), snapshot(t, open(t, cfg)), 1)
		if row, ok := errors.AsType[*RowError](err); !ok {
			t.Errorf("error %v (%v)", err, row)
		}
	})
}

// Inspect plans a range in the middle of the ids, with bounds of its own.
func TestInspectWithAnIDOfSeveralColumns(t *testing.T) {
	t.Parallel()
	for _, rows := range []string{"", "TRUNCATE flight;"} {
		found, err := open(t, composed(database(t, flights+rows))).Inspect(t.Context())
		if err != nil || len(found.Scans) > 0 {
			t.Errorf("after %q: scans %v, %v", rows, found.Scans, err)
		}
	}
}
