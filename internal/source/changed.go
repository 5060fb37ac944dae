package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"example.com/reindex/internal/document"
)

// changedAtOnce is how many documents are read with one statement: so few that
// PostgreSQL looks them up.
const changedAtOnce = 1024

// StreamChanged is [Snapshot.Stream] for few documents among many. It asks same
// for every document of a range, which has no JSON then, and reads those that are
// not the same; emit gets them after that, of one range in no promised order. Where
// versions tell what to look at, a second look at the source costs no more than
// ids and versions, for which PostgreSQL leaves out what only other columns need,
// and the rows of what has changed.
//
// The source must have versions. An error of same ends the stream, as one of emit.
// Orphans are not counted.
func (s *Snapshot) StreamChanged(
	ctx context.Context, same func(document.Document) (bool, error), emit func(document.Document) error,
) (StreamStats, error) {
	if s.source.document.version < 0 {
		return StreamStats{}, errors.New("the source has no versions to compare")
	}
	c := &changedReader{stream: s.stream(), same: same, emit: emit}
	err := c.stream.run(ctx, c.load)
	return c.stream.stats, err
}

// changedReader is what one StreamChanged does.
type changedReader struct {
	stream *stream
	same   func(document.Document) (bool, error)
	emit   func(document.Document) error
	ids    ids // of the range, that have to be read
	// from is the first of ids that was not emitted, and compared says that all of the range are there: a range
	// that is loaded again after a lock was not to be had goes on where it was.
	from     int
	compared bool
}

// load reads what has changed of one range.
func (c *changedReader) load(r idRange) error {
	if !c.compared {
		c.ids.reset()
		if err := c.compare(r); err != nil {
			return err
		}
		c.from, c.compared = 0, true
	}
	for c.from < c.ids.len() {
		if err := c.read(r, c.from, min(c.from+changedAtOnce, c.ids.len())); err != nil {
			return err
		}
	}
	c.compared = false
	c.stream.stats.Ranges++
	return nil
}

// compare finds the ids whose documents are not the same.
func (c *changedReader) compare(r idRange) error {
	st, q := c.stream, c.stream.source.document
	if err := st.session.planFor(q.versions, r, st.source.rangeDocuments); err != nil {
		return fmt.Errorf("plan the versions of %s, %s: %w", q.name, r, advise(err))
	}
	err := st.session.each(q.versions[r.index()], r.params(), func(row [][]byte) error {
		id := row[0]
		if err := q.checkID(id); err != nil {
			return err
		}
		version, err := q.versionOf(id, row[1])
		if err != nil {
			return err
		}
		same, err := c.same(document.Document{ID: id, Version: version, Range: r.number})
		if err == nil && !same {
			if q.byTuple() {
				id = row[2] // its key, by which it is read
			}
			c.ids.add(id)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read the versions of %s, %s: %w", q.name, r, err)
	}
	return nil
}

// read emits the documents of some of the ids.
func (c *changedReader) read(r idRange, from, to int) error {
	st := c.stream
	return st.readByID(r, &c.ids, from, to, func(from, to int) error {
		if n := len(st.batch.slots); n != to-from {
			return advised(fmt.Sprintf("read %s by id: %d documents of %d", st.source.document.name, n, to-from),
				"are the ids comparable, and stable within one snapshot?")
		}
		c.from = to
		return st.emitAll(r, c.emit)
	})
}

// readByID puts the documents of some ids into the batch and calls done, more than
// once with fewer of them where they do not fit or one of them cannot be read.
func (st *stream) readByID(r idRange, list *ids, from, to int, done func(from, to int) error) error {
	limit, alone := st.source.maxRangeBytes, to-from == 1
	if alone {
		limit = maxDocumentBytes
	}
	st.batch.reset(limit)
	err := st.lookUp()
	if err == nil {
		err = st.readIDs(r, list.array(from, to))
	}
	full, row := errors.Is(err, errRangeFull), ofARow(err)
	switch {
	case err == nil:
		return done(from, to)
	case full && alone:
		return st.tooBig(r)
	case row && alone:
		return fmt.Errorf("id %s: %w", shortID(string(list.at(from))), err)
	case !full && !row:
		return err
	}
	if err := st.reconnect(); err != nil {
		return err
	}
	middle := (from + to) / 2
	if err := st.readByID(r, list, from, middle, done); err != nil {
		return err
	}
	return st.readByID(r, list, middle, to, done)
}

// readIDs puts the rows of all queries with one of the ids into the batch.
func (st *stream) readIDs(r idRange, array []byte) error {
	if err := st.session.setLoops(true); err != nil {
		return err
	}
	q := st.source.document
	if err := st.eachOf(q, r, array, st.addDocument); err != nil {
		return fmt.Errorf("read %s by id: %w", q.name, err)
	}
	for i, q := range st.source.lists {
		err := st.eachOf(q, r, array, func(row [][]byte) error { return st.addElement(i, q, row) })
		if err != nil {
			return fmt.Errorf("read %s by id: %w", q.name, err)
		}
	}
	return nil
}

// eachOf calls add for each row of a query that has one of the ids, all of which are in the range.
func (st *stream) eachOf(q *query, r idRange, array []byte, add func([][]byte) error) error {
	if q.byTuple() {
		return st.session.each(q.byKeys[r.index()], append([][]byte{array}, r.params()...), add)
	}
	return st.session.each(q.byIDs, [][]byte{array}, add)
}

// ids holds ids without an allocation for each.
type ids struct {
	text []byte
	ends []int
}

func (l *ids) reset() { l.text, l.ends = l.text[:0], l.ends[:0] }

func (l *ids) len() int { return len(l.ends) }

func (l *ids) add(id []byte) {
	l.text = append(l.text, id...)
	l.ends = append(l.ends, len(l.text))
}

// array returns some of the ids as the text of a PostgreSQL array
// (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO).
func (l *ids) array(from, to int) []byte {
	var out bytes.Buffer
	out.WriteByte('{')
	start := 0
	if from > 0 {
		start = l.ends[from-1]
	}
	for i, end := range l.ends[from:to] {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('"')
		for _, c := range l.text[start:end] {
			if c == '"' || c == '\\' {
				out.WriteByte('\\')
			}
			out.WriteByte(c)
		}
		out.WriteByte('"')
		start = end
	}
	out.WriteByte('}')
	return out.Bytes()
}
