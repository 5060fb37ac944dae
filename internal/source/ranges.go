package source

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// DefaultRangeDocuments is how many documents a range has, roughly, if Config
// does not say: a size at which the queries' costs per range no
// longer show and a range of ordinary documents still fits into a batch; the
// package comment has the figures.
const DefaultRangeDocuments = 8192

// ranges hands out what is left to read. It is safe for concurrent use.
type ranges struct {
	// planned has every range once, and is closed after the last or after err
	// was set. Unbuffered: the planner waits for whoever takes.
	planned chan idRange
	err     error

	mu    sync.Mutex
	given []idRange // cut in two and given back; taken first
}

// next returns the next range, or false if there is none. Whoever gives ranges
// back must go on calling next: others may have left already.
func (r *ranges) next(ctx context.Context) (idRange, bool, error) {
	if given, ok := r.takeGiven(); ok {
		return given, true, nil
	}
	select {
	case next, ok := <-r.planned:
		if !ok {
			return idRange{}, false, r.err
		}
		return next, true, nil
	case <-ctx.Done():
		return idRange{}, false, fmt.Errorf("wait for a range of ids: %w", context.Cause(ctx))
	}
}

func (r *ranges) takeGiven() (idRange, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.given) == 0 {
		return idRange{}, false
	}
	last := len(r.given) - 1
	next := r.given[last]
	r.given = r.given[:last]
	return next, true
}

// give returns ranges that are to be read after all. The first part is taken
// first, so that one stream alone reads all ids in ascending order.
func (r *ranges) give(parts ...idRange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, part := range slices.Backward(parts) {
		r.given = append(r.given, part)
	}
}

// planner cuts the id space while streams already load the first ranges.
type planner struct {
	source   *Source
	snapshot *Snapshot
	session  *session
	estimate int64
	ranges   *ranges
	sent     int // ranges of ids
}

// run plans until every id is in a range, the session's context ends or the
// database fails, and closes the session.
func (p *planner) run() {
	var err error
	if p.source.cuts.Load() != nil {
		// Nothing is left to ask, and ranges may never be taken: a pass that reads documents
		// by id takes none. So the connection is not kept for as long as the snapshot.
		err = p.session.close()
	}
	if err == nil {
		err = p.plan()
	}
	if closing := p.session.close(); err == nil {
		err = closing
	}
	if err != nil {
		p.ranges.err = fmt.Errorf("cut the ids of %s into ranges: %w", p.source.document.name, advise(err))
	}
	close(p.ranges.planned)
}

func (p *planner) plan() error {
	for _, q := range p.source.queries() {
		if err := p.give(idRange{nulls: q}); err != nil {
			return err
		}
	}
	return p.snapshot.patiently(p.cut)
}

// cut sends all ranges of ids. If it cannot lock the table of the ids in time it has sent none.
func (p *planner) cut() error {
	err := p.tryCut()
	if !timedOutForLock(err) {
		return err
	}
	parent := p.session.parent
	if closing := p.session.close(); closing != nil {
		return closing
	}
	session, joining := p.snapshot.join(parent)
	if joining != nil {
		return joining
	}
	p.session = session
	return err
}

func (p *planner) tryCut() error {
	if cuts := p.source.cuts.Load(); cuts != nil {
		return p.sendAll(*cuts)
	}
	sql, err := p.boundaries()
	if err != nil {
		return err
	}
	var lo []byte
	var cuts [][]byte
	rows := p.session.pg.ExecParams(p.session.ctx, sql, nil, nil, nil, nil)
	for rows.NextRow() {
		id := rows.Values()[0]
		if lo != nil && string(lo) == string(id) {
			continue // more rows of one id than a range should have
		}
		hi := append([]byte{}, id...)
		if err := p.send(idRange{lo: lo, hi: hi}); err != nil {
			return err
		}
		lo, cuts = hi, append(cuts, hi)
	}
	if _, err := rows.Close(); err != nil {
		return p.session.cause(err)
	}
	p.source.cuts.Store(&cuts)
	return p.send(idRange{lo: lo})
}

// sendAll makes ranges of the cuts of an earlier snapshot. Where many ids have
// come since, a range is too big and cut later.
func (p *planner) sendAll(cuts [][]byte) error {
	var lo []byte
	for _, hi := range cuts {
		if err := p.send(idRange{lo: lo, hi: hi}); err != nil {
			return err
		}
		lo = hi
	}
	return p.send(idRange{lo: lo})
}

// send numbers the ranges of ids: the same ones each time, as the cuts are.
func (p *planner) send(r idRange) error {
	r.number = p.sent
	p.sent++
	return p.give(r)
}

func (p *planner) give(r idRange) error {
	select {
	case p.ranges.planned <- r:
		return nil
	case <-p.snapshot.ctx.Done():
		return context.Cause(p.snapshot.ctx)
	}
}

const tableQuery = `
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.format('%I', a.attname), c.reltuples::pg_catalog.int8
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = $2::pg_catalog.int2
WHERE c.oid = $1::pg_catalog.oid AND c.relkind IN ('r', 'p', 'm')`

// boundaries returns the statement that reads the cuts. If the id is a plain
// column of a table it is read from there, which an index does without the
// table, in order and without reading all of it first; else the document query
// has to run for its ids once.
func (p *planner) boundaries() (string, error) {
	q := p.source.document
	size := int64(p.source.rangeDocuments)
	if q.idField.TableOID != 0 {
		row, err := p.session.row(tableQuery,
			fmt.Append(nil, q.idField.TableOID), fmt.Append(nil, q.idField.TableAttributeNumber))
		if err != nil {
			return "", err
		}
		if row != nil {
			return boundariesSQL(string(row[0]), string(row[1]), q.collate, p.stride(size, integer(row[2]))), nil
		}
	}
	return everySQL(q.rows(), q.idExpr(), q.keyExpr(), q.orderExpr(), size), nil
}

// stride is how many rows of the table hold size documents, by the planner's
// estimates. If they are wrong, ranges are too small or are cut later.
func (p *planner) stride(size, tableRows int64) int64 {
	const most = 64 // beyond that an estimate is not worth trusting
	if p.estimate <= 0 || tableRows <= p.estimate {
		return size
	}
	return size * min(most, tableRows/p.estimate)
}
