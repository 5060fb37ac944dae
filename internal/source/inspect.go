package source

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"example.com/reindex/internal/changes"
)

// Inspection is what a look at the database found, for people who want to know
// before a run.
type Inspection struct {
	Version string // of the server
	// Standby says that the server is one: long snapshots meet replay there.
	Standby bool
	// Spread says that connections do not all reach the same server, as
	// behind a load balancer; snapshots cannot be shared then.
	Spread error
	// Unreadable are the tables of the queries that the role may not read.
	// Inspect leaves it to [Unreadable]: a source with one does not open.
	Unreadable []string
	// Duplicates are the first ids that the document query has twice.
	Duplicates []string
	// Documents is the exact number of rows of the document query.
	Documents int64
	// Sessions is how many connections may be opened beside the one that asks.
	Sessions Sessions
	// Policies are the tables of which row-level security shows the role a part, if the source applies it.
	Policies []string
	// Unstable are columns that are others each time the same row is read.
	Unstable []Unstable
	Warnings []string // see [Source.Warnings]
	// Scans are the large tables that are read as a whole for every range.
	Scans []Scan
	// FullPasses is why every catch-up pass will read all documents, and what can be
	// done about it; nil if passes will read what has changed.
	FullPasses *changes.Refusal
	// Unkeyed are the tables a change of which makes such a pass all the same.
	Unkeyed []string
}

// duplicatesShown bounds Inspection.Duplicates.
const duplicatesShown = 5

// Inspect asks the database what a run would stumble over. It reads the whole
// document query once, for duplicate ids, and changes nothing.
func (s *Source) Inspect(ctx context.Context) (Inspection, error) {
	found := Inspection{Warnings: s.Warnings()}
	session, err := s.connect(ctx, transaction{})
	if err != nil {
		return found, err
	}
	if err = errors.Join(s.inspect(session, &found), session.close()); err != nil || found.Spread != nil {
		return found, err
	}
	return found, s.prospects(ctx, &found)
}

// prospects finds what catch-up passes will cost, in a snapshot as those of a run.
func (s *Source) prospects(ctx context.Context, found *Inspection) error {
	snapshot, err := s.Snapshot(ctx)
	if err != nil {
		return err
	}
	found.FullPasses, found.Unkeyed, err = snapshot.Prospects(ctx)
	return errors.Join(err, snapshot.Close())
}

func (s *Source) inspect(session *session, found *Inspection) error {
	row, err := session.row("SELECT pg_catalog.current_setting('server_version'), pg_catalog.pg_is_in_recovery()")
	if err != nil {
		return fmt.Errorf("ask for the server's version: %w", err)
	}
	found.Version, found.Standby = string(row[0]), string(row[1]) == "t"
	if found.Sessions, err = session.free(); err != nil {
		return err
	}
	if found.Policies, err = s.filtered(session); err != nil {
		return err
	}
	if err := s.share(session, found); err != nil {
		return err
	}
	if found.Duplicates, err = s.duplicates(session); err != nil {
		return err
	}
	row, err = session.row(s.document.countSQL())
	if err != nil {
		return fmt.Errorf("count the rows of %s: %w", s.document.name, advise(err))
	}
	found.Documents = integer(row[0])
	found.Scans, err = s.scans(session)
	return err
}

// share tries what every run does: a second connection joins the snapshot
// of the first, and both read the same rows.
func (s *Source) share(first *session, found *Inspection) error {
	info, err := first.export()
	if err != nil {
		found.Spread = fmt.Errorf("export a snapshot: %w", err)
		return nil
	}
	join := func(ctx context.Context) (*session, error) { return s.connect(ctx, transaction{snapshot: info.Name}) }
	second, spread := join(first.parent)
	if found.Spread = spread; spread == nil {
		if err := second.close(); err != nil {
			return err
		}
		found.Unstable, err = s.checkStability(first.parent, join)
	}
	return err
}

// filtered returns the tables of the queries that have policies for the role.
func (s *Source) filtered(session *session) ([]string, error) {
	const sql = `SELECT ` + qualifiedName + ` FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.oid = ANY ($1::pg_catalog.oid[]) AND c.relkind IN ('r', 'p') AND pg_catalog.row_security_active(c.oid) ORDER BY 1`
	rows := session.pg.ExecParams(session.ctx, sql, [][]byte{arrayOf(*s.tables.Load())}, nil, nil, nil)
	var list []string
	for rows.NextRow() {
		list = append(list, string(rows.Values()[0]))
	}
	return list, session.finish(rows, "look for tables with row-level security")
}

func (s *Source) duplicates(session *session) ([]string, error) {
	id := s.document.idExpr()
	sql := "SELECT " + id + s.document.from() + " GROUP BY 1 HAVING pg_catalog.count(*) > 1 ORDER BY 1 LIMIT " +
		strconv.Itoa(duplicatesShown)
	rows := session.pg.ExecParams(session.ctx, sql, nil, nil, nil, nil)
	var ids []string
	for rows.NextRow() {
		ids = append(ids, string(rows.Values()[0]))
	}
	if _, err := rows.Close(); err != nil {
		return nil, fmt.Errorf("look for ids that occur twice in %s: %w", s.document.name, advise(session.cause(err)))
	}
	return ids, nil
}
