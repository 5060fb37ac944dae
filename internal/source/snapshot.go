package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Info tells which state of the database a snapshot shows.
type Info struct {
	Name string // name under which PostgreSQL exported it
	// At is the server's clock, in UTC, just before the snapshot was taken:
	// what was committed earlier is in it.
	At time.Time
	// LSN is the write-ahead log position at that time and XMin the first
	// transaction that might not have ended; for people and logs.
	LSN, XMin string
	// State is equal for two snapshots of one database only if the same
	// transactions are visible in both and it was the same day: then they
	// show the same documents. It is the text of pg_current_snapshot
	// (https://www.postgresql.org/docs/current/functions-info.html) and the
	// session's date. Transactions of other databases of the server change it.
	State string
	// Day is the session's date.
	Day string
}

// Snapshot is one state of the database. Everything read through it, by any
// number of connections, is from that moment.
type Snapshot struct {
	source   *Source
	info     Info
	estimate int64
	ranges   *ranges
	tables   tables
	holder   *session // keeps the snapshot importable
	stop     context.CancelFunc
	planned  sync.WaitGroup
	close    func() error
}

// Snapshot takes a snapshot on a connection of its own and, on a second one,
// begins to cut the ids into ranges. The first stays open until Close. When ctx ends, so does all reading; Close is due anyway.
func (s *Source) Snapshot(ctx context.Context) (*Snapshot, error) {
	snap := &Snapshot{source: s, ranges: &ranges{planned: make(chan idRange)}}
	snap.close = sync.OnceValue(snap.end)
	ctx, snap.stop = context.WithCancel(ctx)
	if err := snap.begin(ctx); err != nil {
		return nil, errors.Join(err, snap.Close())
	}
	return snap, nil
}

// begin opens two sessions: the second proves at once, before anything was
// created elsewhere, that others can join the snapshot.
func (s *Snapshot) begin(ctx context.Context) (err error) {
	if s.holder, err = connect(ctx, s.source.conf, ""); err != nil {
		return err
	}
	if s.info, err = s.holder.export(); err != nil {
		return fmt.Errorf("export a snapshot: %w", err)
	}
	session, err := connect(ctx, s.source.conf, s.info.Name)
	if err != nil {
		return err
	}
	if s.estimate, err = session.estimate(s.source.document); err != nil {
		return errors.Join(queryError(s.source.document.name, "", err), session.close())
	}
	p := &planner{source: s.source, session: session, estimate: s.estimate, ranges: s.ranges}
	s.planned.Go(p.run)
	return nil
}

// Info returns name, time and log position of the snapshot.
func (s *Snapshot) Info() Info { return s.info }

// Estimate returns how many documents PostgreSQL's planner expects. It is for
// showing the time left, and may be wrong by any factor.
func (s *Snapshot) Estimate() int64 { return s.estimate }

// Count counts the rows of the document query in the snapshot, on a connection
// of its own and without ranges: a second opinion on what streams deliver. The
// first of a source also compares some rows as read with /*range*/ comments and
// without them; a difference is a *ConfigError.
func (s *Snapshot) Count(ctx context.Context) (int64, error) {
	name := s.source.document.name
	session, err := connect(ctx, s.source.conf, s.info.Name)
	if err != nil {
		return 0, err
	}
	n, err := s.count(session)
	if err = errors.Join(err, session.close()); err != nil {
		return 0, fmt.Errorf("count the rows of %s: %w", name, advise(err))
	}
	return n, nil
}

func (s *Snapshot) count(session *session) (int64, error) {
	row, err := session.row(s.source.document.countSQL())
	if err != nil {
		return 0, err
	}
	n := integer(row[0])
	return n, s.source.checkHints(session, n)
}

// Close ends the snapshot's transaction and the planning, whatever happened
// before. Streams must have returned. It takes at most twice closeTimeout, is
// safe to call twice and does not depend on the context given to Snapshot.
func (s *Snapshot) Close() error { return s.close() }

func (s *Snapshot) end() error {
	s.stop()
	s.planned.Wait()
	if s.holder == nil {
		return nil
	}
	return s.holder.close()
}

const exportQuery = `
SELECT pg_catalog.pg_export_snapshot(),
       (extract(epoch FROM pg_catalog.statement_timestamp()) * 1000000)::pg_catalog.int8,
       CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
            ELSE pg_catalog.pg_current_wal_lsn() END,
       pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot()),
       pg_catalog.txid_current_snapshot()::pg_catalog.text || ' ' || current_date,
       current_date`

func (s *session) export() (Info, error) {
	row, err := s.row(exportQuery)
	if err != nil {
		return Info{}, err
	}
	return Info{
		Name: string(row[0]),
		At:   time.UnixMicro(integer(row[1])).UTC(),
		LSN:  string(row[2]),
		XMin: string(row[3]),

		State: string(row[4]),
		Day:   string(row[5]),
	}, nil
}

// estimate asks the planner, which does not run the query.
func (s *session) estimate(q *query) (int64, error) {
	p, err := s.explain(q.ranges[idRange{}.index()])
	return int64(p.Rows), err
}
