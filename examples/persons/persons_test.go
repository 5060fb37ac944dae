package persons_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"example.com/reindex/examples/persons"
	"example.com/reindex/internal/config"
	"example.com/reindex/internal/devstack/stacktest"
)

const seeded = 3000

func TestSeedHoldsTheShapesOfARealRegister(t *testing.T) {
	t.Parallel()
	conn := seed(t, seeded)
	shapes := map[string]string{
		"ids with gaps":                    `SELECT count(*) FROM (SELECT id - lag(id) OVER (ORDER BY id) AS gap FROM person) g WHERE gap > 1`,
		"ids side by side":                 `SELECT count(*) FROM (SELECT id - lag(id) OVER (ORDER BY id) AS gap FROM person) g WHERE gap = 1`,
		"ids beyond 32 bits":               `SELECT count(*) FROM person WHERE id > 4294967296`,
		"no contact row":                   `SELECT count(*) FROM person WHERE id NOT IN (SELECT person_id FROM contact_details)`,
		"no memberships":                   `SELECT count(*) FROM person WHERE id NOT IN (SELECT person_id FROM programme_membership)`,
		"no placements":                    `SELECT count(*) FROM person WHERE id NOT IN (SELECT person_id FROM placement)`,
		"placeholders for GMC":             `SELECT count(*) FROM gmc_details WHERE gmc_number = 'UNKNOWN'`,
		"placeholders for GDC":             `SELECT count(*) FROM gdc_details WHERE gdc_number = 'N/A'`,
		"empty public health numbers":      `SELECT count(*) FROM person WHERE public_health_number = ''`,
		"missing public health numbers":    `SELECT count(*) FROM person WHERE public_health_number IS NULL`,
		"role lists":                       `SELECT count(*) FROM person WHERE role LIKE '%,%'`,
		"inactive people":                  `SELECT count(*) FROM person WHERE status = 'INACTIVE'`,
		"deleted people":                   `SELECT count(*) FROM person WHERE status = 'DELETE'`,
		"quotes in names":                  `SELECT count(*) FROM contact_details WHERE surname LIKE '%"%'`,
		"backslashes in names":             `SELECT count(*) FROM contact_details WHERE strpos(surname, E'\\') > 0`,
		"newlines and tabs in names":       `SELECT count(*) FROM contact_details WHERE surname ~ E'\n' AND surname ~ E'\t'`,
		"four-byte letters in names":       `SELECT count(*) FROM contact_details WHERE surname ~ '[\U00010000-\U0010FFFF]'`,
		"missing surnames":                 `SELECT count(*) FROM contact_details WHERE surname IS NULL`,
		"two current placements":           `SELECT count(*) FROM (SELECT FROM placement WHERE current_date BETWEEN date_from AND date_to GROUP BY person_id HAVING count(*) > 1) x`,
		"two primary specialties":          `SELECT count(*) FROM (SELECT FROM placement_specialty WHERE type = 'PRIMARY' GROUP BY placement_id HAVING count(*) > 1) x`,
		"placements that end today":        `SELECT count(*) FROM placement WHERE date_to = current_date`,
		"placements that start today":      `SELECT count(*) FROM placement WHERE date_from = current_date`,
		"placements that start tomorrow":   `SELECT count(*) FROM placement WHERE date_from = current_date + 1`,
		"placements that ended yesterday":  `SELECT count(*) FROM placement WHERE date_to = current_date - 1`,
		"past memberships":                 `SELECT count(*) FROM programme_membership WHERE end_date < current_date`,
		"future memberships":               `SELECT count(*) FROM programme_membership WHERE start_date > current_date`,
		"memberships that end today":       `SELECT count(*) FROM programme_membership WHERE end_date = current_date`,
		"memberships without an end":       `SELECT count(*) FROM programme_membership WHERE end_date IS NULL`,
		"posts with one trust, twice":      `SELECT count(*) FROM post WHERE employing_trust_id = training_trust_id`,
		"posts with two trusts":            `SELECT count(*) FROM post WHERE employing_trust_id <> training_trust_id`,
		"posts without an employing trust": `SELECT count(*) FROM post WHERE employing_trust_id IS NULL`,
	}
	for name, sql := range shapes {
		if n := number(t, conn, sql); n == 0 {
			t.Errorf("no %s among %d persons", name, seeded)
		}
	}
	// Nothing refers to a row that is not there, though the seed goes past the checks.
	orphans := `SELECT (SELECT count(*) FROM placement f LEFT JOIN person p ON p.id = person_id LEFT JOIN post o ON o.id = post_id
			LEFT JOIN site s ON s.id = site_id WHERE p.id IS NULL OR o.id IS NULL OR s.id IS NULL AND site_id IS NOT NULL)
		+ (SELECT count(*) FROM programme_membership LEFT JOIN programme r ON r.id = programme_id WHERE r.id IS NULL)
		+ (SELECT count(*) FROM post LEFT JOIN trust t ON t.id = coalesce(training_trust_id, employing_trust_id)
			WHERE t.id IS NULL AND coalesce(training_trust_id, employing_trust_id) IS NOT NULL)`
	if n := number(t, conn, orphans); n != 0 {
		t.Errorf("%d rows refer to nothing", n)
	}
}

func TestSeedWorksForAnySize(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 20, 777} {
		conn := seed(t, n)
		if got := number(t, conn, "SELECT count(*) FROM person"); got != n {
			t.Errorf("seeded %d persons, got %d", n, got)
		}
	}
}

func TestSeedRefusesToMixWithWhatIsThere(t *testing.T) {
	t.Parallel()
	conn := seed(t, 5)
	err := persons.Seed(t.Context(), conn, 5)
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("second seed: got %v, want an error that says the table is not empty", err)
	}
}

func TestDocumentQueryGivesOneRowPerPersonWithContactDetails(t *testing.T) {
	t.Parallel()
	conn := seed(t, seeded)
	want := number(t, conn, "SELECT count(*) FROM contact_details")
	q := subquery(t, "persons.sql")
	if got := number(t, conn, "SELECT count(*) FROM "+q); got != want {
		t.Errorf("got %d rows, want %d", got, want)
	}
	if got := number(t, conn, `SELECT count(DISTINCT "personId") FROM `+q); got != want {
		t.Errorf("got %d different ids, want %d", got, want)
	}
}

func TestMappingKnowsExactlyTheFieldsOfADocument(t *testing.T) {
	t.Parallel()
	conn := seed(t, seeded)
	var body struct {
		Mappings struct {
			Properties map[string]struct {
				Properties map[string]any `json:"properties"`
			} `json:"properties"`
		} `json:"mappings"`
	}
	text, err := os.ReadFile("persons.index.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &body); err != nil {
		t.Fatal(err)
	}
	var want []string
	for field, f := range body.Mappings.Properties {
		want = append(want, field)
		for inner := range f.Properties {
			want = append(want, field+"."+inner)
		}
	}
	slices.Sort(want)
	oracle := strings.TrimSuffix(subquery(t, "oracle.sql"), "q") + " o"
	got := column(t, conn, `
		SELECT DISTINCT key COLLATE "C" FROM (
			SELECT jsonb_object_keys(doc) FROM `+oracle+`
			UNION SELECT 'trusts.' || jsonb_object_keys(jsonb_array_elements(doc->'trusts')) FROM `+oracle+`
			UNION SELECT 'programmeMemberships.' || jsonb_object_keys(jsonb_array_elements(doc->'programmeMemberships')) FROM `+oracle+`
		) k (key) ORDER BY 1`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-mapping +documents):\n%s", diff)
	}
}

func TestConfigurationLoads(t *testing.T) {
	t.Parallel()
	if _, err := config.Load("reindex.yaml", nil, config.Flags{}); err != nil {
		t.Error(err)
	}
}

func TestFilesAreThoseOfTheFolder(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("found %v, %v", names, err)
	}
	for _, name := range names {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := persons.SQL(name); err != nil || got != string(want) {
			t.Errorf("%s: embedded text differs, %v", name, err)
		}
	}
}

// seed returns a connection to a database of its own with n persons.
func seed(tb testing.TB, n int) *pgx.Conn {
	tb.Helper()
	conn := connect(tb)
	if err := persons.Seed(tb.Context(), conn, n); err != nil {
		tb.Fatal(err)
	}
	return conn
}

// connect returns a connection to an empty database of its own.
func connect(tb testing.TB) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), stacktest.Database(tb))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// subquery returns a file of the example as the subquery q.
func subquery(tb testing.TB, name string) string {
	tb.Helper()
	text, err := persons.SQL(name)
	if err != nil {
		tb.Fatal(err)
	}
	return "(" + text + "\n) q"
}

func number(tb testing.TB, conn *pgx.Conn, sql string) int {
	tb.Helper()
	var n int
	if err := conn.QueryRow(tb.Context(), sql).Scan(&n); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return n
}

func column(tb testing.TB, conn *pgx.Conn, sql string) []string {
	tb.Helper()
	rows, err := conn.Query(tb.Context(), sql)
	if err != nil {
		tb.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		tb.Fatal(err)
	}
	return list
}
