package source

import (
	"bytes"
	"slices"

	"example.com/reindex/internal/document"
)

// joiner writes the documents of a batch. Its buffers are reused.
type joiner struct {
	order []int32
	list  []piece
	out   []byte
	// elements counts those written so far, by list.
	elements []int64
	masks    *masks // nil if no column is unstable
}

// piece is an element that is about to be written.
type piece struct {
	json []byte
	at   int // position in the order of the list query
}

// each calls emit for every document of the batch, ids ascending.
func (j *joiner) each(b *batch, lists []*query, emit func(document.Document) error) error {
	j.order = b.order(j.order)
	if j.elements == nil {
		j.elements = make([]int64, len(lists))
	}
	for _, s := range j.order {
		slot := &b.slots[s]
		j.out = append(j.out[:0], b.arena[slot.body:slot.end]...)
		for l, q := range lists {
			head := b.chains[int(s)*b.lists+l].head
			if q.single && head != 0 && b.elements[head-1].next != 0 {
				return &DuplicateError{Query: q.name, ID: string(b.idOf(s)), Object: q.field}
			}
			j.out = append(j.out, q.open...)
			if head == 0 {
				j.out = append(j.out, q.none...)
			}
			j.append(b, head, q)
			j.elements[l] += int64(len(j.list))
			j.out = append(j.out, q.shut...)
		}
		j.out = append(j.out, '}')
		d := document.Document{ID: b.idOf(s), Version: slot.version, JSON: j.out}
		if j.masks != nil {
			d.JSON, d.Compared = j.masks.split(j.out)
		}
		if err := emit(d); err != nil {
			return err
		}
	}
	return nil
}

// append writes the chain that begins at head, without brackets.
func (j *joiner) append(b *batch, head int32, q *query) {
	j.list = j.list[:0]
	for n := head; n != 0; n = b.elements[n-1].next {
		e := b.elements[n-1]
		j.list = append(j.list, piece{b.arena[e.start:e.end], len(j.list)})
	}
	j.arrange(q)
	for i, p := range j.list {
		if i > 0 {
			j.out = append(j.out, ',')
		}
		j.out = append(j.out, p.json...)
	}
}

// arrange drops equal elements if the list is distinct, and brings the rest
// into the order of the query if it has one, else of their text: the same rows
// make the same bytes, whatever plan PostgreSQL chose.
func (j *joiner) arrange(q *query) {
	if len(j.list) < 2 || q.ordered && !q.distinct {
		return
	}
	slices.SortStableFunc(j.list, j.compare)
	if q.distinct {
		j.list = slices.CompactFunc(j.list, func(x, y piece) bool { return bytes.Equal(x.json, y.json) })
	}
	if q.ordered {
		slices.SortFunc(j.list, func(x, y piece) int { return x.at - y.at })
	}
}

// compare orders elements by their text, first without what is another each time.
func (j *joiner) compare(x, y piece) int {
	if j.masks != nil {
		_, without := j.masks.split(x.json)
		left := slices.Clone(without)
		if _, right := j.masks.split(y.json); !bytes.Equal(left, right) {
			return bytes.Compare(left, right)
		}
	}
	return bytes.Compare(x.json, y.json)
}
