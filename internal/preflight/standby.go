package preflight

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// RefuseStandby returns an [Error] if the server of the connection string is a
// standby. Whoever deletes what the source does not have must not ask one: it
// may be behind, and what is new looks as if it were too much.
func RefuseStandby(ctx context.Context, url string) error {
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		return errNoConnection
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // nothing was changed
	result := conn.ExecParams(ctx, "SELECT pg_catalog.pg_is_in_recovery()", nil, nil, nil, nil).Read()
	if result.Err != nil {
		return fmt.Errorf("ask whether the database is a standby: %w", result.Err)
	}
	if string(result.Rows[0][0]) != "t" {
		return nil
	}
	return &Error{Finding: problem("standby",
		"the database is a standby and may be behind: a repair could delete documents that are newer",
		"point source.url (DATABASE_URL) at the primary for a repair, or rebuild with `reindex run`")}
}
