package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// closeTimeout bounds how long a session may take to end. It has its own
// clock, because the run's context is often the reason for ending it.
const closeTimeout = 10 * time.Second

// maxMessageBytes bounds one row on the wire; a longer row fails before it is
// read. It leaves room above maxDocumentBytes, because bytea arrives in hex.
const maxMessageBytes = 2*maxDocumentBytes + 1<<20

// readBytes is how much is read from a connection at once. PostgreSQL sends 8 KiB at a
// time and the driver would read as much, 26,000 times for 350,000 persons: what
// has come in the meantime is taken together.
const readBytes = 64 << 10

// settings make a session read the same bytes wherever it runs. They end with
// the transaction, so nothing is left behind in a pooler's connection.
//
// No parallel workers: a Gather would not keep the order of a list query's
// ORDER BY, and the cores belong to the loading side. No jit: it costs 100 ms
// per range and gains nothing on a few thousand rows.
const settings = `
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL statement_timeout = 0;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL standard_conforming_strings = on;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL extra_float_digits = 3;
SET LOCAL bytea_output = 'hex';
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL jit = off;
`

// parseURL reads a connection string. Its errors quote nothing of it: in a
// string that cannot be parsed no one can tell where the password is. Only a
// file that the string names, and that cannot be read, is told apart.
func parseURL(url string) (*pgconn.Config, error) {
	conf, err := pgconn.ParseConfig(url)
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, &ConfigError{
			Reason: "a file that the connection string of the database names cannot be read: " + file.Error(),
			Advice: "look at sslrootcert, sslcert, sslkey and passfile, and at the PGSSL* variables",
		}
	}
	if err != nil {
		return nil, &ConfigError{
			Reason: "the connection string of the database, or a PG* variable, cannot be read",
			Advice: "want postgres://user@host:5432/database with special characters %-encoded, or host=... dbname=...",
		}
	}
	if conf.RuntimeParams["application_name"] == "" {
		conf.RuntimeParams["application_name"] = "reindex"
	}
	conf.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(bufio.NewReaderSize(r, readBytes), w)
	}
	return conf, nil
}

// transaction says how the transaction of a session begins. The zero value has a
// snapshot of its own.
type transaction struct {
	// snapshot is the name of an exported snapshot to join, or "".
	snapshot string
	// eachStatement gives every statement a snapshot of its own (READ COMMITTED).
	eachStatement bool
	// lockTimeout is how long to wait for the lock of a table. Defaults to patience.
	lockTimeout time.Duration
	// policies lets row-level security leave rows out. Otherwise PostgreSQL refuses a
	// query that a policy would filter.
	policies bool
}

// patience is how long a session waits for the lock of a table that it reads by
// itself, while it may hold locks of other tables.
const patience = 60 * time.Second

func (t transaction) begin() string {
	if t.eachStatement {
		return "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
	}
	return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
}

// settings are what a transaction sets on a server of that version, such as "17.6 (Debian 17.6-1)".
func (t transaction) settings(version string) string {
	timeout := t.lockTimeout
	if timeout == 0 {
		timeout = patience
	}
	all := settings + "SET LOCAL lock_timeout = " + strconv.FormatInt(timeout.Milliseconds(), 10) + ";\n" +
		"SET LOCAL row_security = " + onOff(t.policies) + ";\n"
	if major(version) >= 17 {
		all += "SET LOCAL transaction_timeout = 0;\n"
	}
	return all
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// major is the first number of a server's version, or 0.
func major(version string) int {
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	n, _ := strconv.Atoi(version[:end]) // 0 if there is none
	return n
}

// session is one connection inside one read-only transaction, for one
// goroutine. Its context ends every query on it.
type session struct {
	pg     *pgconn.PgConn
	parent context.Context // what the session was opened with
	ctx    context.Context // of its queries; ends with the session
	end    context.CancelCauseFunc
	// process is the id of the server's process, also behind a pooler, whose own ids the driver knows.
	process string
	// dropped says that somebody else has closed the connection.
	dropped atomic.Bool
	leave   func() // called by close, if not nil
	// noLoops says that nested loops are switched off; see planFor.
	noLoops bool
}

// connect opens a session and begins its transaction.
func connect(ctx context.Context, conf *pgconn.Config, t transaction) (*session, error) {
	pg, err := pgconn.ConnectConfig(ctx, conf)
	if err != nil {
		return nil, connectError(ctx, conf, err)
	}
	pg.Frontend().SetMaxBodyLen(maxMessageBytes)
	s := &session{pg: pg, parent: ctx}
	s.ctx, s.end = context.WithCancelCause(ctx)
	if err := s.begin(t); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *session) begin(t transaction) error {
	if err := s.exec(t.begin()); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	if t.snapshot != "" {
		// The name is the server's own, hexadecimal digits and hyphens.
		if err := s.exec("SET TRANSACTION SNAPSHOT '" + t.snapshot + "'"); err != nil {
			return snapshotError(t.snapshot, err)
		}
	}
	// One round trip: the settings first, so that a snapshot of its own is taken under them.
	results, err := s.pg.Exec(s.ctx, t.settings(s.pg.ParameterStatus("server_version"))+"SELECT pg_catalog.pg_backend_pid()").ReadAll()
	if err != nil {
		return fmt.Errorf("set up the session: %w", s.cause(err))
	}
	s.process = string(results[len(results)-1].Rows[0][0])
	return nil
}

func snapshotError(name string, err error) error {
	if _, ok := errors.AsType[*pgconn.PgError](err); !ok {
		return fmt.Errorf("join snapshot %s: %w", name, err)
	}
	return &advisedError{
		fmt.Errorf("join snapshot %s: %w", name, err),
		"every connection must reach the same database on the same server, and the one that holds the snapshot must stay open:" +
			" connect directly instead of through a load balancer or a pooler that spreads connections",
	}
}

// exec runs statements whose results do not matter.
func (s *session) exec(sql string) error {
	_, err := s.pg.Exec(s.ctx, sql).ReadAll()
	return s.cause(err)
}

// planFor prepares the planner for a range, by one of its texts, that should have so many rows,
// or an unknown number if that is 0. Two things mislead it into nested loops,
// which it takes for cheap where it expects few rows:
//
//   - Where statistics are old or coarse it expects one row of a range that has
//     thousands, and then joins by running what stands in parentheses once for each
//     of them: minutes instead of a tenth of a second (seen at 3,500,000 persons,
//     for one range of 214; whoever has inserted many rows since the last ANALYZE would
//     meet it in the ranges of those).
//   - Tables that hints cut to the same range of one key look to it as if few of
//     their rows met: 78 of 16,000 at 3,500,000 persons. Looking the rows up one by one
//     took 2.9 s there where merging took 2.1 (25 ranges).
//
// Such a range is planned without nested loops, in the second case if that is
// cheaper for the rows that it should have. Others need them to look rows up
// that are few among many.
func (s *session) planFor(texts [4]string, r idRange, rows int) error {
	if err := s.setLoops(true); err != nil {
		return err
	}
	sql, params := texts[r.index()], r.params()
	with, err := s.explain(sql, params...)
	if err != nil {
		return err
	}
	if with.comparesAll() {
		return s.setLoops(false)
	}
	cost := with.costOf(float64(rows))
	if cost == with.Cost {
		return nil
	}
	if err := s.setLoops(false); err != nil {
		return err
	}
	without, err := s.explain(sql, params...)
	if err != nil || without.Cost < cost {
		return err
	}
	return s.setLoops(true)
}

func (s *session) setLoops(on bool) error {
	if on != s.noLoops {
		return nil
	}
	s.noLoops = !on
	return s.exec("SET LOCAL enable_nestloop = " + strconv.FormatBool(on))
}

// row returns the first row of a query in text form, or nil.
func (s *session) row(sql string, params ...[]byte) ([][]byte, error) {
	result := s.pg.ExecParams(s.ctx, sql, params, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, s.cause(result.Err)
	}
	if len(result.Rows) == 0 {
		return nil, nil
	}
	return result.Rows[0], nil
}

// cause replaces the error of a query that ended because the session's context
// did by the reason of that, and hides the values in PostgreSQL's words.
func (s *session) cause(err error) error {
	if err != nil && s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return refused(err)
}

// close ends the transaction, cancelling a query that still runs, and returns
// when the connection is gone or after closeTimeout. It is safe to call twice.
func (s *session) close() error {
	if s.leave != nil {
		s.leave()
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	s.endQuery(ctx)
	s.end(nil)
	err := s.pg.Close(ctx)
	select {
	case <-s.pg.CleanupDone():
		if s.dropped.Load() {
			return nil // an error says only that it was closed before
		}
		return err
	case <-ctx.Done():
		return fmt.Errorf("close a database connection: %w", ctx.Err())
	}
}

// endQuery leaves the server nothing to do. Closing the connection would
// suffice, but a backend in the middle of a sort notices that only at the end.
func (s *session) endQuery(ctx context.Context) {
	if s.pg.IsBusy() {
		_ = s.pg.CancelRequest(ctx) // best effort: the connection is closed next
		return
	}
	_, _ = s.pg.Exec(ctx, "ROLLBACK").ReadAll() // fails only if the connection is gone already
}

// drop ends the session of another goroutine, which may be in the middle of a query, or of
// something else for a long time. Its locks are gone when the server has noticed. The
// goroutine meets the cause at its next query and still has to call close.
func (s *session) drop(cause error) {
	s.end(cause)
	s.dropped.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = s.pg.CancelRequest(ctx) // best effort: it ends a query that runs, and the connection is closed next
	_ = s.pg.Conn().Close()     // may be closed already
}

// connectError tells apart what only the user can mend. It never holds the
// password: neither the server nor the driver repeats it here.
func connectError(ctx context.Context, conf *pgconn.Config, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("connect to %s: %w", address(conf), context.Cause(ctx))
	}
	if ce := (*pgconn.ConnectError)(nil); errors.As(err, &ce) {
		err = ce.Unwrap()
	}
	var pg *pgconn.PgError
	if advice := connectAdvice(err, &pg); advice != "" {
		return &ConfigError{Reason: fmt.Sprintf("connect to %s: %s", address(conf), pg.Message), Advice: advice, Err: pg}
	}
	return fmt.Errorf("connect to %s: %w", address(conf), advise(err))
}

// connectAdvice says what to do if the server refuses what the connection string says, or "".
func connectAdvice(err error, pg **pgconn.PgError) string {
	if !errors.As(err, pg) {
		return ""
	}
	const unknownDatabase, protocolViolation = "3D000", "08P01"
	switch code := (*pg).Code; {
	case strings.HasPrefix(code, "28"), code == unknownDatabase:
		return "check user, password and database of the connection string or the PG* variables"
	case strings.HasPrefix(code, "42"), strings.HasPrefix(code, "22"), // no such parameter, or not such a value
		code == protocolViolation && strings.Contains((*pg).Message, "startup parameter"): // PgBouncer
		return "what stands behind ? in the connection string is a parameter of the server, unless libpq knows it: leave out what belongs" +
			" to another tool, such as schema, pool or pgbouncer (for a schema: options=-csearch_path=NAME)"
	}
	return ""
}

func address(conf *pgconn.Config) string {
	return fmt.Sprintf("database %s on %s as %s",
		conf.Database, net.JoinHostPort(conf.Host, strconv.Itoa(int(conf.Port))), conf.User)
}
