package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/reindex/internal/changes"
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
	// session's date. Transactions of other databases of the server change it. On a
	// standby the text leaves out which transactions are running, so no two snapshots
	// are equal there.
	State string
	// Standby says that the server is one.
	Standby bool
	// Unstable are columns that are others each time the same row is read. Documents have
	// [document.Document.Compared] then.
	Unstable []Unstable
	// Day is the session's date.
	Day string
}

// Snapshot is one state of the database. Everything read through it, by any
// number of connections, is from that moment.
type Snapshot struct {
	source  *Source
	info    Info
	ranges  *ranges
	lookups lookupTables
	holder  *holder
	ctx     context.Context // of all sessions in the snapshot; its cause is why they end
	stop    context.CancelCauseFunc
	work    sync.WaitGroup // planning and watching
	close   func() error

	mu       sync.Mutex
	sessions map[*session]struct{} // open, the holder's not among them

	marking sync.Mutex
	mark    *changes.Mark // nil until somebody compares
}

// Snapshot locks the tables of the queries, takes a snapshot on the same connection and, on a second one,
// begins to cut the ids into ranges. The first stays open, and the tables locked in ACCESS SHARE mode, until Close. When ctx ends, so does all reading; Close is due anyway.
//
// Whoever wants to change a table waits meanwhile, and everybody who wants to read it waits behind them.
// After [Config.GiveWay] the snapshot ends for such a session: all reading fails with an
// *InterruptedError. An earlier snapshot of the source for which somebody waits when this one
// is taken ends at once, because this one cannot lock the tables otherwise.
func (s *Source) Snapshot(ctx context.Context) (*Snapshot, error) {
	snap := &Snapshot{source: s, ranges: &ranges{planned: make(chan idRange)}, sessions: map[*session]struct{}{}}
	snap.close = sync.OnceValue(snap.end)
	snap.ctx, snap.stop = context.WithCancelCause(ctx)
	if err := snap.begin(); err != nil {
		return nil, errors.Join(err, snap.Close())
	}
	return snap, nil
}

// begin opens two sessions: the second proves at once, before anything was
// created elsewhere, that others can join the snapshot.
func (s *Snapshot) begin() (err error) {
	if s.holder, err = s.source.hold(s.ctx); err != nil {
		return err
	}
	s.info = s.holder.info
	s.source.earlier.add(s)
	s.work.Go(s.watch)
	session, err := s.join(s.ctx)
	if err != nil {
		return err
	}
	err = s.patiently(func() (err error) {
		s.info.Unstable, err = s.source.checkStability(s.ctx, s.join)
		return err
	})
	if err != nil {
		return errors.Join(err, session.close())
	}
	p := &planner{source: s.source, snapshot: s, session: session, estimate: s.holder.rows, ranges: s.ranges}
	s.work.Go(p.run)
	return nil
}

// join opens a session in the snapshot.
func (s *Snapshot) join(ctx context.Context) (*session, error) {
	joined, err := s.source.connect(ctx, transaction{snapshot: s.info.Name, lockTimeout: lockBriefly})
	if cause := s.interrupted(); cause != nil {
		if joined != nil {
			_ = joined.close() // the cause says it all
		}
		return nil, cause
	}
	if err != nil {
		return nil, err
	}
	unhook := context.AfterFunc(s.ctx, func() { joined.end(context.Cause(s.ctx)) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[joined] = struct{}{}
	joined.leave = func() {
		unhook()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.sessions, joined)
	}
	return joined, nil
}

// Info returns name and time of the snapshot.
func (s *Snapshot) Info() Info { return s.info }

// Estimate returns how many documents PostgreSQL's planner expects. It is for
// showing the time left, and may be wrong by any factor.
func (s *Snapshot) Estimate() int64 { return s.holder.rows }

// Count counts the rows of the document query in the snapshot, on a connection
// of its own and without ranges: a second opinion on what streams deliver. The
// first of a source also compares some rows as read with /*range*/ comments and
// without them; a difference is a *ConfigError.
func (s *Snapshot) Count(ctx context.Context) (n int64, err error) {
	err = s.alone(ctx, func(session *session) error {
		n, err = s.count(session)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count the rows of %s: %w", s.source.document.name, advise(err))
	}
	return n, nil
}

// alone calls do with a session of its own in the snapshot, again if a lock was not to be had, and proves what was read.
func (s *Snapshot) alone(ctx context.Context, do func(*session) error) error {
	return s.patiently(func() error {
		session, err := s.join(ctx)
		if err != nil {
			return err
		}
		if err = do(session); err == nil {
			err = s.proveRead(session)
		}
		return errors.Join(err, session.close())
	})
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
	s.stop(nil)
	s.work.Wait()
	if s.holder == nil {
		return nil
	}
	s.source.earlier.remove(s)
	return s.holder.release()
}

const exportQuery = `
SELECT pg_catalog.pg_export_snapshot(),
       (extract(epoch FROM pg_catalog.statement_timestamp()) * 1000000)::pg_catalog.int8,
       CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
            ELSE pg_catalog.pg_current_wal_lsn() END,
       pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot()),
       pg_catalog.txid_current_snapshot()::pg_catalog.text || ' ' || current_date,
       current_date, pg_catalog.pg_is_in_recovery()`

func (s *session) export() (Info, error) {
	row, err := s.row(exportQuery)
	if err != nil {
		return Info{}, err
	}
	info := Info{
		Name: string(row[0]),
		At:   time.UnixMicro(integer(row[1])).UTC(),
		LSN:  string(row[2]),
		XMin: string(row[3]),

		State:   string(row[4]),
		Day:     string(row[5]),
		Standby: string(row[6]) == "t",
	}
	if info.Standby {
		info.State += " " + info.Name
	}
	return info, nil
}
