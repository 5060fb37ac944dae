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
func Database(tb testing.TB) string {
	tb.Helper()
	base := fromEnv(tb, DatabaseEnv, "PostgreSQL")
	u, err := url.Parse(base)
	if err != nil {
		tb.Fatalf("%s is no URL", DatabaseEnv) // not the error: it quotes the password
	}
	name := unique(tb)
	// template0 accepts no connections, so nobody can be in the way of the copy.
	exec(tb.Context(), tb, base, "CREATE DATABASE "+quote(name)+" TEMPLATE template0")
	tb.Cleanup(func() {
		exec(context.Background(), tb, base, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)")
	})
	u.Path = "/" + name
	return u.String()
}

func quote(name string) string {
	return pgx.Identifier{name}.Sanitize()
}

// exec runs one statement on a connection of its own.
func exec(ctx context.Context, tb testing.TB, database, statement string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(ctx, cleanupTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		tb.Fatalf("connect to %s: %v", DatabaseEnv, err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}
