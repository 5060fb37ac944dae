// Package document holds the one value that travels from the source to the
// index: an id, a version and finished JSON.
//
// It exists so that internal/source and internal/bulk need not know each
// other; it has no behaviour and imports nothing.
package document

// Document is one document on its way from the source to the index.
//
// The slices belong to whoever made the Document and are valid only until the
// call that received it returns; a receiver that keeps anything copies it.
// Nothing is allocated per document that way.
type Document struct {
	// ID becomes _id: UTF-8, 1 to 512 bytes (the limit of Elasticsearch).
	ID []byte
	// Version is the external version: a number that grows with each change
	// of the document. Versions start at 1; 0 means that the source has none.
	Version int64
	// JSON is one JSON object without a line break outside its strings.
	// nil means: delete the document with this ID.
	JSON []byte
	// Compared is what tells one state of the document from another, if it is not JSON: where the
	// source has columns that are others each time they are read, JSON without their values.
	Compared []byte
	// Range is the number of the range of ids that it was read with: the same in
	// every snapshot of a source, whose ranges are read as a whole or in parts.
	Range int
	// PrimaryTerm, if above zero, makes the write conditional: it is refused
	// unless the document is still the one that was read with this term and
	// SeqNo. It excludes Version.
	SeqNo, PrimaryTerm int64
	// Create refuses the write if the document exists. It excludes Version.
	Create bool
}
