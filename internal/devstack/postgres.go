package devstack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresOptions describe a server. The zero value is an empty server in a
// temporary folder.
type PostgresOptions struct {
	// Version is a major version of [PostgresVersions], such as "17", which is
	// fetched. Defaults to the PostgreSQL that is installed on this machine, or to
	// 17 where none is. The fetched ones have what contrib has (citext, hstore,
	// intarray, ltree, pg_trgm, pgcrypto, postgres_fdw, uuid-ossp and others; not
	// PostGIS or pgvector), ICU and TLS; they have no client programs.
	Version string
	// Dir keeps the database between starts. Defaults to a temporary folder
	// that Close removes.
	Dir string
	// TLS is the certificate that the server shows to who asks for TLS.
	// Defaults to none.
	TLS *Certificate
	// StandbyOf makes the server a hot standby of this one, of the same version,
	// with a copy of its data and certificate. Defaults to a server of its own.
	StandbyOf *Postgres
	// Settings are configuration parameters, such as "max_connections": "20".
	// They win over those of this package, which trade durability for speed.
	Settings map[string]string
}

// Postgres is a PostgreSQL server. Its methods are not for concurrent use.
type Postgres struct {
	opts    PostgresOptions
	bin     string
	user    owner
	folder  folder
	port    int
	process *process
}

// StartPostgres starts a server and returns once it takes connections. The
// caller must call Close. A machine that lacks what fetches or unpacks the server
// gets a [*MissingError].
//
// The superuser is "postgres", without a password, from loopback only. The
// encoding is UTF-8 and the collation C, the same on every machine.
func StartPostgres(ctx context.Context, opts PostgresOptions) (*Postgres, error) {
	bin, err := postgresBin(ctx, opts)
	if err != nil {
		return nil, err
	}
	user, err := serverUser()
	if err != nil {
		return nil, err
	}
	pg := &Postgres{opts: opts, bin: bin, user: user}
	if pg.folder, err = user.folder(opts.Dir, "postgres"); err != nil {
		return nil, err
	}
	if err := pg.init(ctx); err != nil {
		return nil, errors.Join(err, pg.folder.remove())
	}
	err = withFreePorts(ctx, 1, func(ports []int) error {
		pg.port = ports[0]
		return pg.Start(ctx)
	})
	if err != nil {
		return nil, errors.Join(err, pg.Close())
	}
	return pg, nil
}

// postgresBin returns the folder of the server's programs, those of the primary
// for a standby.
func postgresBin(ctx context.Context, opts PostgresOptions) (string, error) {
	if opts.StandbyOf != nil {
		return opts.StandbyOf.bin, nil
	}
	source, err := postgresSourceOf(opts.Version)
	if err != nil {
		return "", err
	}
	if err := missing(source.lacking()); err != nil {
		return "", err
	}
	return source.folder(ctx)
}

// URL returns the connection URL of the database "postgres". It stays the same
// over Stop, Kill and Start.
func (pg *Postgres) URL() string {
	return "postgres://postgres@" + loopback(pg.port) + "/postgres?sslmode=disable"
}

// Log returns the path of the server's log.
func (pg *Postgres) Log() string { return filepath.Join(pg.folder.path, "postgres.log") }

// Start starts a server that was stopped or killed, and returns once it takes
// connections, which after Kill is when it has recovered.
func (pg *Postgres) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not ready within %s", startTimeout))
	defer cancel()
	process, err := launch(ctx, pg.command())
	if err != nil {
		return err
	}
	pg.process = process
	if err := pg.awaitReady(ctx); err != nil {
		pg.Kill()
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	return nil
}

// Stop shuts the server down in order ("fast": it ends every session, rolls
// back and writes a checkpoint), or kills it after a minute.
func (pg *Postgres) Stop() { pg.end(syscall.SIGINT) }

// Kill ends the server and every session at once without writing anything, so
// that the next start recovers as after a crash. (The server's "immediate"
// shutdown: SIGKILL of the first process alone would leave sessions running.)
func (pg *Postgres) Kill() { pg.end(syscall.SIGQUIT) }

func (pg *Postgres) end(sig syscall.Signal) {
	if pg.process == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	pg.process.stop(ctx, sig)
}

// Close ends the server for good. Data in a temporary folder is removed, so
// that server is killed; one on a named folder is stopped in order.
func (pg *Postgres) Close() error {
	if !pg.folder.temporary {
		pg.Stop()
		return nil
	}
	pg.Kill()
	return pg.folder.remove()
}

func (pg *Postgres) dataDir() string { return filepath.Join(pg.folder.path, "data") }

// init creates the database cluster unless an earlier start did.
func (pg *Postgres) init(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(pg.dataDir(), "PG_VERSION")); err == nil {
		return nil
	}
	if pg.opts.StandbyOf != nil {
		return pg.copyPrimary(ctx, pg.opts.StandbyOf)
	}
	err := pg.initdb(ctx)
	if err != nil || pg.opts.TLS == nil {
		return err
	}
	return pg.writeCertificate(*pg.opts.TLS)
}

// initdb runs as the server's user.
func (pg *Postgres) initdb(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(pg.bin, "initdb"), "--pgdata", pg.dataDir(), //nolint:gosec // G204: found by this package
		"--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	cmd.Dir, cmd.Env = pg.folder.path, serverEnv(pg.folder.path)
	cmd.SysProcAttr = pg.user.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb %s: %w\n%s", pg.dataDir(), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// writeCertificate puts the files where the server looks for them by default,
// and where a standby gets them from.
func (pg *Postgres) writeCertificate(c Certificate) error {
	for name, text := range map[string]string{"server.crt": c.Cert, "server.key": c.Key} {
		if err := os.WriteFile(filepath.Join(pg.dataDir(), name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	settings := filepath.Join(pg.dataDir(), "postgresql.auto.conf")
	if err := os.WriteFile(settings, []byte("ssl = on\n"), 0o600); err != nil {
		return err
	}
	return pg.user.give(pg.dataDir())
}

func (pg *Postgres) command() command {
	settings := map[string]string{
		"listen_addresses":          "127.0.0.1",
		"port":                      strconv.Itoa(pg.port),
		"unix_socket_directories":   "", // a temporary folder's path can be too long for a socket
		"max_connections":           "200",
		"max_prepared_transactions": "20",
		"fsync":                     "off",
		"synchronous_commit":        "off",
		"full_page_writes":          "off",
	}
	maps.Copy(settings, pg.opts.Settings)
	args := []string{filepath.Join(pg.bin, "postgres"), "-D", pg.dataDir()}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return command{
		args: args, env: serverEnv(pg.folder.path), dir: pg.folder.path,
		log: pg.Log(), last: "QUIT", user: pg.user,
	}
}

// awaitReady waits until the server answers a query.
func (pg *Postgres) awaitReady(ctx context.Context) error {
	var last error
	err := poll(ctx, readyInterval/4, func(ctx context.Context) (bool, error) {
		if pg.process.hasEnded() {
			return false, startError("postgres", pg.Log(), pg.process.err)
		}
		last = pg.ping(ctx)
		return last == nil, nil
	})
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w; last answer: %w; the end of %s:\n%s", err, last, pg.Log(), tail(pg.Log()))
	}
	return err
}

func (pg *Postgres) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, pg.URL())
	if err != nil {
		return err
	}
	return errors.Join(conn.Ping(ctx), conn.Close(ctx))
}
