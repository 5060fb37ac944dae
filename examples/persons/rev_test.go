package persons_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/reindex/examples/persons"
)

// People of the small register below: 1 has everything and is in placement 10
// today, 2 had a placement that is over, 3 has nothing.
const register = `
	INSERT INTO trust VALUES (1, 'T1', 'Trust 1'), (2, 'T2', 'Trust 2');
	INSERT INTO site VALUES (1, 'S1', 'Site 1', 1), (2, 'S2', 'Site 2', 2);
	INSERT INTO grade VALUES (1, 'G1', 'Grade 1'), (2, 'G2', 'Grade 2');
	INSERT INTO specialty VALUES (1, '001', 'One'), (2, '002', 'Two');
	INSERT INTO programme VALUES (1, 'Programme 1', 'P1', 'North'), (2, 'Programme 2', 'P2', 'South');
	INSERT INTO post VALUES (1, 1, 1, 'N1', 'North'), (2, 2, 2, 'N2', 'South');
	INSERT INTO person (id) VALUES (1), (2), (3);
	INSERT INTO contact_details VALUES (1, 'A', 'B'), (2, 'C', 'D'), (3, 'E', 'F');
	INSERT INTO gmc_details VALUES (1, '1');
	INSERT INTO gdc_details VALUES (1, '1');
	INSERT INTO programme_membership VALUES (1, 1, 1, NULL, current_date, NULL), (2, 2, 1, NULL, current_date - 9, current_date - 1);
	INSERT INTO placement VALUES (10, 1, 1, 1, 1, 'In Post', current_date, current_date),
		(20, 2, 1, 1, 1, 'In Post', current_date - 9, current_date - 1);
	INSERT INTO placement_specialty VALUES (10, 1, 'PRIMARY'), (20, 1, 'PRIMARY')`

func TestEditsRaiseTheRevOfThosePersonsWhoseDocumentsChange(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		edit string
		want [4]bool // by person id
	}{
		"person":                            {"UPDATE person SET role = 'X' WHERE id = 3", raised(3)},
		"person, to the same value":         {"UPDATE person SET role = role", raised()},
		"rev itself, downwards":             {"UPDATE person SET rev = 0 WHERE id = 1", raised(1)},
		"surname":                           {"UPDATE contact_details SET surname = 'Z' WHERE person_id = 1", raised(1)},
		"surname, to the same value":        {"UPDATE contact_details SET surname = surname", raised()},
		"contact row removed":               {"DELETE FROM contact_details WHERE person_id = 2", raised(2)},
		"two people in one statement":       {"UPDATE contact_details SET surname = 'Z' WHERE person_id > 1", raised(2, 3)},
		"new GMC number":                    {"INSERT INTO gmc_details VALUES (3, '3')", raised(3)},
		"GDC number removed":                {"DELETE FROM gdc_details", raised(1)},
		"new membership":                    {"INSERT INTO programme_membership VALUES (3, 3, 2, NULL, current_date)", raised(3)},
		"membership given to another":       {"UPDATE programme_membership SET person_id = 3 WHERE id = 1", raised(1, 3)},
		"placement prolonged":               {"UPDATE placement SET date_to = date_to + 1 WHERE id = 20", raised(2)},
		"placement removed with its parts":  {"DELETE FROM placement WHERE id = 10", raised(1)},
		"second primary specialty":          {"INSERT INTO placement_specialty VALUES (20, 2, 'PRIMARY')", raised(2)},
		"specialty of a placement changed":  {"UPDATE placement_specialty SET type = 'OTHER' WHERE placement_id = 10", raised(1)},
		"specialty of a placement removed":  {"DELETE FROM placement_specialty WHERE placement_id = 10", raised(1)},
		"programme renamed":                 {"UPDATE programme SET name = 'X' WHERE id = 1", raised(1, 2)},
		"programme without members renamed": {"UPDATE programme SET name = 'X' WHERE id = 2", raised()},
		"trust of a post":                   {"UPDATE post SET training_trust_id = 2 WHERE id = 1", raised(1, 2)},
		"grade, by its current holder only": {"UPDATE grade SET abbreviation = 'X' WHERE id = 1", raised(1)},
		"site, by its current holder only":  {"UPDATE site SET code = 'X' WHERE id = 1", raised(1)},
		"specialty, by its holder only":     {"UPDATE specialty SET name = 'X' WHERE id = 1", raised(1)},
		"trust renamed, which no one shows": {"UPDATE trust SET name = 'X'", raised()},
		"several rows of two people":        {"INSERT INTO placement_specialty VALUES (10, 2, 'OTHER'), (20, 2, 'OTHER')", raised(1, 2)},
	}
	conn := registered(t)
	for name, tt := range tests {
		before, after := revsAround(t, conn, tt.edit)
		for id := 1; id <= 3; id++ {
			if raised := after[id] > before[id]; raised != tt.want[id] || after[id] < before[id] {
				t.Errorf("%s: rev of person %d went from %d to %d; want it raised: %v", name, id, before[id], after[id], tt.want[id])
			}
		}
	}
}

// revsAround returns the revs before and after an edit, which it rolls back.
func revsAround(t *testing.T, conn *pgx.Conn, edit string) (before, after [4]int64) {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context()) //nolint:errcheck // the database is dropped after the test
	before = revs(t, tx)
	if _, err := tx.Exec(t.Context(), edit); err != nil {
		t.Fatalf("%s: %v", edit, err)
	}
	return before, revs(t, tx)
}

// registered returns a connection to a database with the small register.
func registered(t *testing.T) *pgx.Conn {
	t.Helper()
	conn := connect(t)
	schema, err := persons.SQL("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{schema, register} {
		if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

// raised marks person ids.
func raised(ids ...int) (marks [4]bool) {
	for _, id := range ids {
		marks[id] = true
	}
	return marks
}

func revs(t *testing.T, tx pgx.Tx) [4]int64 {
	t.Helper()
	var r [4]int64
	sql := "SELECT max(rev) FILTER (WHERE id = 1), max(rev) FILTER (WHERE id = 2), max(rev) FILTER (WHERE id = 3) FROM person"
	if err := tx.QueryRow(t.Context(), sql).Scan(&r[1], &r[2], &r[3]); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPersonInsertedAgainComesBackWithALargerRev(t *testing.T) {
	t.Parallel()
	conn := registered(t)
	var left, back int64
	err := conn.QueryRow(t.Context(), `
		INSERT INTO person (id, rev) VALUES (99, 1000000) RETURNING rev`).Scan(&left)
	if err == nil {
		err = conn.QueryRow(t.Context(), "UPDATE person SET role = 'X' WHERE id = 99 RETURNING rev").Scan(&back)
	}
	if err != nil || back <= left {
		t.Errorf("a rev that a client chose went from %d to %d, %v; want it to grow", left, back, err)
	}
	if err := conn.QueryRow(t.Context(), "INSERT INTO person (id) VALUES (98) RETURNING rev").Scan(&left); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "DELETE FROM person WHERE id = 98"); err != nil {
		t.Fatal(err)
	}
	err = conn.QueryRow(t.Context(), "INSERT INTO person (id) VALUES (98) RETURNING rev").Scan(&back)
	if err != nil || back <= left {
		t.Errorf("the rev of a person inserted again went from %d to %d, %v; want it to grow", left, back, err)
	}
}
