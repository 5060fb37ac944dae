package persons

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
)

//go:embed *.sql persons.index.json reindex.yaml
var files embed.FS

// Files returns the files of the example as they are in its folder.
func Files() fs.FS { return files }

// SQL returns the text of one of the example's .sql files by its name, such as
// "persons.sql".
func SQL(name string) (string, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read example file: %w", err)
	}
	return string(text), nil
}

// Seed fills the database that conn is connected to with n persons and what
// belongs to them, in tables that it creates if they are missing, and brings
// statistics and visibility maps up to date. The same n on the same day gives
// the same rows. 350,000 persons take about 20 s, ten times as many ten times
// as long; 20 are enough to try something out.
//
// It is an error if there are persons already, or if the role is no superuser.
// Each step is a notice on the connection; see [pgx.ConnConfig.OnNotice].
func Seed(ctx context.Context, conn *pgx.Conn, n int) error {
	if err := createTables(ctx, conn); err != nil {
		return err
	}
	if err := run(ctx, conn, "seed.sql"); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "SELECT seed_persons($1)", n); err != nil {
		return fmt.Errorf("seed %d persons: %w", n, err)
	}
	// Index-only scans need it, and it cannot run inside the function.
	if _, err := conn.Exec(ctx, "VACUUM"); err != nil {
		return fmt.Errorf("vacuum the seeded tables: %w", err)
	}
	return nil
}

func createTables(ctx context.Context, conn *pgx.Conn) error {
	var exist bool
	if err := conn.QueryRow(ctx, "SELECT to_regclass('person') IS NOT NULL").Scan(&exist); err != nil {
		return fmt.Errorf("look for table person: %w", err)
	}
	if exist {
		return nil
	}
	return run(ctx, conn, "schema.sql")
}

// run sends a whole file as one simple query, hence as one transaction.
func run(ctx context.Context, conn *pgx.Conn, name string) error {
	text, err := SQL(name)
	if err != nil {
		return err
	}
	if _, err := conn.PgConn().Exec(ctx, text).ReadAll(); err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}
