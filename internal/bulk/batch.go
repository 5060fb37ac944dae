package bulk

import (
	"bytes"
	"encoding/json"
	"strconv"

	"example.com/reindex/internal/document"
)

// item is one document inside a batch: body[start:end], action line included.
type item struct {
	start, end int
	deletion   bool
	// conditional documents may be refused because the index has something
	// newer; that is an outcome, not a failure.
	conditional bool
	resent      bool // sent more than once, so a first copy may have arrived
}

// batch is a request body under construction and where its documents are.
type batch struct {
	body  []byte
	items []item
}

func newBatch(size int) *batch {
	return &batch{body: make([]byte, 0, size)}
}

func (b *batch) reset() {
	b.body, b.items = b.body[:0], b.items[:0]
}

// The action line of a document without its id is at most actionBytes long,
// and a byte of an id is at most quotedBytes long in JSON.
const (
	actionBytes = len(`{"delete":{"_id":"","if_seq_no":-9223372036854775808,"if_primary_term":-9223372036854775808}}`) + 2
	quotedBytes = len(`\u0000`)
)

// room is an upper bound for what doc adds to a body.
func room(doc document.Document) int {
	return actionBytes + quotedBytes*len(doc.ID) + len(doc.JSON)
}

// add appends the action line and the document. It copies and keeps nothing.
func (b *batch) add(doc document.Document) {
	start, body := len(b.body), b.body
	deletion := doc.JSON == nil
	switch {
	case deletion:
		body = append(body, `{"delete":{"_id":"`...)
	case doc.Create:
		body = append(body, `{"create":{"_id":"`...)
	default:
		body = append(body, `{"index":{"_id":"`...)
	}
	body = append(appendEscaped(body, doc.ID), '"')
	body = appendCondition(body, doc)
	body = append(body, "}}\n"...)
	if !deletion {
		body = append(append(body, doc.JSON...), '\n')
	}
	b.body = body
	b.items = append(b.items, item{
		start: start, end: len(body), deletion: deletion,
		conditional: doc.Version > 0 || doc.PrimaryTerm > 0 || doc.Create,
	})
}

// appendCondition appends what must hold for the write. A version is sent as
// external_gte, so that a repeated request is not refused because of itself.
// A condition on SeqNo is refused then, which errs on the safe side: the
// document counts as a conflict, although the first copy has written it.
func appendCondition(body []byte, doc document.Document) []byte {
	switch {
	case doc.PrimaryTerm > 0:
		body = append(body, `,"if_seq_no":`...)
		body = strconv.AppendInt(body, doc.SeqNo, 10)
		body = append(body, `,"if_primary_term":`...)
		return strconv.AppendInt(body, doc.PrimaryTerm, 10)
	case doc.Version > 0:
		body = append(body, `,"version":`...)
		body = strconv.AppendInt(body, doc.Version, 10)
		return append(body, `,"version_type":"external_gte"`...)
	}
	return body
}

// appendEscaped appends valid UTF-8 as the inside of a JSON string.
func appendEscaped(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	from := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[from:i]...)
		dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		from = i + 1
	}
	return append(dst, text[from:]...)
}

// bytes is the part of the body that holds items, which are neighbours.
func (b *batch) bytes(items []item) []byte {
	return b.body[items[0].start:items[len(items)-1].end]
}

// id reads the id of one document back from its action line. Ids are needed
// only for the few documents that fail, so they are not kept.
func (b *batch) id(it item) string {
	var line map[string]struct {
		ID string `json:"_id"`
	}
	action, _, _ := bytes.Cut(b.body[it.start:it.end], []byte{'\n'})
	if err := json.Unmarshal(action, &line); err != nil {
		return "" // unreachable: add wrote the line
	}
	for _, action := range line {
		return action.ID
	}
	return ""
}

// keep moves it behind the items kept so far, so that what is left to send is
// one piece again. It only writes where documents already have their outcome.
func (b *batch) keep(kept []item, start int, it item) []item {
	if len(kept) > 0 {
		start = kept[len(kept)-1].end
	}
	size := copy(b.body[start:], b.body[it.start:it.end])
	it.start, it.end, it.resent = start, start+size, true
	return append(kept, it)
}
