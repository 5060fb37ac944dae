package source

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"example.com/reindex/internal/devstack"
	"example.com/reindex/internal/devstack/stacktest"
)

// roleOf makes a role for one test and returns the URL of the database for it.
func roleOf(t *testing.T, db, options string) (role, as string) {
	t.Helper()
	u, err := url.Parse(db)
	if err != nil {
		t.Fatal(err)
	}
	role = "reader_" + strings.Trim(u.Path, "/")
	execSQL(t, db, `CREATE ROLE "`+role+`" LOGIN `+options)
	t.Cleanup(func() { execSQL(t, db, `DROP OWNED BY "`+role+`"; DROP ROLE "`+role+`"`) })
	u.User = url.User(role)
	return role, u.String()
}

func TestRowsThatAPolicyHidesAreRefusedUnlessTheyShallBe(t *testing.T) {
	t.Parallel()
	db := database(t, `CREATE TABLE item (id int, tenant text); INSERT INTO item SELECT i, CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END FROM generate_series(1, 10) i;
		ALTER TABLE item ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON item USING (tenant = 'a')`)
	role, as := roleOf(t, db, "")
	execSQL(t, db, `GRANT SELECT ON item TO "`+role+`"`)
	for name, cfg := range map[string]Config{
		"documents": config(as, "id", "SELECT id FROM item"),
		"a list":    config(as, "id", "SELECT 1 AS id", "tenants", "SELECT id, tenant FROM item"),
	} {
		_, err := Open(t.Context(), cfg)
		if e := (*ConfigError)(nil); !errors.As(err, &e) || !strings.Contains(e.Hint(), "BYPASSRLS") || LacksPrivilege(err) {
			t.Errorf("%s: Open = %v; want a *ConfigError that says BYPASSRLS, and no missing GRANT", name, err)
		}
	}
	cfg := config(as, "id", "SELECT id FROM item")
	cfg.ApplyPolicies = true
	src := open(t, cfg)
	docs, _ := mustLoad(t, src, 1)
	found, err := src.Inspect(t.Context())
	if err != nil || len(docs) != 5 || !slices.Equal(found.Policies, []string{"public.item"}) {
		t.Errorf("%d documents, policies of %v, %v; want the half that the role may see, and where", len(docs), found.Policies, err)
	}
	execSQL(t, db, `ALTER ROLE "`+role+`" BYPASSRLS`)
	if docs, _ := mustLoad(t, open(t, config(as, "id", "SELECT id FROM item")), 1); len(docs) != 10 {
		t.Errorf("%d documents with BYPASSRLS, want 10", len(docs))
	}
}

func TestInspectCountsTheConnectionsThatAreFree(t *testing.T) {
	t.Parallel()
	db := database(t, "CREATE TABLE item (id int)")
	role, as := roleOf(t, db, "CONNECTION LIMIT 4")
	execSQL(t, db, `GRANT SELECT ON item TO "`+role+`"`)
	src := open(t, config(as, "id", "SELECT id FROM item"))
	// The server may take a while to end the connection that opened the source.
	waitFor(t, db, "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = '"+role+"')")
	found, err := src.Inspect(t.Context())
	if want := "CONNECTION LIMIT of role "; err != nil || found.Sessions.Free != 3 || !strings.HasPrefix(found.Sessions.Limit, want) {
		t.Errorf("%+v, %v; want 3 by %s", found.Sessions, err, want)
	}
}

func TestConnectionStringsOfOtherToolsAreExplained(t *testing.T) {
	t.Parallel()
	db := database(t, "CREATE TABLE item (id int)")
	for _, more := range []string{"schema=public", "pool=5", "pgbouncer=true", "statement_timeout=soon"} {
		_, err := Open(t.Context(), config(db+"&"+more, "id", "SELECT id FROM item"))
		if e := (*ConfigError)(nil); !errors.As(err, &e) || !strings.Contains(e.Hint(), "belongs to another tool") {
			t.Errorf("%s: Open = %v; want a *ConfigError with what to leave out", more, err)
		}
	}
}

// PostgreSQL 17 has a timeout that ends a transaction from outside.
func TestTransactionTimeoutOfTheServerDoesNotEndASnapshot(t *testing.T) {
	t.Parallel()
	server := stacktest.OwnPostgres(t, devstack.PostgresOptions{Version: "17", Settings: map[string]string{"transaction_timeout": "500ms"}})
	execSQL(t, server.URL(), "CREATE TABLE item AS SELECT 1 AS id")
	src := open(t, config(server.URL(), "id", "SELECT id FROM item"))
	snap := snapshot(t, src)
	execSQL(t, server.URL(), "SET transaction_timeout = 0; SELECT pg_sleep(1)") // longer than what was there before
	if docs, _, _, err := load(t.Context(), snap, 1); err != nil || len(docs) != 1 {
		t.Errorf("%d documents, %v", len(docs), err)
	}
}

func TestOnlyWritingIsTheUsersMistakeOfItsClass(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{"25006": true, "25P04": false, "25P03": false, "42601": true, "53300": false} {
		if users(code) != want {
			t.Errorf("users(%s) = %t, want %t", code, !want, want)
		}
	}
}
