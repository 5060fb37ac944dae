package bulk

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/reindex/internal/fields"
	"example.com/reindex/internal/redact"
)

// ErrTargetGone means that the writer alias does not exist any more: another
// run superseded this one, or its index was pruned. Nothing was written.
var ErrTargetGone = errors.New("the writer alias is gone: this run was superseded or its index pruned")

// ServerError is what Elasticsearch said to a request or to one document of it.
type ServerError struct {
	Status int    // HTTP status
	Type   string // e.g. es_rejected_execution_exception; empty if the answer was not from Elasticsearch
	Reason string // without document content, see package redact; may be empty

	full string // Elasticsearch's own words
}

func newServerError(status int, kind string, reasons []string) *ServerError {
	e := &ServerError{Status: status, Type: kind, Reason: redact.Default().Elasticsearch(reasons...)}
	e.full = strings.Join(reasons, ": ")
	return e
}

// Unredacted returns Elasticsearch's own words, which may quote documents: it is
// for a local file that the user asked for, and for nothing else.
func (e *ServerError) Unredacted() string { return e.full }

// Error is the status, the type and the reason, as far as they are known.
func (e *ServerError) Error() string {
	text := strconv.Itoa(e.Status)
	if e.Type != "" {
		text += " " + e.Type
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// Failure is one document that was not written, and why.
type Failure struct {
	ID     string
	Status int    // 0 for a document that was refused before it was sent
	Type   string // notSent for those
	Reason string // without document content, see package redact; may be empty

	full string
}

// Unredacted is that of [ServerError].
func (f Failure) Unredacted() string { return f.full }

// notSent is the Type of a document that this package refused itself.
const notSent = "not_sent"

// firstNamed is how many failures a FailuresError names.
const firstNamed = 10

// FailuresError means that more documents failed than Options.MaxFailures.
type FailuresError struct {
	Counts Counts    // when Load stopped
	Total  int64     // failed documents of the run, see Options.Failed
	Limit  int64     // Options.MaxFailures
	First  []Failure // the first failures, 10 at most
}

// Error names the first failed ids, grouped by what was wrong with them.
func (e *FailuresError) Error() string {
	var reasons []string
	ids := map[string][]string{}
	for _, f := range e.First {
		reason := f.Type
		if f.Reason != "" {
			reason += ": " + f.Reason
		}
		if _, ok := ids[reason]; !ok {
			reasons = append(reasons, reason)
		}
		ids[reason] = append(ids[reason], showID(f.ID))
	}
	for i, reason := range reasons {
		reasons[i] = fmt.Sprintf("%s (%s)", reason, strings.Join(ids[reason], ", "))
	}
	more := ""
	if rest := e.Counts.Failed - int64(len(e.First)); rest > 0 {
		more = fmt.Sprintf("; and %d more", rest)
	}
	return fmt.Sprintf("failed documents: %d, allowed: %d: %s%s",
		max(e.Total, e.Counts.Failed), e.Limit, strings.Join(reasons, "; "), more)
}

// Hint says what the fields take that the first documents were refused for, one
// line for each type; "" if no type is known.
func (e *FailuresError) Hint() string {
	var lines []string
	for _, f := range e.First {
		_, after, _ := strings.Cut(f.Reason, "] of type [")
		kind, _, found := strings.Cut(after, "]")
		line := fields.Takes(kind)
		switch {
		case strings.Contains(f.Reason, "Duplicate field ["):
			line = "a json value has a key twice: cast it to jsonb, which keeps the last one"
		case strings.Contains(f.Reason, "expecting token of type [VALUE_NUMBER]"):
			line = fields.Takes("dense_vector")
		case !found:
			continue
		}
		if line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// DuplicateError means that a document found its id taken in an index that
// only this load writes. Either the source produced the id twice, which package
// source finds before it is sent, or the same request reached Elasticsearch, or was
// repeated inside it, more than once. The two cannot be told apart here.
type DuplicateError struct {
	ID string
}

// Error names the id.
func (e *DuplicateError) Error() string { return fmt.Sprintf("id %s came twice", showID(e.ID)) }

// Hint says what may have happened.
func (e *DuplicateError) Hint() string {
	return "a proxy repeated its request, or Elasticsearch did when a shard moved, or the document query fans out"
}

// AccountingError means that the outcomes do not add up to the documents read.
// It is a defect of this package, never of the data.
type AccountingError struct {
	Counts Counts
}

// Error shows the sum that does not hold.
func (e *AccountingError) Error() string {
	return fmt.Sprintf("%d documents read, but %d acknowledged and %d failed: the index cannot be trusted",
		e.Counts.Read, e.Counts.Acknowledged, e.Counts.Failed)
}

// showID keeps ids readable and messages on one line.
func showID(id string) string {
	const long = 64
	if len(id) > long {
		id = strings.ToValidUTF8(id[:long], "") + "..."
	}
	if quoted := strconv.Quote(id); quoted != `"`+id+`"` || strings.ContainsAny(id, " ,()") || id == "" {
		return quoted
	}
	return id
}
