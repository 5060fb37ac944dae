package redact_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/redact"
	"example.com/reindex/internal/redact/sweep"
)

// Statements that fail over a value, each with the marker in it, and what is
// passed on of PostgreSQL's words.
func TestValuesAreCutOutOfMessagesOfPostgreSQL(t *testing.T) {
	t.Parallel()
	conn := database(t)
	for statement, want := range map[string]string{
		"SELECT v::int FROM m":                                      "invalid input syntax for type integer",
		"SELECT v::numeric(5,2) FROM m":                             "invalid input syntax for type numeric",
		"SELECT v::uuid FROM m":                                     "invalid input syntax for type uuid",
		"SELECT v::bool FROM m":                                     "invalid input syntax for type boolean",
		"SELECT v::json FROM m":                                     "invalid input syntax for type json",
		"SELECT v::jsonb FROM m":                                    "invalid input syntax for type json",
		"SELECT v::timestamptz FROM m":                              "invalid input syntax for type timestamp with time zone",
		"SELECT v::date FROM m":                                     "invalid input syntax for type date",
		"SELECT v::interval FROM m":                                 "invalid input syntax for type interval",
		"SELECT v::inet FROM m":                                     "invalid input syntax for type inet",
		"SELECT v::point FROM m":                                    "invalid input syntax for type point",
		"SELECT v::xml FROM (SELECT '<' || v AS v FROM m) m":        "data exception",
		"SELECT v::int[] FROM m":                                    "malformed array literal",
		"SELECT v::int4range FROM m":                                "malformed range literal",
		"SELECT v::mood FROM m":                                     "invalid input value for enum mood",
		"SELECT v::short FROM m":                                    "value for domain short violates check constraint short_check",
		"SELECT ('2024-13-' || d)::date FROM m":                     "date/time field value out of range",
		"SELECT (d || '471147114711')::int FROM m":                  "value is out of range for type integer",
		"SELECT d::int * 1000000 FROM m":                            "integer out of range",
		"SELECT 1 / (d::int - 4711) FROM m":                         "division by zero",
		"SELECT (d || '.5')::numeric(3,2) FROM m":                   "numeric field overflow",
		"SELECT decode(v, 'hex') FROM m":                            "data exception",
		"SELECT to_date(v, 'YYYY-MM-DD') FROM m":                    "invalid value in a date or time format",
		"SELECT 'a' ~ ('(' || v) FROM m":                            "invalid regular expression",
		"SELECT sqrt(-d::int) FROM m":                               "cannot take square root of a negative number",
		"SELECT (SELECT x.v FROM m x, generate_series(1, 2)) t":     "more than one row returned by a subquery used as an expression",
		"SELECT to_jsonb(v)::int FROM m":                            "cannot cast jsonb string to type integer",
		"SELECT jsonb_array_length(to_jsonb(v)) FROM m":             "data exception",
		"SELECT v::bit(3) FROM m":                                   "not a valid binary digit",
		`SELECT ('"\u0000' || v || '"')::jsonb FROM m`:              "unsupported Unicode escape sequence",
		"SELECT v::\"Odd \"\"Type\"::text::int FROM m":              "invalid input syntax for type integer",
		"SELECT convert_from(('\\xff' || d)::bytea, 'UTF8') FROM m": `invalid byte sequence for encoding "UTF8"`,
	} {
		err := conn.Exec(t.Context(), statement)
		_, failed := err.ReadAll()
		pg, ok := errors.AsType[*pgconn.PgError](failed)
		if !ok {
			t.Errorf("%s: %v; want an error of PostgreSQL", statement, failed)
			continue
		}
		got := redact.Default().PostgreSQL(pg.Code, pg.Message)
		if got != want && want != "data exception" { // whose words differ by version
			t.Errorf("%s: %q of %s %q; want %q", statement, got, pg.Code, pg.Message, want)
		}
		if leaks(got) {
			t.Errorf("%s: %q passes on a value", statement, got)
		}
	}
}

func leaks(text string) bool {
	return strings.Contains(text, sweep.Marker) || strings.Contains(text, sweep.Digits)
}

// TestNoFunctionCanSayWhatItLikes: a function may raise any SQLSTATE with any text,
// also one that begins like a known message.
func TestNoFunctionCanSayWhatItLikes(t *testing.T) {
	t.Parallel()
	conn := database(t)
	texts := []string{
		"%s", "division by zero %s", "invalid input syntax for type %s", "invalid input syntax for type integer: \"%s\"",
		"permission denied for table %s x", "integer out of range: %s", "the database system is %s", "too many connections for role \"%s\"x",
	}
	for _, state := range redact.KnownStates() {
		for _, text := range texts {
			message := fmt.Sprintf(text, sweep.Marker)
			_, failed := conn.Exec(t.Context(), fmt.Sprintf(
				"DO $$ BEGIN RAISE EXCEPTION '%s' USING ERRCODE = '%s', DETAIL = '%[1]s', HINT = '%[1]s'; END $$", message, state)).ReadAll()
			pg, ok := errors.AsType[*pgconn.PgError](failed)
			if !ok || pg.Code != state {
				t.Fatalf("%s: %v", state, failed)
			}
			if got := redact.Default().PostgreSQL(pg.Code, pg.Message); got == "" || leaks(got) {
				t.Errorf("%s %q: %q is passed on", state, message, got)
			}
		}
	}
}

func database(t *testing.T) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), stacktest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) }) // of a test
	_, err = conn.Exec(t.Context(), fmt.Sprintf(`CREATE TABLE m AS SELECT '%s'::text AS v, '%s'::text AS d;
		CREATE TYPE mood AS ENUM ('a'); CREATE DOMAIN short AS text CHECK (length(value) < 3); CREATE DOMAIN "Odd ""Type" AS text`,
		sweep.Marker, sweep.Digits)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
