package source

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.com/reindex/internal/document"
)

// StreamByID reads the documents of some ids, which are distinct and in text
// form, with a connection of its own. It calls emit with the documents of one
// range after the other: those that exist, and for an id without one a document
// without JSON. What emit gets is valid until it returns. A range may come more
// than once, each time with other ids.
//
// It also looks for rows of the document query without an id, as [Snapshot.Stream]
// does. Orphans are not counted.
func (s *Snapshot) StreamByID(ctx context.Context, ids []string, emit func(number int, docs []document.Document) error) (StreamStats, error) {
	if s.source.document.byTuple() {
		// Its ranges are of the columns, which the text of an id does not tell.
		return StreamStats{}, errors.New("documents whose id has several columns are not read by id")
	}
	st := s.stream()
	b := &byID{stream: st, emit: emit}
	err := s.patiently(func() error {
		return st.task(ctx, idRange{}, func(idRange) error { return b.run(ids) })
	})
	st.stats.Elements = st.elementsOf()
	if st.session != nil {
		err = errors.Join(err, st.session.close())
	}
	return st.stats, err
}

// byID is what one StreamByID does. It can go on where it was after a lock was not
// to be had.
type byID struct {
	stream  *stream
	emit    func(number int, docs []document.Document) error
	checked bool // no row is without an id
	sorted  bool
	ids     ids
	ranges  []int // of the ids
	from    int   // the first of ids that was not emitted
}

func (b *byID) run(all []string) error {
	if !b.checked {
		if err := b.stream.checkNulls(b.stream.source.document); err != nil {
			return err
		}
		b.checked = true
	}
	if !b.sorted {
		if err := b.sort(all); err != nil {
			return fmt.Errorf("find the ranges of %d ids: %w", len(all), err)
		}
		b.sorted = true
	}
	for b.from < b.ids.len() {
		if err := b.stream.readByID(idRange{}, &b.ids, b.from, min(b.from+changedAtOnce, b.ids.len()), b.give); err != nil {
			return err
		}
	}
	return nil
}

// sort lets PostgreSQL say which range each id is in, because only it knows how
// ids compare, and brings the ids into the order of their ranges.
func (b *byID) sort(all []string) error {
	st := b.stream
	q := st.source.document
	b.ids.reset()
	b.ranges = b.ranges[:0]
	var in, cuts ids
	for _, id := range all {
		in.add([]byte(id))
	}
	if known := st.source.cuts.Load(); known != nil {
		for _, cut := range *known {
			cuts.add(cut)
		}
	}
	kind := q.family.sqlType()
	// A range holds its lower cut; so does a bucket of width_bucket
	// (https://www.postgresql.org/docs/current/functions-math.html).
	sql := "SELECT i, pg_catalog.width_bucket(i" + q.collate + ", $2::" + kind + "[]) AS n FROM pg_catalog.unnest($1::" + kind + "[]) i ORDER BY n"
	return st.session.each(sql, [][]byte{in.array(0, in.len()), cuts.array(0, cuts.len())}, func(row [][]byte) error {
		b.ids.add(row[0])
		b.ranges = append(b.ranges, int(integer(row[1])))
		return nil
	})
}

// give emits what was read, range by range.
func (b *byID) give(from, to int) error {
	b.from = to
	found := map[string]document.Document{}
	err := b.stream.emitAll(idRange{}, func(d document.Document) error {
		d.ID, d.JSON, d.Compared = slices.Clone(d.ID), slices.Clone(d.JSON), slices.Clone(d.Compared)
		found[string(d.ID)] = d
		return nil
	})
	if err != nil {
		return err
	}
	for start := from; start < to; {
		number := b.ranges[start]
		var out []document.Document
		for ; start < to && b.ranges[start] == number; start++ {
			id := b.ids.at(start)
			d, exists := found[string(id)]
			if !exists {
				d.ID = id
			}
			d.Range = number
			out = append(out, d)
		}
		if err := b.emit(number, out); err != nil {
			return err
		}
	}
	return nil
}

// at returns one of the ids.
func (l *ids) at(i int) []byte {
	start := 0
	if i > 0 {
		start = l.ends[i-1]
	}
	return l.text[start:l.ends[i]:l.ends[i]]
}
