package source

import (
	"errors"
	"fmt"
	"testing"
)

const shapes = `
CREATE TABLE person (id bigint PRIMARY KEY, country text, region int, rev int NOT NULL DEFAULT 1);
CREATE TABLE region (country text, no int, name text, area numeric, PRIMARY KEY (country, no));
CREATE TABLE detail (person_id bigint PRIMARY KEY, height numeric, region int, country text);
CREATE TABLE tag (person_id bigint, tag text, second text, position int);
CREATE TABLE stay (person_id bigint, country text, region int, nights int);
INSERT INTO region SELECT c, i, CASE WHEN i % 4 > 0 THEN c || ' "' || i || '"' END, i * 1.50 FROM unnest(ARRAY['DE', 'D', 'E,1']) c, generate_series(1, 30) i;
INSERT INTO person SELECT i, (ARRAY['DE', 'D', 'E,1', 'XX', NULL])[i % 5 + 1], CASE WHEN i % 7 > 0 THEN i % 40 END FROM generate_series(1, 1000) i;
INSERT INTO detail SELECT id, id / 3.0, region, country FROM person WHERE id % 3 > 0;
INSERT INTO tag SELECT i % 1000, CASE WHEN i % 11 > 0 THEN 'tag ' || i % 17 END, CASE WHEN i % 3 = 0 THEN 'other' END, i FROM generate_series(1, 5000) i;
INSERT INTO stay SELECT i % 1000 + 1, (ARRAY['DE', 'D', 'E,1', 'XX', NULL])[i % 5 + 1], i % 40, i FROM generate_series(1, 3000) i;
CREATE INDEX ON tag (person_id);
CREATE INDEX ON stay (person_id);
ANALYZE;`

// regions is a lookup by two columns.
func regions(as string) Lookup {
	return Lookup{
		Query: Query{Name: "regions.sql", SQL: "SELECT name, no AS region, area, country FROM region"},
		By:    []string{"country", "region"}, As: as,
	}
}

// shaped is a configuration with every shape a document can have.
func shaped(url string) Config {
	cfg := config(url, "id", "SELECT id, country, region, rev FROM person", "stays", "SELECT person_id AS id, country, region, nights FROM stay ORDER BY nights")
	cfg.Version = "rev"
	cfg.Omit = []string{"region"}
	cfg.Lookups = []Lookup{regions("region")}
	cfg.Objects = []Object{{
		Field: "detail", Query: Query{Name: "detail.sql", SQL: "SELECT person_id AS id, country, region, height FROM detail"},
		Omit: []string{"country", "region"}, Lookups: []Lookup{regions("")},
	}}
	cfg.Lists[0].Omit = []string{"country", "region"}
	cfg.Lists[0].Lookups = []Lookup{regions("where")}
	cfg.Lists = append(
		cfg.Lists,
		List{Field: "tags", Values: true, Query: Query{Name: "tags.sql", SQL: "SELECT tag, second, person_id AS id FROM tag ORDER BY position"}},
		List{Field: "once", Values: true, Distinct: true, Query: Query{Name: "once.sql", SQL: "SELECT tag, person_id AS id FROM tag"}},
		List{
			Field: "names", Values: true, Query: Query{Name: "names.sql", SQL: "SELECT person_id AS id, country, region FROM stay ORDER BY nights"},
			Lookups: []Lookup{{Query: Query{Name: "n.sql", SQL: "SELECT country, no AS region, name FROM region"}, By: []string{"region", "country"}}},
		},
		List{
			Field: "only", Query: Query{Name: "only.sql", SQL: "SELECT person_id AS id, country, region FROM stay ORDER BY nights"},
			Omit: []string{"region", "country"}, Lookups: []Lookup{regions("")},
		},
	)
	return cfg
}

const shapesOracle = `
SELECT p.id, jsonb_build_object('id', p.id, 'country', p.country,
	'region', (SELECT jsonb_build_object('name', name, 'area', area) FROM region r WHERE r.country = p.country AND no = p.region),
	'detail', (SELECT jsonb_build_object('height', height, 'name', r.name, 'area', r.area)
		FROM detail d LEFT JOIN region r ON r.country = d.country AND no = d.region WHERE person_id = p.id),
	'stays', (SELECT coalesce(jsonb_agg(jsonb_build_object('nights', nights, 'where',
			(SELECT jsonb_build_object('name', name, 'area', area) FROM region r WHERE r.country = s.country AND no = s.region)) ORDER BY nights), '[]')
		FROM stay s WHERE person_id = p.id),
	'tags', (SELECT coalesce(jsonb_agg(v ORDER BY position, n), '[]') FROM tag, LATERAL (VALUES (tag, 1), (second, 2)) u (v, n) WHERE person_id = p.id AND v IS NOT NULL),
	'once', (SELECT coalesce(jsonb_agg(v ORDER BY v COLLATE "C"), '[]') FROM (SELECT DISTINCT tag FROM tag WHERE person_id = p.id AND tag IS NOT NULL) x (v)),
	'names', (SELECT coalesce(jsonb_agg(name ORDER BY nights), '[]')
		FROM stay s JOIN region r ON r.country = s.country AND no = s.region WHERE person_id = p.id AND name IS NOT NULL),
	'only', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'area', area) ORDER BY nights), '[]')
		FROM stay s LEFT JOIN region r ON r.country = s.country AND no = s.region WHERE person_id = p.id))
FROM person p`

func TestShapesAreThoseOfPlainSQL(t *testing.T) {
	t.Parallel()
	url := database(t, shapes)
	for _, size := range []int{1, 100, 1 << 20} {
		t.Run(fmt.Sprintf("%d documents per range", size), func(t *testing.T) {
			t.Parallel()
			cfg := shaped(url)
			cfg.RangeDocuments = size
			got, _ := mustLoad(t, open(t, cfg), 2)
			wantDocs(t, url, shapesOracle, got)
		})
	}
}

func TestASecondRowOfAnObjectIsAnError(t *testing.T) {
	t.Parallel()
	cfg := config(database(t, shapes), "id", "SELECT id FROM person")
	cfg.Objects = []Object{{Field: "stay", Query: Query{Name: "stay.sql", SQL: "SELECT person_id AS id, nights FROM stay WHERE person_id = 7"}}}
	_, _, _, err := load(t.Context(), snapshot(t, open(t, cfg)), 1)
	twice, ok := errors.AsType[*DuplicateError](err)
	if !ok || twice.ID != "7" || twice.Query != "stay.sql" {
		t.Fatalf("error %v, want one that names stay.sql and id 7", err)
	}
	if want := "choose one row with DISTINCT ON or WHERE, or make stay a list"; twice.Hint() != want {
		t.Errorf("hint %q, want %q", twice.Hint(), want)
	}
}

func TestShapesThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	url := database(t, shapes)
	for name, tt := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"a key of two columns without by": {
			func(c *Config) { c.Lookups[0].By = nil },
			`regions.sql: column "country": is a column of document.sql too; rename one of them, or name all columns of the key in by if rows are found by it too`,
		},
		"by names what the lookup does not have": {func(c *Config) { c.Lookups[0].By[1] = "no" }, `regions.sql: column "no": is in by and is not a column of this query`},
		"by names what the query does not have":  {func(c *Config) { c.Lookups[0].By[1] = "area" }, `regions.sql: column "area": is in by and is not a column of document.sql; it has id, country, region, rev`},
		"by names a column twice":                {func(c *Config) { c.Lookups[0].By[1] = "country" }, `regions.sql: column "country": is in by twice`},
		"by names the id": {func(c *Config) {
			c.Lookups[0] = Lookup{Query: Query{Name: "l.sql", SQL: "SELECT id, height FROM person JOIN detail ON person_id = id"}, By: []string{"id"}}
		}, `is the id, and rows are not looked up by that`},
		"nothing but the key":                      {func(c *Config) { c.Lookups[0].SQL = "SELECT no AS region, country FROM region" }, "or has no other"},
		"an object named like a column":            {func(c *Config) { c.Lookups[0].As = "country" }, `regions.sql: column "country": is the object of this lookup and a column of document.sql`},
		"an object named like a list":              {func(c *Config) { c.Objects[0].Field = "stays" }, `stay`},
		"an object named like a field of a lookup": {func(c *Config) { c.Objects[0].Field = "region" }, `detail.sql: column "region": is an object and a column of regions.sql`},
		"an object in a list of values":            {func(c *Config) { c.Lists[3].Lookups[0].As = "x" }, "makes an object in a list whose elements are single values"},
		"values and unpivot":                       {func(c *Config) { c.Lists[1].Unpivot = "x" }, "tags.sql: has values and unpivot"},
		"omit of the id in a list":                 {func(c *Config) { c.Lists[0].Omit = []string{"id"} }, "is in omit and is the id, which is never in a list"},
		"omit of no column":                        {func(c *Config) { c.Lists[0].Omit = []string{"x"} }, `column "x": is in omit and is not a column of this query; it has id, country, region, nights`},
		"omit of everything":                       {func(c *Config) { c.Lists[2].Omit = []string{"tag"} }, "once.sql: has no column that is not in omit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := shaped(url)
			tt.change(&cfg)
			wantConfigError(t, cfg, tt.want)
		})
	}
}
