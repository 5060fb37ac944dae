package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unstable is a column whose values are others each time that the same row is read, such as now().
type Unstable struct {
	Query  string // file name
	Column string
}

// String names both.
func (u Unstable) String() string { return fmt.Sprintf("column %q of %s", u.Column, u.Query) }

// UnstableError says that documents cannot be compared with what an index has.
type UnstableError struct{ Columns []Unstable }

// Error names the columns.
func (e *UnstableError) Error() string {
	return unstableText(e.Columns) + ": two readings of one row differ, so no document equals what an index has"
}

// Hint says how to have stable documents.
func (e *UnstableError) Hint() string {
	return "leave it out, or select something that is stored; now() and random() are others in every session"
}

func unstableText(columns []Unstable) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.String()
	}
	return strings.Join(names, ", ") + " changes each time it is read"
}

// Values of unstable columns stand between two bytes that JSON has nowhere, so that documents can
// be compared without them.
const maskStart, maskEnd = 0x00, 0x01

// stability is found once for a source.
type stability struct {
	mu       sync.Mutex
	known    bool
	unstable []Unstable
}

// stabilityTimeout bounds each of the statements that read some rows twice.
const stabilityTimeout = 2 * time.Second

// checkStability reads some rows in two sessions of one snapshot, before the first stream reads, and marks the columns that differ.
// What changes more rarely, such as now() cut to minutes, it can miss, and a query that takes long or fails for some row is
// not looked at: the load finds out, and names the row. The sessions are closed, so that they lock nothing any longer.
func (s *Source) checkStability(ctx context.Context, join func(context.Context) (*session, error)) ([]Unstable, error) {
	s.stability.mu.Lock()
	defer s.stability.mu.Unlock()
	if s.stability.known {
		return s.stability.unstable, nil
	}
	var found []unstableColumn
	err := inTwo(ctx, join, func(first, second *session) (err error) {
		found, err = s.findUnstable(first, second)
		return err
	})
	var pg *pgconn.PgError
	if err != nil && (!errors.As(err, &pg) || timedOutForLock(err)) {
		return nil, err
	}
	for _, c := range found {
		*c.flag = true
		s.stability.unstable = append(s.stability.unstable, c.Unstable)
	}
	s.stability.known = true
	return s.stability.unstable, nil
}

// inTwo calls do with two sessions of one snapshot.
func inTwo(ctx context.Context, join func(context.Context) (*session, error), do func(first, second *session) error) error {
	var both [2]*session
	for i := range both {
		session, err := join(ctx)
		if err != nil {
			return errors.Join(err, closeAll(both[:i]))
		}
		both[i] = session
		if err := session.exec(fmt.Sprintf("SET LOCAL statement_timeout = %d", stabilityTimeout.Milliseconds())); err != nil {
			return errors.Join(err, closeAll(both[:i+1]))
		}
	}
	return errors.Join(do(both[0], both[1]), closeAll(both[:]))
}

func closeAll(sessions []*session) error {
	errs := make([]error, len(sessions))
	for i, session := range sessions {
		errs[i] = session.close()
	}
	return errors.Join(errs...)
}

// unstableColumn has what marks it.
type unstableColumn struct {
	Unstable
	flag *bool
}

// stabilitySample is how many documents, or rows of a lookup, are read twice.
const stabilitySample = 32

func (s *Source) findUnstable(first, second *session) (found []unstableColumn, err error) {
	ids, err := s.someIDs(first)
	if err != nil || ids.len() == 0 {
		return nil, err
	}
	array := ids.array(0, ids.len())
	for _, q := range s.queries() {
		differ, err := differing(first, second, q.id, q.byKey(), array)
		if err != nil {
			return nil, fmt.Errorf("read some rows of %s twice: %w", q.name, err)
		}
		for _, i := range differ {
			c := &q.columns[i]
			found = append(found, unstableColumn{Unstable{q.name, c.name}, &c.unstable})
		}
		for _, l := range q.lookups {
			differ, err := differing(first, second, l.key, fmt.Sprintf("SELECT * FROM (%s\n) q LIMIT %d", l.sql, stabilitySample))
			if err != nil {
				return nil, fmt.Errorf("read some rows of %s twice: %w", l.name, err)
			}
			for _, i := range differ {
				c := &l.columns[i]
				found = append(found, unstableColumn{Unstable{l.name, c.name}, &c.unstable})
			}
		}
	}
	return found, nil
}

// someIDs returns ids of some documents: from the table of the ids if it is known, which is cheap, and from the document
// query if none of those is a document.
func (s *Source) someIDs(session *session) (*ids, error) {
	q := s.document
	texts := []string{fmt.Sprintf("SELECT %s%s WHERE %[4]s IS NOT NULL LIMIT %[3]d", q.keyExpr(), q.from(), stabilitySample, q.idExpr())}
	if q.idField.TableOID != 0 {
		row, err := session.row(tableQuery, fmt.Append(nil, q.idField.TableOID), fmt.Append(nil, q.idField.TableAttributeNumber))
		if err != nil {
			return nil, err
		}
		if row != nil {
			texts = slices.Insert(texts, 0, fmt.Sprintf("SELECT %[1]s FROM %[2]s WHERE %[1]s IS NOT NULL LIMIT %[3]d", row[1], row[0], stabilitySample))
		}
	}
	list := new(ids)
	for _, sql := range texts {
		list.reset()
		var seen []string
		err := session.each(sql, nil, func(row [][]byte) error {
			if !slices.Contains(seen, string(row[0])) {
				seen = append(seen, string(row[0]))
				list.add(row[0])
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("choose documents to read twice: %w", err)
		}
		if list.len() == 0 {
			continue
		}
		documents := session.pg.ExecParams(session.ctx, q.byKey(), [][]byte{list.array(0, list.len())}, nil, nil, nil).Read()
		if documents.Err != nil {
			return nil, fmt.Errorf("read %s by id: %w", q.name, advise(session.cause(documents.Err)))
		}
		if len(documents.Rows) > 0 {
			break
		}
	}
	return list, nil
}

// differing returns which columns of a statement differ between two sessions in rows that have the same key. Where the rows
// do not come in the same order nothing is known.
func differing(first, second *session, key int, sql string, params ...[]byte) ([]int, error) {
	var results [2]*pgconn.Result
	for i, session := range []*session{first, second} {
		if results[i] = session.pg.ExecParams(session.ctx, sql, params, nil, nil, nil).Read(); results[i].Err != nil {
			return nil, advise(session.cause(results[i].Err))
		}
	}
	a, b := results[0].Rows, results[1].Rows
	if len(a) != len(b) {
		return nil, nil
	}
	var columns []int
	for i := range a {
		if !bytes.Equal(a[i][key], b[i][key]) {
			return nil, nil
		}
		for c := range a[i] {
			if !bytes.Equal(a[i][c], b[i][c]) && !slices.Contains(columns, c) {
				columns = append(columns, c)
			}
		}
	}
	slices.Sort(columns)
	return columns, nil
}

// masks splits documents with unstable columns. Its buffers are reused.
type masks struct{ plain, compared []byte }

// split returns the document as it is, and without the values of unstable columns.
func (m *masks) split(masked []byte) (plain, compared []byte) {
	m.plain, m.compared = m.plain[:0], m.compared[:0]
	inside := false
	for _, c := range masked {
		switch c {
		case maskStart:
			inside = true
		case maskEnd:
			inside = false
		default:
			m.plain = append(m.plain, c)
			if !inside {
				m.compared = append(m.compared, c)
			}
		}
	}
	return m.plain, m.compared
}
