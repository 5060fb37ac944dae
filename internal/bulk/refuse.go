package bulk

import (
	"bytes"
	"unicode/utf8"

	"example.com/reindex/internal/document"
)

// maxIDBytes is the limit of Elasticsearch for _id.
const maxIDBytes = 512

// refuse says why a document cannot be sent, or "". Elasticsearch answers most
// of these with an error for the whole request, which would blame 5,000
// documents for one. The JSON itself is not checked beyond what the framing of
// a bulk body depends on: Elasticsearch parses it and answers for the one
// document.
func refuse(doc document.Document) string {
	switch {
	case len(doc.ID) == 0:
		return "the id is empty"
	case len(doc.ID) > maxIDBytes:
		return "the id is longer than 512 bytes"
	case !utf8.Valid(doc.ID):
		return "the id is not valid UTF-8"
	case doc.Version < 0:
		return "the version is negative"
	case doc.Version > 0 && (doc.PrimaryTerm > 0 || doc.Create):
		return "a version excludes the other conditions"
	case doc.JSON == nil: // a deletion
		return ""
	case len(doc.JSON) == 0 || doc.JSON[0] != '{':
		return "the document is not a JSON object"
	case bytes.IndexByte(doc.JSON, '\n') >= 0:
		return "the document has a line break, which would end it in a bulk request"
	case len(doc.JSON) > maxBatchBytes:
		return "the document is larger than 90 MiB"
	}
	return ""
}
