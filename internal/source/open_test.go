package source

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestOpenNamesTheUsersMistake(t *testing.T) {
	t.Parallel()
	db := database(t, `CREATE TABLE person (id int, "personId" int, name text, c char(5), u uuid, b bytea);
		CREATE TABLE secret (id int); CREATE FUNCTION pg_temp.x() RETURNS int LANGUAGE sql AS 'SELECT 1';`)
	const good = "SELECT id, name FROM person"
	for name, tt := range map[string]struct {
		cfg  Config
		want string
	}{
		"no id configured":   {config(db, "", good), "no id column is configured"},
		"empty file":         {config(db, "id", "-- nothing\n;"), "document.sql: holds no statement; write one SELECT"},
		"two statements":     {config(db, "id", good+"; "+good), "document.sql: holds more than one statement"},
		"syntax error":       {config(db, "id", "-- é\nSELECT id,\n  nam e FROMM person"), "document.sql:3: syntax error at or near \"FROMM\""},
		"missing table":      {config(db, "id", "SELECT id\nFROM persn"), "document.sql:2: relation \"persn\" does not exist"},
		"missing column":     {config(db, "id", "SELECT id, nme FROM person"), "document.sql:1: column \"nme\" does not exist"},
		"bad literal":        {config(db, "id", "SELECT id, 'x'::int FROM person"), "document.sql:1: invalid input syntax for type integer"},
		"parameter":          {config(db, "id", "SELECT id FROM person WHERE id = $1"), "document.sql: has a parameter ($1)"},
		"no SELECT":          {config(db, "id", "DELETE FROM person"), "document.sql: returns no columns"},
		"writes":             {config(db, "id", "DELETE FROM person RETURNING id"), "must also work inside SELECT"},
		"writes in a WITH":   {config(db, "id", "WITH d AS (DELETE FROM person RETURNING id) SELECT id FROM d"), "must also work inside SELECT"},
		"folded name":        {config(db, "personId", "SELECT id AS personId FROM person"), `column "personId": is not a column of this query; PostgreSQL knows it as "personid", because it folds names without quotes to lower case: write AS "personId"`},
		"missing id":         {config(db, "key", good), `document.sql: column "key": is not a column of this query; it has id, name`},
		"column twice":       {config(db, "id", "SELECT id, name, name FROM person"), `document.sql: column "name": occurs twice; name it with AS`},
		"id that is no id":   {config(db, "b", "SELECT b FROM person"), `document.sql: column "b": has type bytea, which cannot be an id`},
		"id with blanks":     {config(db, "c", "SELECT c FROM person"), "has type character, which cannot be an id"},
		"mistake in a list":  {config(db, "id", good, "list", "SELECT id FROM persn"), "list.sql:1: relation \"persn\" does not exist"},
		"missing id in list": {config(db, "id", good, "list", "SELECT name FROM person"), `list.sql: column "id": is not a column of this query; it has name`},
		"ids do not compare": {config(db, "id", good, "list", "SELECT name AS id, u FROM person"), `list.sql: column "id": has type text here and int8 in document.sql`},
		"list of nothing":    {config(db, "id", good, "list", "SELECT id FROM person"), "list.sql: has the id column and no other"},
		"list and column":    {config(db, "id", good, "name", "SELECT id, u FROM person"), `name.sql: column "name": is a list and a column of document.sql, or a list twice`},
		"list twice":         {config(db, "id", good, "l", "SELECT id, u FROM person", "l", "SELECT id, u FROM person"), "or a list twice"},
		"list without name":  {config(db, "id", good, "", "SELECT id, u FROM person"), "the list has no field name"},
		"missing version":    {withVersion(config(db, "id", good), "rev"), `document.sql: column "rev": is configured as the version and is not a column`},
		"version no integer": {withVersion(config(db, "id", good), "name"), `document.sql: column "name": is the version and no integer`},
		"version is the id":  {withVersion(config(db, "id", good), "id"), "is the id and cannot be the version too"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(t.Context(), tt.cfg)
			if e := (*ConfigError)(nil); !errors.As(err, &e) || !strings.Contains(err.Error()+"; "+e.Hint(), tt.want) {
				t.Errorf("Open = %v, want a *ConfigError with %q", err, tt.want)
			}
		})
	}
	t.Run("what is right passes", func(t *testing.T) {
		t.Parallel()
		cfg := config(db, "id", "SELECT id, name, u FROM person;", "list", `SELECT "personId"::bigint AS id, name FROM person`)
		src := open(t, withVersion(cfg, ""))
		if len(src.lists) != 1 {
			t.Errorf("%d lists, want 1", len(src.lists))
		}
	})
}

func TestOpenWarnsOfQueriesThatReadEverythingForEachRange(t *testing.T) {
	t.Parallel()
	db := database(t, people)
	src := open(t, config(db, "id", "SELECT id, name, row_number() OVER (ORDER BY name) AS n FROM person",
		"limit", jobsSQL+" LIMIT 100000", "cte", "WITH j AS MATERIALIZED (SELECT * FROM job) SELECT person_id AS id, title FROM j",
		"plain", jobsSQL, "ordered", jobsSQL+" ORDER BY job.id", "grouped", "SELECT person_id AS id, count(*) FROM job GROUP BY 1",
		"distinct", "SELECT DISTINCT person_id AS id, title FROM job"))
	var got []string
	for _, w := range src.Warnings() {
		query, _, _ := strings.Cut(w, ":")
		got = append(got, query)
	}
	if want := []string{"document.sql", "limit.sql", "cte.sql"}; !slices.Equal(got, want) {
		t.Errorf("warnings about %v, want %v", got, want)
	}
}

func withVersion(cfg Config, column string) Config {
	cfg.Version = column
	return cfg
}

func TestOpenNamesAMissingRight(t *testing.T) {
	t.Parallel()
	db := database(t, "CREATE TABLE secret (id int)")
	role := "reader_" + strings.ToLower(rand.Text())
	execSQL(t, db, "CREATE ROLE "+role+" LOGIN")
	t.Cleanup(func() { execSQL(t, db, "DROP ROLE "+role) })
	_, err := Open(t.Context(), config(withUser(t, db, url.User(role)), "id", "SELECT id FROM secret"))
	if e := (*ConfigError)(nil); !errors.As(err, &e) || e.Reason != "permission denied for table secret" {
		t.Errorf("Open = %v, want a *ConfigError for table secret", err)
	}
}

func withUser(t *testing.T, db string, user *url.Userinfo) string {
	t.Helper()
	u, err := url.Parse(db)
	if err != nil {
		t.Fatal(err)
	}
	u.User = user
	return u.String()
}

func withParameter(t *testing.T, db, name, value string) string {
	t.Helper()
	u, err := url.Parse(db)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // libpq knows no plus sign for a blank
	return u.String()
}

func TestConnectionErrorsNeverHoldThePassword(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	db := database(t)
	wrong := withUser(t, db, url.UserPassword("nobody_of_that_name", secret))
	u, err := url.Parse(withUser(t, db, url.UserPassword("postgres", secret)))
	if err != nil {
		t.Fatal(err)
	}
	u.Path += "x"
	unknown := u.String()
	for name, tt := range map[string]struct {
		url    string
		config bool // want a *ConfigError
	}{
		"unknown role":      {wrong, true},
		"unknown database":  {unknown, true},
		"refused":           {"postgres://u:" + secret + "@127.0.0.1:1/db", false},
		"unknown host":      {"postgres://u:" + secret + "@host.invalid/db", false},
		"blank in password": {"postgres://u: " + secret + "@host.invalid/db", false},
		"bad escape":        {"postgres://u:%zz" + secret + "@h/db", true},
		"bad port":          {"postgres://u:x@" + secret + "@h:port/db", true},
		"bad keyword":       {"host=h password='" + secret, true},
		"bad option":        {"postgres://u:" + secret + "@h/db?sslmode=maybe", true},
		"nothing like it":   {"host " + secret, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(t.Context(), config(tt.url, "id", "SELECT 1 AS id"))
			if err == nil {
				t.Fatal("Open succeeded")
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if text := fmt.Sprintf("%v %+v", e, e); strings.Contains(text, secret) {
					t.Errorf("the error holds the password: %s", text)
				}
			}
			if e := (*ConfigError)(nil); errors.As(err, &e) != tt.config {
				t.Errorf("Open = %v; is a *ConfigError: %t, want %t", err, !tt.config, tt.config)
			}
		})
	}
}

func TestSessionsAreNamed(t *testing.T) {
	t.Parallel()
	db := database(t)
	for name, want := range map[string]string{db: "reindex", withParameter(t, db, "application_name", "nightly"): "nightly"} {
		cfg := config(name, "id", "SELECT 1 AS id, current_setting('application_name') AS app")
		got, _ := mustLoad(t, open(t, cfg), 1)
		if got["1"] != `{"id":1,"app":"`+want+`"}` {
			t.Errorf("%s, want application_name %s", got["1"], want)
		}
	}
}

func TestOpenNamesAFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	const secret = "hush"
	_, err := Open(t.Context(), Config{URL: "postgres://u:" + secret + "@localhost/db?sslmode=verify-full&sslrootcert=/no/such/root.pem", ID: "id"})
	ce, ok := errors.AsType[*ConfigError](err)
	if !ok || !strings.Contains(ce.Reason, "/no/such/root.pem") || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v, want a *ConfigError that names the file and not the password", err)
	}
}
