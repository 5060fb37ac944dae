package stacktest

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// cleanupTimeout bounds what runs after a test, when its context has ended.
const cleanupTimeout = time.Minute

// Database creates an empty database for this test and returns its URL, or
// skips the test if there is no PostgreSQL. When the test ends the database is
// dropped together with every session that is still open on it.
func Database(t testing.TB) string {
	t.Helper()
	base := fromEnv(t, DatabaseEnv, "PostgreSQL")
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s is no URL", DatabaseEnv) // not the error: it quotes the password
	}
	name := unique(t)
	// template0 accepts no connections, so nobody can be in the way of the copy.
	exec(t.Context(), t, base, "CREATE DATABASE "+quote(name)+" TEMPLATE template0")
	t.Cleanup(func() {
		exec(context.Background(), t, base, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)")
	})
	u.Path = "/" + name
	return u.String()
}

func quote(name string) string {
	return pgx.Identifier{name}.Sanitize()
}

// exec runs one statement on a connection of its own.
func exec(ctx context.Context, t testing.TB, database, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, cleanupTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatalf("connect to %s: %v", DatabaseEnv, err)
	}
	defer conn.Close(ctx) //nolint:errcheck // the statement below has its own answer
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
