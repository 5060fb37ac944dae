package source

import (
	"fmt"
	"strconv"
)

// read puts the rows of all queries in the range into the batch, the document
// query's first: they make the slots that list rows look for.
func (st *stream) read(r idRange) error {
	if err := st.rows(st.source.document, r, st.source.rangeDocuments, st.addDocument); err != nil {
		return err
	}
	for i, q := range st.source.lists {
		err := st.rows(q, r, 0, func(row [][]byte) error { return st.addElement(i, q, row) })
		if err != nil {
			return err
		}
	}
	return nil
}

// rows calls add for each row of one query in the range, which should have so
// many, or 0. An error of add leaves the query running; closing the session ends
// it.
func (st *stream) rows(q *query, r idRange, expected int, add func([][]byte) error) error {
	if err := st.session.planFor(q.ranges, r, expected); err != nil {
		return fmt.Errorf("plan %s, %s: %w", q.name, r, advise(err))
	}
	if err := st.session.each(q.ranges[r.index()], r.params(), add); err != nil {
		return st.blame(q, r, fmt.Errorf("read %s, %s: %w", q.name, r, err))
	}
	return nil
}

// each calls do for each row of a statement, in text form.
func (s *session) each(sql string, params [][]byte, do func(row [][]byte) error) error {
	rows := s.pg.ExecParams(s.ctx, sql, params, nil, nil, nil)
	for rows.NextRow() {
		if err := do(rows.Values()); err != nil {
			return err
		}
	}
	if _, err := rows.Close(); err != nil {
		return advise(s.cause(err))
	}
	return nil
}

func (st *stream) addDocument(row [][]byte) error {
	q := st.source.document
	id := row[q.id]
	if err := q.checkID(id); err != nil {
		return err
	}
	if q.composite != nil {
		if err := q.checkParts(row); err != nil {
			return err
		}
	}
	slot, err := st.batch.addDocument(id)
	if err != nil {
		return &DuplicateError{Query: q.name, ID: string(id)}
	}
	if q.version >= 0 {
		if slot.version, err = q.versionOf(id, row[q.version]); err != nil {
			return err
		}
	}
	if err := st.appendRow(q, row); err != nil {
		return err
	}
	st.appendAdded(q, row)
	return st.batch.closeDocument(slot)
}

func (q *query) checkID(id []byte) error {
	if len(id) > 0 && len(id) <= maxIDBytes {
		return nil
	}
	return &RowError{
		Query: q.name, ID: string(id), Column: q.idName,
		Reason: fmt.Sprintf("an id has 1 to %d bytes, this one has %d", maxIDBytes, len(id)),
	}
}

func (q *query) versionOf(id, v []byte) (int64, error) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || n < 1 {
		reason := "a version is a whole number of at least 1, this one is smaller"
		if v == nil {
			reason = "a version is a whole number of at least 1, this one is NULL"
		}
		return 0, &RowError{Query: q.name, ID: string(id), Column: q.columns[q.version].name, Reason: reason}
	}
	return n, nil
}

func (st *stream) addElement(list int, q *query, row [][]byte) error {
	if q.composite != nil {
		if err := q.checkParts(row); err != nil {
			return err
		}
	}
	slot := st.batch.find(row[q.id])
	if slot < 0 {
		if q.spellings {
			return q.otherSpelling(row[q.id])
		}
		st.orphans[list].Rows++
		st.orphans[list].note(row[q.id])
		return nil
	}
	if q.unpivoted {
		return st.addElements(slot, list, q, row)
	}
	st.batch.reserve()
	start := len(st.batch.arena)
	if err := st.appendRow(q, row); err != nil {
		return err
	}
	for _, l := range q.lookups {
		piece, _ := nextPiece(st.found(l, row))
		st.batch.arena = append(st.batch.arena, piece...)
	}
	if len(q.lookups) > 0 && st.batch.arena[start] == ',' { // all columns of the row itself are omitted
		st.batch.arena[start] = '{'
	}
	st.batch.arena = append(st.batch.arena, '}')
	return st.batch.addElement(slot, list, start, q.distinct)
}

// otherSpelling refuses a row that may belong to a document whose id is spelled in another way: PostgreSQL would
// join it, and nothing here does.
func (q *query) otherSpelling(id []byte) error {
	return &RowError{
		Query: q.name, ID: string(id), Column: q.idName,
		Reason: "no document has this text as its id, and the collation of the column takes other texts for equal",
		Advice: "join the table of the documents and select its id, with COLLATE \"C\" behind it, so that all queries spell ids alike",
	}
}

// addElements adds one element for each value of the row that is not NULL.
func (st *stream) addElements(slot int32, list int, q *query, row [][]byte) error {
	for i := range q.columns {
		if c := &q.columns[i]; c.prefix == "" && !c.bare || row[i] == nil {
			continue
		}
		st.batch.reserve()
		start := len(st.batch.arena)
		if err := st.appendField(q, row, i); err != nil {
			return err
		}
		st.batch.arena = append(st.batch.arena, q.closing...)
		if err := st.batch.addElement(slot, list, start, q.distinct); err != nil {
			return err
		}
	}
	for _, l := range q.lookups {
		if err := st.addFound(slot, list, q, st.found(l, row)); err != nil {
			return err
		}
	}
	return nil
}

// addFound adds one element for each piece of a row that was looked up.
func (st *stream) addFound(slot int32, list int, q *query, row []byte) error {
	for piece, rest := nextPiece(row); piece != nil; piece, rest = nextPiece(rest) {
		if err := st.batch.addPiece(slot, list, piece, q.distinct); err != nil {
			return err
		}
	}
	return nil
}

// found returns the pieces that a lookup adds to a row.
func (st *stream) found(l *lookup, row [][]byte) []byte {
	key := row[l.by]
	if len(l.more) > 0 {
		key, st.key = l.keyOf(st.key[:0], row, l.by, func(p pair) int { return p.there })
	}
	if key != nil {
		if pieces := st.tables[l.number].find(key); pieces != nil {
			return pieces
		}
	}
	return l.missing
}

// appendRow appends the fields of a row to the arena, without the last brace.
func (st *stream) appendRow(q *query, row [][]byte) error {
	for i := range q.columns {
		if q.columns[i].prefix == "" {
			continue
		}
		if err := st.appendField(q, row, i); err != nil {
			return err
		}
	}
	return nil
}

// appendField appends one column's prefix and value.
func (st *stream) appendField(q *query, row [][]byte, i int) (err error) {
	c := &q.columns[i]
	st.batch.arena, err = c.appendTo(st.batch.arena, row[i])
	if err != nil {
		return &RowError{Query: q.name, ID: string(row[q.id]), Column: c.name, Reason: err.Error(), Advice: adviceOf(err)}
	}
	return nil
}
