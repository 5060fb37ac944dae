package source

import (
	"errors"
	"strings"
	"testing"

	"example.com/reindex/internal/document"
)

// TestACastThatFailsNamesQueryColumnAndID: a value in one row of many is to blame,
// and the message has the place and not the value.
func TestACastThatFailsNamesQueryColumnAndID(t *testing.T) {
	t.Parallel()
	const marker = "MaRk3r"
	url := database(t)
	execSQL(t, url, `CREATE TABLE person (id int PRIMARY KEY, t text, name text);
		INSERT INTO person SELECT i, i::text, 'n' FROM generate_series(1, 20000) i;
		UPDATE person SET t = '`+marker+`' WHERE id = 13977; ANALYZE person;
		CREATE TABLE word (id text PRIMARY KEY, t text); INSERT INTO word VALUES ('a', '1'), ('b c', '`+marker+`'), ('d', '3');
		CREATE FUNCTION checked(v text) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN
			IF v = '`+marker+`' THEN RAISE EXCEPTION 'not %', v USING DETAIL = v; END IF; RETURN 1; END $$`)
	for name, tt := range map[string]struct {
		cfg                       Config
		query, id, column, reason string
	}{
		"in the document query": {
			config(url, "id", "SELECT id, name, t::int AS number FROM person"), "document.sql", "13977", "number",
			"invalid input syntax for type integer",
		},
		"in a list": {
			config(url, "id", "SELECT id, name FROM person", "numbers", "SELECT id, name, t::numeric AS n FROM person"), "numbers.sql", "13977", "n",
			"invalid input syntax for type numeric",
		},
		"of a text id": {
			config(url, "id", "SELECT id, t::int AS number FROM word"), "document.sql", "b c", "number", "invalid input syntax for type integer",
		},
		"in a condition": {
			config(url, "id", "SELECT id, name FROM person WHERE t::int > 0"), "", "", "", "invalid input syntax for type integer",
		},
		"in a function": {
			config(url, "id", "SELECT id, name, checked(t) AS c FROM person"), "document.sql", "13977", "c", "a function raised an exception",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := snapshot(t, open(t, tt.cfg)).Stream(t.Context(), func(document.Document) error { return nil })
			if err == nil || strings.Contains(err.Error(), marker) || !strings.Contains(err.Error(), tt.reason) {
				t.Fatalf("Stream = %v; want %q and not the value", err, tt.reason)
			}
			row, ok := errors.AsType[*RowError](err)
			if tt.query == "" {
				return // the rows of a condition are not found; the query and the range are named
			}
			if !ok || row.Query != tt.query || row.ID != tt.id || row.Column != tt.column || row.Hint() == "" {
				t.Errorf("Stream = %v; want query %s, id %s and column %s, and a hint", err, tt.query, tt.id, tt.column)
			}
			said, ok := errors.AsType[*refusal](err)
			if !ok || !strings.Contains(said.Unredacted(), marker) {
				t.Errorf("%v has no full text; want PostgreSQL's own words", err)
			}
		})
	}
}
