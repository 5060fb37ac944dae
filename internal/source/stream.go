package source

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.com/reindex/internal/document"
)

// Limits of what a stream holds in memory.
const (
	// defaultRangeBytes is what the documents of one range may take before the
	// range is cut in two. 32 MiB hold 8,192 documents of 4 KB.
	defaultRangeBytes = 32 << 20
	// maxDocumentBytes is what one document may take, its lists included: it
	// has to fit into memory and into one bulk request.
	maxDocumentBytes = 64 << 20
	// maxIDBytes is the longest _id of Elasticsearch.
	maxIDBytes = 512
)

// StreamStats counts what one Stream did.
type StreamStats struct {
	Documents int64 // documents handed to emit
	// OrphanRows counts list rows whose id has no row in the document query;
	// Orphans has them by list field, and no entry for a list without any.
	OrphanRows int64
	Orphans    map[string]Orphans
	// Elements counts the elements of each list, by field, also of an empty one.
	Elements map[string]int64
	Ranges   int64 // ranges read to the end
	Cuts     int64 // ranges that passed the memory limit and were cut in two
	Bytes    int64 // JSON bytes handed to emit
}

// Stream takes the next range of ids, reads and joins its rows and calls emit
// for each document, until no range is left. Several streams may run at once;
// each has a connection of its own in the snapshot and holds one range in
// memory: 32 MiB, or 64 MiB for a range of one document, and one row.
//
// Documents of one range come with ids ascending: integers by value, uuids and
// text by their bytes. Ranges come in no promised order; but one stream alone
// has them ascending too, and so all ids, text ids under Config.ByteOrder.
//
// An error of emit ends the stream and is wrapped; the documents of a range
// that failed were emitted in part or not at all. Stream does not retry: a
// snapshot that was lost is lost.
func (s *Snapshot) Stream(ctx context.Context, emit func(document.Document) error) (StreamStats, error) {
	st := s.stream()
	err := st.run(ctx, func(r idRange) error { return st.load(r, emit) })
	st.stats.Elements = st.elementsOf()
	return st.stats, err
}

// elementsOf are the elements that the stream has written, by field.
func (st *stream) elementsOf() map[string]int64 {
	elements := make(map[string]int64, len(st.source.lists))
	for i, list := range st.source.lists {
		elements[list.field] = 0
		if st.joiner.elements != nil { // some range had a document
			elements[list.field] = st.joiner.elements[i]
		}
	}
	return elements
}

func (s *Snapshot) stream() *stream {
	st := &stream{
		source: s.source, snapshot: s, ranges: s.ranges,
		batch: newBatch(s.source.document.family, len(s.source.lists)), orphans: make([]Orphans, len(s.source.lists)),
		added: make([][]byte, len(s.source.document.added)),
	}
	if len(s.info.Unstable) > 0 {
		st.joiner.masks = new(masks)
	}
	return st
}

// Orphans are rows of a list whose id has no row in the document query.
type Orphans struct {
	Rows int64
	IDs  []string // the first of their ids, at most five, each once
}

// Add adds others of the same list.
func (o *Orphans) Add(others Orphans) {
	o.Rows += others.Rows
	for _, id := range others.IDs {
		o.note([]byte(id))
	}
}

const orphansShown = 5

// note remembers an id if it is one of the first.
func (o *Orphans) note(id []byte) {
	if len(o.IDs) < orphansShown && !slices.ContainsFunc(o.IDs, func(known string) bool { return known == string(id) }) {
		o.IDs = append(o.IDs, shortID(string(id)))
	}
}

type stream struct {
	source   *Source
	snapshot *Snapshot
	session  *session // nil between connections
	ranges   *ranges
	tables   []*table // the lookups of the snapshot, once they were read
	batch    *batch
	joiner   joiner
	added    [][]byte  // of the document being read, by query.added
	key      []byte    // of a lookup by several columns
	orphans  []Orphans // of the range being read, by list
	stats    StreamStats
}

// run calls load for each range that it gets.
func (st *stream) run(ctx context.Context, load func(idRange) error) (err error) {
	defer func() {
		if st.session != nil {
			err = errors.Join(err, st.session.close())
		}
	}()
	for {
		r, ok, err := st.ranges.next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			return st.prove()
		}
		if err := st.snapshot.patiently(func() error { return st.task(ctx, r, load) }); err != nil {
			return err
		}
	}
}

// task does what a range asks for. Nothing was emitted of a range whose reading has failed, so that it can be read again.
func (st *stream) task(ctx context.Context, r idRange, load func(idRange) error) error {
	if err := st.connect(ctx); err != nil {
		return err
	}
	var err error
	if r.nulls != nil {
		err = st.checkNulls(r.nulls)
	} else {
		err = load(r)
	}
	if timedOutForLock(err) {
		return errors.Join(err, st.disconnect())
	}
	return err
}

// prove makes sure that everything this stream has read was of one moment.
func (st *stream) prove() error {
	if st.session == nil {
		return nil
	}
	return st.snapshot.proveRead(st.session)
}

// connect makes sure there is a session in the snapshot.
func (st *stream) connect(ctx context.Context) (err error) {
	if st.session == nil {
		st.session, err = st.snapshot.join(ctx)
	}
	return err
}

// reconnect leaves a result that is not needed.
func (st *stream) reconnect() error {
	ctx := st.session.parent
	if err := st.disconnect(); err != nil {
		return err
	}
	return st.connect(ctx)
}

func (st *stream) disconnect() error {
	session := st.session
	st.session = nil
	return session.close()
}

// checkNulls looks for rows that no range can hold.
func (st *stream) checkNulls(q *query) error {
	row, err := st.session.row(q.nullsSQL())
	if err != nil {
		return fmt.Errorf("read %s, rows without an id: %w", q.name, err)
	}
	if n := string(row[0]); n != "0" {
		return &RowError{
			Query: q.name, Column: q.idName,
			Reason: n + " rows have NULL as their id", Advice: "leave them out with WHERE, or join so that they have one",
		}
	}
	return nil
}

// load reads one range and emits it, or cuts it if it does not fit.
func (st *stream) load(r idRange, emit func(document.Document) error) error {
	limit := st.source.maxRangeBytes
	if r.whole {
		limit = maxDocumentBytes
	}
	st.batch.reset(limit)
	clear(st.orphans)
	err := st.lookUp()
	if err == nil {
		err = st.read(r)
	}
	if errors.Is(err, errRangeFull) {
		return st.cut(r)
	}
	if err != nil {
		return err
	}
	return st.emit(r, emit)
}

// lookUp makes sure that the lookups were read.
func (st *stream) lookUp() (err error) {
	if st.tables == nil {
		st.tables, err = st.snapshot.lookups.get(st.source, st.session)
	}
	return err
}

func (st *stream) emit(r idRange, emit func(document.Document) error) error {
	if err := st.emitAll(r, emit); err != nil {
		return err
	}
	st.stats.Ranges++
	for i, o := range st.orphans {
		st.stats.addOrphans(st.source.lists[i].field, o)
	}
	return nil
}

// emitAll emits what the batch has.
func (st *stream) emitAll(r idRange, emit func(document.Document) error) error {
	return st.joiner.each(st.batch, st.source.lists, func(d document.Document) error {
		d.Range = r.number
		if err := emit(d); err != nil {
			return fmt.Errorf("document %s: %w", shortID(string(d.ID)), err)
		}
		st.stats.Documents++
		st.stats.Bytes += int64(len(d.JSON))
		return nil
	})
}

func (s *StreamStats) addOrphans(field string, o Orphans) {
	if o.Rows == 0 {
		return
	}
	if s.Orphans == nil {
		s.Orphans = make(map[string]Orphans)
	}
	s.OrphanRows += o.Rows
	all := s.Orphans[field]
	all.Add(o)
	s.Orphans[field] = all
}

// cut gives a range that did not fit back as two. Nothing of it was emitted.
// The session is in the middle of a result that may be huge, so it goes.
func (st *stream) cut(r idRange) error {
	if r.whole {
		return st.tooBig(r)
	}
	if err := st.reconnect(); err != nil {
		return err
	}
	q := st.source.document
	if err := st.session.planFor(q.ranges, r, st.source.rangeDocuments); err != nil {
		return fmt.Errorf("cut %s of %s: %w", r, q.name, advise(err))
	}
	row, err := st.session.row(q.medianSQL(r), r.params()...)
	if err != nil {
		return fmt.Errorf("cut %s of %s: %w", r, q.name, advise(err))
	}
	st.stats.Cuts++
	st.ranges.give(halves(r, row)...)
	return nil
}

// tooBig names the document of a range that holds only one.
func (st *stream) tooBig(r idRange) error {
	id := ""
	if len(st.batch.slots) > 0 {
		id = string(st.batch.idOf(0))
	}
	return &RowError{
		Query: st.source.document.name, ID: id,
		Reason: fmt.Sprintf("the document passes %d MiB with its lists (%s)", maxDocumentBytes>>20, r), Advice: "leave rows or columns out",
	}
}

// halves cuts r by its smallest, middle and largest id so that both parts have
// documents. A range of one id stays whole.
func halves(r idRange, ids [][]byte) []idRange {
	low, middle, high := string(ids[0]), ids[1], ids[2]
	if string(middle) == low {
		middle = high // two ids, or the first one many times
	}
	if string(middle) == low {
		r.whole = true
		return []idRange{r}
	}
	return []idRange{{lo: r.lo, hi: middle, number: r.number}, {lo: middle, hi: r.hi, number: r.number}}
}
