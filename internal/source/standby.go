package source

import (
	"context"
	"errors"
	"fmt"
)

// IsStandby tells whether the server of the connection string is a standby.
func IsStandby(ctx context.Context, url string) (bool, error) {
	conf, err := parseURL(url)
	if err != nil {
		return false, err
	}
	session, err := connect(ctx, conf, transaction{})
	if err != nil {
		return false, err
	}
	row, err := session.row("SELECT pg_catalog.pg_is_in_recovery()")
	if err = errors.Join(err, session.close()); err != nil {
		return false, fmt.Errorf("ask whether the database is a standby: %w", err)
	}
	return string(row[0]) == "t", nil
}
