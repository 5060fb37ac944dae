package devstack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// copyPrimary makes the data folder of a hot standby: PostgreSQL's low-level
// backup of the primary's folder, because the fetched releases have no
// pg_basebackup, plus what tells the server to follow.
func (pg *Postgres) copyPrimary(ctx context.Context, primary *Postgres) error {
	// The backup belongs to this session.
	conn, err := pgx.Connect(ctx, primary.URL())
	if err != nil {
		return fmt.Errorf("connect to the primary: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	label, err := pg.backUp(ctx, conn, primary.dataDir())
	if err != nil {
		return fmt.Errorf("copy the primary: %w", err)
	}
	following := fmt.Sprintf("primary_conninfo = 'host=127.0.0.1 port=%d user=postgres'\n", primary.port)
	settings, err := os.ReadFile(filepath.Join(pg.dataDir(), "postgresql.auto.conf"))
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"backup_label": label, "standby.signal": "", "postgresql.auto.conf": string(settings) + following,
	} {
		if err := os.WriteFile(filepath.Join(pg.dataDir(), name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return pg.user.give(pg.dataDir())
}

// backUp copies the files while the primary runs and returns the label that a
// recovery from the copy starts from.
func (pg *Postgres) backUp(ctx context.Context, conn *pgx.Conn, data string) (label string, err error) {
	start, stop := "pg_backup_start('standby', true)", "SELECT labelfile FROM pg_backup_stop(false)"
	if strings.HasPrefix(conn.PgConn().ParameterStatus("server_version"), "14.") { // the names before 15
		start, stop = "pg_start_backup('standby', true, false)", "SELECT labelfile FROM pg_stop_backup(false, false)"
	}
	if _, err := conn.Exec(ctx, "SELECT "+start); err != nil {
		return "", err
	}
	if err := copyFiles(data, pg.dataDir(), "."); err != nil {
		return "", err
	}
	if err := conn.QueryRow(ctx, stop).Scan(&label); err != nil {
		return "", err
	}
	// The log last, so that it reaches the end of the backup even if the primary
	// has recycled the oldest files by the time the standby asks for them.
	return label, copyFiles(data, pg.dataDir(), "pg_wal")
}

// copyFiles copies the part of the data folder from below it to the same place
// below to. Files that vanish meanwhile are none of the backup's.
func copyFiles(from, to, part string) error {
	return filepath.WalkDir(filepath.Join(from, part), func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(from, path) // path is below from
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		case name == "postmaster.pid", name == "postmaster.opts", part == "." && strings.HasPrefix(name, "pg_wal/"):
			return nil
		}
		content, err := os.ReadFile(path) //nolint:gosec // G304, G122: a server of this package
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, 0o600) //nolint:gosec // G703: the same name
	})
}
