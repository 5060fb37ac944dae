package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/internal/document"
)

const people = `
CREATE TABLE person (id bigint PRIMARY KEY, name text);
CREATE TABLE job (id bigint PRIMARY KEY, person_id bigint, title text);
INSERT INTO person SELECT i, 'name ' || i FROM generate_series(1, 3000) i WHERE i % 7 <> 0;
INSERT INTO person SELECT -i, 'below' FROM generate_series(1, 50) i;
INSERT INTO person SELECT 9000000000000000000 + i, 'far' FROM generate_series(1, 500) i;
INSERT INTO person VALUES (-9223372036854775808, 'first'), (9223372036854775807, 'last');
INSERT INTO job SELECT i, i % 3100, 'title ' || i FROM generate_series(1, 9000) i WHERE i % 3100 <= 3000 AND i % 3100 % 7 <> 0;
INSERT INTO job SELECT 100000 + i, 5, 'busy ' || i FROM generate_series(1, 2000) i;
CREATE INDEX ON job (person_id);
ANALYZE;`

const (
	peopleSQL = "SELECT id, name FROM person"
	jobsSQL   = "SELECT person_id AS id, title, job.id AS job FROM job"
	wantSQL   = `SELECT p.id, jsonb_build_object('id', p.id, 'name', p.name, 'jobs', (SELECT coalesce(jsonb_agg(
		jsonb_build_object('title', title, 'job', job.id) ORDER BY job.id), '[]') FROM job WHERE person_id = p.id)) FROM person p`
)

func TestStreamsReadEachIDOnceWithItsLists(t *testing.T) {
	t.Parallel()
	url := database(t, people)
	for _, size := range []int{1, 7, 1000, 1 << 20} {
		for _, streams := range []int{1, 3} {
			t.Run(fmt.Sprintf("%d documents per range in %d streams", size, streams), func(t *testing.T) {
				t.Parallel()
				cfg := config(url, "id", peopleSQL, "jobs", jobsSQL+" ORDER BY job.id")
				cfg.RangeDocuments = size
				src := open(t, cfg)
				got, stats := mustLoad(t, src, streams)
				wantDocs(t, url, wantSQL, got)
				if stats.OrphanRows != 0 {
					t.Errorf("%d orphan rows, want none", stats.OrphanRows)
				}
				if n, err := snapshot(t, src).Count(t.Context()); err != nil || n != stats.Documents {
					t.Errorf("Count = %d, %v; want %d", n, err, stats.Documents)
				}
			})
		}
	}
}

func TestStreamEmitsARangeInAscendingOrder(t *testing.T) {
	t.Parallel()
	src := open(t, config(database(t, people), "id", peopleSQL+" ORDER BY md5(name)"))
	last, first := int64(0), true
	_, err := snapshot(t, src).Stream(t.Context(), func(d document.Document) error {
		var id int64
		if _, err := fmt.Sscan(string(d.ID), &id); err != nil {
			return err
		}
		if !first && id <= last {
			return fmt.Errorf("%d after %d", id, last)
		}
		last, first = id, false
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// What verify stands on: one stream alone has all ids ascending, also where
// ranges do not fit into memory and are cut.
func TestOneStreamEmitsAllIDsAscending(t *testing.T) {
	t.Parallel()
	url := database(t, `CREATE TABLE doc (id text COLLATE "en-x-icu" PRIMARY KEY, n text);
		INSERT INTO doc SELECT w || i, repeat('x', i % 90) FROM unnest(ARRAY['a','A','é','Z','_','-','ß']) w, generate_series(1, 300) i; ANALYZE;`)
	cfg := config(url, "id", "SELECT * FROM doc")
	cfg.ByteOrder, cfg.RangeDocuments, cfg.maxRangeBytes = true, 500, 20_000
	last := ""
	stats, err := snapshot(t, open(t, cfg)).Stream(t.Context(), func(d document.Document) error {
		if string(d.ID) <= last {
			return fmt.Errorf("%s after %s", d.ID, last)
		}
		last = string(d.ID)
		return nil
	})
	if err != nil || stats.Documents != 2100 || stats.Cuts == 0 {
		t.Errorf("Stream = %+v, %v; want 2100 documents in byte order, with cuts", stats, err)
	}
}

// An id that is an expression is cut by the document query itself.
func TestStreamReadsIDsOfAnyOrigin(t *testing.T) {
	t.Parallel()
	url := database(t, people, "CREATE VIEW v AS SELECT id AS k, name FROM person",
		"CREATE DOMAIN key AS int8; CREATE TABLE d AS SELECT id::key AS id, name FROM person")
	for name, sql := range map[string]string{
		"expression":      "SELECT id + 0 AS id, name FROM person;",
		"view":            "SELECT k AS id, name FROM v -- a view",
		"domain":          "SELECT id, name FROM d",
		"with":            "WITH p AS MATERIALIZED (SELECT * FROM person) SELECT id, name FROM p",
		"outer join":      "SELECT id, p.name FROM person p LEFT JOIN (SELECT NULL::text AS name) n ON n.name = p.name",
		"window function": "SELECT id, name FROM (SELECT *, count(*) OVER () FROM person) p",
		"union":           "SELECT id, name FROM person WHERE id < 100 UNION ALL SELECT id, name FROM person WHERE id >= 100",
		"limit":           "SELECT id, name FROM person ORDER BY id LIMIT 100000",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(url, "id", sql)
			cfg.RangeDocuments = 100
			got, _ := mustLoad(t, open(t, cfg), 2)
			wantDocs(t, url, "SELECT id, jsonb_build_object('id', id, 'name', name) FROM person", got)
		})
	}
}

func TestStreamReadsUUIDsAndText(t *testing.T) {
	t.Parallel()
	const awkward = `CREATE TABLE doc (id text COLLATE "en-x-icu" PRIMARY KEY, n int);
		INSERT INTO doc SELECT w || s, row_number() OVER () FROM
			unnest(ARRAY['a','A','b','B','é','É','e','E','z','Z','ä','ß','ss','O''Brien','"q"','\','-','_',' ','%','10','9','😀','ﬀ']) w,
			unnest(ARRAY['','a','A','-','é','0','''']) s;
		CREATE TABLE item (id text COLLATE "C", i int);
		INSERT INTO item SELECT id, i FROM doc, generate_series(1, 3) i; ANALYZE;`
	const uuids = `CREATE TABLE doc (id uuid PRIMARY KEY, n int);
		INSERT INTO doc SELECT md5(i::text)::uuid, i FROM generate_series(1, 1000) i;
		CREATE TABLE item AS SELECT id, i FROM doc, generate_series(1, 3) i; ANALYZE;`
	for name, schema := range map[string]string{
		"uuid": uuids, "text whose list has another collation": awkward,
		"varchar":                    strings.Replace(awkward, "id text", "id varchar(30)", 1),
		"text in a case-blind order": caseBlind + strings.Replace(awkward, "en-x-icu", "blind", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(schema, caseBlind) {
				schema = strings.Replace(schema, "text COLLATE \"blind\" PRIMARY KEY", "text COLLATE \"blind\"", 1)
			}
			url := database(t, schema)
			cfg := config(url, "id", "SELECT * FROM doc", "items", "SELECT * FROM item ORDER BY i")
			cfg.RangeDocuments, cfg.maxRangeBytes = 5, 2000
			got, stats := mustLoad(t, open(t, cfg), 2)
			wantDocs(t, url, `SELECT id, jsonb_build_object('id', id, 'n', n, 'items',
				jsonb_build_array(jsonb_build_object('i', 1), jsonb_build_object('i', 2), jsonb_build_object('i', 3))) FROM doc`, got)
			if stats.OrphanRows != 0 {
				t.Errorf("%d orphan rows, want none", stats.OrphanRows)
			}
		})
	}
}

// caseBlind makes 'a' and 'A' equal: ids that no range can part.
const caseBlind = `CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);`

func TestStreamRefusesRowsThatAreNoDocument(t *testing.T) {
	t.Parallel()
	url := database(t, people)
	for name, tt := range map[string]struct {
		doc, list string
		want      string
	}{
		"fan-out": {
			"SELECT p.id, job.title FROM person p JOIN job ON person_id = p.id WHERE p.id <= 5", "",
			"document.sql fans out: two rows for id ",
		},
		"no id": {
			"SELECT CASE WHEN id <> 17 THEN id END AS id FROM person", "",
			`document.sql: column "id": 1 rows have NULL as their id`,
		},
		"no id in a list": {
			peopleSQL, "SELECT nullif(person_id, 17) AS id, title FROM job",
			`list.sql: column "id": 3 rows have NULL as their id`,
		},
		"NaN": {
			"SELECT id, CASE WHEN id = 17 THEN 'NaN'::numeric END AS x FROM person", "",
			`document.sql: id 17: column "x": NaN`,
		},
		"infinite date in a list": {
			peopleSQL, "SELECT person_id AS id, CASE WHEN id = 17 THEN 'infinity'::date END AS d FROM job",
			`list.sql: id 17: column "d": infinite`,
		},
		"empty id":         {"SELECT ''::text AS id", "", "an id has 1 to 512 bytes, this one has 0"},
		"long id":          {"SELECT repeat('é', 300) AS id", "", "an id has 1 to 512 bytes, this one has 600"},
		"division by zero": {"SELECT id, 1 / (id - 17) AS x FROM person", "", `column "x": ERROR: `},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(url, "id", tt.doc)
			if tt.list != "" {
				cfg = config(url, "id", tt.doc, "list", tt.list)
			}
			cfg.RangeDocuments = 1000
			_, _, _, err := load(t.Context(), snapshot(t, open(t, cfg)), 1)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Stream = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDuplicateErrorNamesQueryAndID(t *testing.T) {
	t.Parallel()
	src := open(t, config(database(t), "id", "SELECT * FROM (VALUES (1), (2), (1)) v (id)"))
	_, _, _, err := load(t.Context(), snapshot(t, src), 1)
	if e := (*DuplicateError)(nil); !errors.As(err, &e) || e.Query != "document.sql" || e.ID != "1" {
		t.Errorf("Stream = %v, want a *DuplicateError for id 1", err)
	}
}

func TestStreamReadsVersions(t *testing.T) {
	t.Parallel()
	url := database(t)
	version := func(sql string) (int64, string, error) {
		cfg := config(url, "id", sql)
		cfg.Version = "rev"
		var version int64
		var text string
		_, err := snapshot(t, open(t, cfg)).Stream(t.Context(), func(d document.Document) error {
			version, text = d.Version, string(d.JSON)
			return nil
		})
		return version, text, err
	}
	if v, text, err := version("SELECT 9007199254740993 AS rev, 7 AS id"); v != 9007199254740993 || text != `{"id":7}` || err != nil {
		t.Errorf("version %d of %s, %v; want 9007199254740993 of {\"id\":7}", v, text, err)
	}
	for _, bad := range []string{"0", "-1", "NULL::int"} {
		_, _, err := version("SELECT " + bad + " AS rev, 7 AS id")
		if e := (*RowError)(nil); !errors.As(err, &e) || e.ID != "7" || e.Column != "rev" {
			t.Errorf("version %s: %v, want a *RowError for id 7, column rev", bad, err)
		}
	}
}

func TestStreamCountsOrphansByList(t *testing.T) {
	t.Parallel()
	cfg := config(database(t, people), "id", peopleSQL+" WHERE id > 10", "jobs", jobsSQL, "more", jobsSQL+" WHERE person_id = 5",
		"none", jobsSQL+" WHERE person_id = 20")
	cfg.RangeDocuments, cfg.maxRangeBytes = 50, 4000 // cut ranges must not count twice
	_, stats := mustLoad(t, open(t, cfg), 2)
	// Persons 1 to 10 without 7 have 3 jobs each, person 5 has 2,000 more.
	jobs, more := stats.Orphans["jobs"], stats.Orphans["more"]
	if jobs.Rows != 27+2000 || more.Rows != 2003 || !slices.Equal(more.IDs, []string{"5"}) || len(jobs.IDs) != 5 ||
		len(stats.Orphans) != 2 || stats.OrphanRows != 4030 {
		t.Errorf("%d orphan rows: %+v; want 2027 and 2003, with the first ids", stats.OrphanRows, stats.Orphans)
	}
	if stats.Cuts == 0 {
		t.Error("no range was cut; the test proves less than it should")
	}
}

func TestStreamKeepsTheOrderOfAList(t *testing.T) {
	t.Parallel()
	url := database(t, people)
	const order = " ORDER BY reverse(title), job.id"
	cfg := config(url, "id", peopleSQL, "ordered", "SELECT person_id AS id, title FROM job"+order,
		"fixed", "SELECT person_id AS id, title FROM (SELECT * FROM job ORDER BY random()) j")
	cfg.RangeDocuments = 500
	got, _ := mustLoad(t, open(t, cfg), 2)
	wantDocs(t, url, `SELECT p.id, jsonb_build_object('id', p.id, 'name', p.name,
		'ordered', (SELECT coalesce(jsonb_agg(jsonb_build_object('title', title)`+order+`), '[]') FROM job WHERE person_id = p.id),
		'fixed', (SELECT coalesce(jsonb_agg(jsonb_build_object('title', title) ORDER BY title COLLATE "C"), '[]')
			FROM job WHERE person_id = p.id)) FROM person p`, got)
}

func TestUnpivotedColumnsAreElements(t *testing.T) {
	t.Parallel()
	url := database(t, `CREATE TABLE pair (id int, a int, b text);
INSERT INTO pair VALUES (1, 7, '7'), (1, NULL, 'x'), (1, 7, NULL), (2, NULL, NULL)`)
	for distinct, want := range map[bool]string{
		false: `{"id":1,"l":[{"v":"7"},{"v":"x"},{"v":7},{"v":7}]}`,
		true:  `{"id":1,"l":[{"v":"7"},{"v":"x"},{"v":7}]}`,
	} {
		cfg := config(url, "id", "SELECT DISTINCT id FROM pair", "l", "SELECT * FROM pair")
		cfg.Lists[0].Unpivot, cfg.Lists[0].Distinct = "v", distinct
		got, _ := mustLoad(t, open(t, cfg), 1)
		if diff := cmp.Diff(map[string]string{"1": want, "2": `{"id":2,"l":[]}`}, got); diff != "" {
			t.Errorf("distinct %t (-want +got):\n%s", distinct, diff)
		}
	}
}

func TestStreamReturnsTheErrorOfEmit(t *testing.T) {
	t.Parallel()
	url := database(t, people)
	src := open(t, config(url, "id", peopleSQL))
	snap := snapshot(t, src)
	errFull := errors.New("full")
	stats, err := snap.Stream(t.Context(), func(document.Document) error { return errFull })
	if !errors.Is(err, errFull) || stats.Documents != 0 {
		t.Errorf("Stream = %d documents, %v; want 0, %v", stats.Documents, err, errFull)
	}
	if err := snap.Close(); err != nil {
		t.Error(err)
	}
	noSessions(t, url)
}

func TestStreamCutsRangesThatDoNotFit(t *testing.T) {
	t.Parallel()
	url := database(t, people)
	cfg := config(url, "id", peopleSQL, "jobs", jobsSQL+" ORDER BY job.id")
	cfg.maxRangeBytes = 20_000 // person 5 alone takes more
	got, stats := mustLoad(t, open(t, cfg), 3)
	wantDocs(t, url, wantSQL, got)
	if stats.Cuts < 10 {
		t.Errorf("%d cuts, want many", stats.Cuts)
	}
}

func TestStreamNamesADocumentThatIsTooBig(t *testing.T) {
	t.Parallel()
	url := database(t, people)
	cfg := config(url, "id", peopleSQL+" WHERE id BETWEEN 1 AND 40",
		"big", "SELECT 17 AS id, repeat('x', 1000000) AS x FROM generate_series(1, 70)")
	_, _, _, err := load(t.Context(), snapshot(t, open(t, cfg)), 1)
	if e := (*RowError)(nil); !errors.As(err, &e) || e.ID != "17" || !strings.Contains(e.Reason, "64 MiB") {
		t.Errorf("Stream = %v, want a *RowError for id 17", err)
	}
}

func TestCancelEndsEverything(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"while rows come":      peopleSQL,
		"while a query thinks": "SELECT id, pg_sleep(600)::text AS s FROM person WHERE id = 3",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := database(t, people)
			src := open(t, config(url, "id", sql))
			snap := snapshot(t, src)
			errWhy := errors.New("lease lost")
			ctx, cancel := context.WithCancelCause(t.Context())
			g := make(chan error, 1) // so that the stream can end when the test has failed
			go func() {
				_, err := snap.Stream(ctx, func(document.Document) error { cancel(errWhy); <-ctx.Done(); return context.Cause(ctx) })
				g <- err
			}()
			if name == "while a query thinks" {
				waitActive(t, url, "%pg_sleep%")
				cancel(errWhy)
			}
			if err := <-g; !errors.Is(err, errWhy) {
				t.Errorf("Stream = %v, want %v", err, errWhy)
			}
			if err := snap.Close(); err != nil {
				t.Error(err)
			}
			noSessions(t, url)
		})
	}
}

func TestStreamNamesQueryAndRangeWhenTheServerKillsIt(t *testing.T) {
	t.Parallel()
	url := database(t, people)
	src := open(t, config(url, "id", "SELECT id, pg_sleep(600)::text AS s FROM person WHERE id = 3"))
	snap := snapshot(t, src)
	g := make(chan error, 1) // as above
	go func() {
		_, err := snap.Stream(t.Context(), func(document.Document) error { return nil })
		g <- err
	}()
	waitActive(t, url, "%pg_sleep%")
	execSQL(t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()`)
	err := <-g
	if err == nil || !strings.Contains(err.Error(), "read document.sql, all ids: ") ||
		!strings.Contains(adviceOf(err), "the run has to start again") {
		t.Errorf("Stream = %v, want the query, the range and what to do", err)
	}
	if err := snap.Close(); err != nil {
		t.Error(err)
	}
	noSessions(t, url)
}
