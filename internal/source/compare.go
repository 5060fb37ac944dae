package source

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"example.com/reindex/internal/changes"
)

// Changes says which documents may differ from those of an earlier snapshot of
// the source, which must still be open. Both snapshots hold the locks of their
// tables, so that no table was replaced in between. Read what it names with
// [Snapshot.StreamByID], and then ask [Snapshot.Confirm]. If the earlier snapshot
// has ended because somebody waited for it, the verdict is a full pass.
func (s *Snapshot) Changes(ctx context.Context, earlier *Snapshot, opts changes.Options) (v changes.Verdict, err error) {
	if s.source != earlier.source {
		return v, errors.New("the snapshots are of two sources")
	}
	if s.source.document.composite != nil {
		return changes.Verdict{Reason: ofSeveralColumns()}, nil
	}
	if s.info.Standby {
		return changes.Verdict{Reason: *standbyRefusal()}, nil
	}
	older, err := earlier.marked(ctx)
	if err != nil {
		return givenWay(err)
	}
	newer, err := s.marked(ctx)
	if err != nil {
		return v, err
	}
	var failed error // of the newer snapshot, or of the comparison
	err = earlier.alone(ctx, func(before *session) error {
		failed = s.alone(ctx, func(now *session) (err error) {
			v, err = changes.Compare(changes.Snapshot{Mark: older, Session: reader{before}}, changes.Snapshot{Mark: newer, Session: reader{now}}, opts)
			return err
		})
		return nil
	})
	if failed != nil {
		return changes.Verdict{}, fmt.Errorf("compare two snapshots: %w", failed)
	}
	if err != nil {
		return givenWay(err)
	}
	return v, nil
}

// ofSeveralColumns is why the changed rows of a table do not say which documents they belong to.
func ofSeveralColumns() changes.Refusal {
	return changes.Refusal{
		Why: "the id is made of several columns", Remedy: "a version column lets a pass read the versions and what has changed", Always: true,
	}
}

// standbyRefusal: a snapshot that a standby exports can differ from its importers'
// (docs/failures.md).
func standbyRefusal() *changes.Refusal {
	return &changes.Refusal{
		Why: "the source is a standby, which cannot be trusted with what an exported snapshot shows", Remedy: "read from the primary", Always: true,
	}
}

// givenWay is the verdict if the earlier snapshot cannot be asked any more.
func givenWay(err error) (changes.Verdict, error) {
	if _, ok := errors.AsType[*InterruptedError](err); ok {
		return changes.Verdict{Reason: changes.Refusal{Why: "the snapshot before has ended: " + err.Error()}}, nil
	}
	return changes.Verdict{}, fmt.Errorf("compare two snapshots: %w", err)
}

// CountTables counts the rows of all tables of the queries, which the first
// comparison with the snapshot needs and does itself if nobody has.
func (s *Snapshot) CountTables(ctx context.Context) error {
	if s.info.Standby || s.source.document.composite != nil {
		return nil
	}
	m, err := s.marked(ctx)
	if err != nil {
		return err
	}
	s.marking.Lock()
	defer s.marking.Unlock()
	return s.alone(ctx, func(session *session) error { return m.Count(reader{session}) })
}

// Confirm looks once more for what the locks of the tables do not hold up, such
// as a function that was replaced. It returns why the answer of [Snapshot.Changes]
// does not hold any more, or nil.
func (s *Snapshot) Confirm(ctx context.Context) (*changes.Refusal, error) {
	m, err := s.marked(ctx)
	if err != nil {
		return nil, err
	}
	s.holder.mu.Lock()
	defer s.holder.mu.Unlock()
	if s.holder.session == nil {
		return nil, s.interrupted()
	}
	return m.Confirm(reader{s.holder.session}) // whose transaction sees what is committed now
}

// Prospects says beforehand whether comparisons with the snapshot will have to
// be full ones, and names the tables a change of which makes one.
func (s *Snapshot) Prospects(ctx context.Context) (refusal *changes.Refusal, unkeyed []string, err error) {
	if s.info.Standby {
		return standbyRefusal(), nil, nil
	}
	if s.source.document.composite != nil {
		refusal := ofSeveralColumns()
		return &refusal, nil, nil
	}
	m, err := s.marked(ctx)
	if err != nil {
		return nil, nil, err
	}
	return m.Refusal(), m.Unkeyed(), nil
}

// marked describes the snapshot, once.
func (s *Snapshot) marked(ctx context.Context) (*changes.Mark, error) {
	s.marking.Lock()
	defer s.marking.Unlock()
	if s.mark != nil {
		return s.mark, nil
	}
	relations := make([]uint32, 0, len(s.holder.tables))
	for _, oid := range s.holder.tables {
		n, err := strconv.ParseUint(oid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read an oid: %w", err)
		}
		relations = append(relations, uint32(n))
	}
	err := s.alone(ctx, func(session *session) (err error) {
		s.mark, err = changes.Take(reader{session}, s.source.compared(), relations)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("describe a snapshot: %w", err)
	}
	return s.mark, nil
}

// compared are the queries as package changes knows them.
func (s *Source) compared() []changes.Query {
	var list []changes.Query
	for _, q := range s.queries() {
		list = append(list, changes.Query{Name: q.name, SQL: q.sql, ID: q.idName, IDType: q.family.sqlType()})
		for _, l := range q.lookups {
			list = append(list, changes.Query{Name: l.name, SQL: l.sql})
		}
	}
	return list
}

// reader is a session as package changes wants it.
type reader struct{ *session }

func (r reader) Each(sql string, params [][]byte, row func([][]byte) error) error {
	return r.each(sql, params, row)
}
