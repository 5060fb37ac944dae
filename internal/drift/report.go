package drift

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/reindex/pipeline"
)

// Kind is one way in which an index can differ from its source.
type Kind string

// The kinds of drift.
const (
	Missing   Kind = "missing"   // in the source and not in the index
	Extra     Kind = "extra"     // in the index and not in the source, or without an id
	Different Kind = "different" // in both, with other content
	// Duplicate is a document that is stored under another _id than its
	// id: a second copy, or one that the next write makes a second copy of.
	Duplicate Kind = "duplicate"
)

// Kinds returns every kind, in the order in which people are told.
func Kinds() []Kind {
	return []Kind{Missing, Extra, Different, Duplicate}
}

// firstIDs is how many ids of each kind a report names.
const firstIDs = 10

// ID names one document.
type ID struct {
	ID string // the id, or the _id of a document that is too much
	// DocID is the _id of a duplicate; "" otherwise.
	DocID string
	// Field is the first field that differs; "" but for a document that is in both.
	Field string
}

func (d ID) String() string {
	if d.Field != "" {
		return d.ID + " in " + d.Field
	}
	if d.DocID == "" {
		return d.ID
	}
	return d.ID + " as _id " + d.DocID
}

// Found is how much of one kind was found.
type Found struct {
	Count int64
	First []ID // at most 10
}

// Outcome is how a comparison ended.
type Outcome string

// The outcomes of a comparison.
const (
	OutcomeEqual    Outcome = "equal"
	OutcomeDrift    Outcome = "drift"
	OutcomeRepaired Outcome = "repaired" // there was drift, and none is left
)

// Report is what a comparison found and a repair did.
type Report struct {
	Outcome   Outcome // "" if it did not come to an end
	Alias     string
	Index     string // live, and compared
	Documents int64  // of the source, in the last round
	Indexed   int64  // of the index, in the last round
	Newer     int64  // the index has a newer version than the snapshot: no drift
	Rounds    int    // comparisons of all documents
	// Found has every kind: what was found, before the repair if there was one.
	Found map[Kind]Found
	// Left is what is left after a repair; nil without one.
	Left map[Kind]Found
	// What the repair did. LeftToWriters were not written because a live
	// writer had changed them meanwhile, Failed were rejected.
	Created, Updated, Deleted, LeftToWriters, Failed int64
	SnapshotAt                                       time.Time // of the last round
	Started                                          time.Time
	Duration                                         time.Duration
}

// drift is what counts in the end.
func (r Report) drift() map[Kind]Found {
	if r.Left != nil {
		return r.Left
	}
	return r.Found
}

func total(found map[Kind]Found) (n int64) {
	for _, f := range found {
		n += f.Count
	}
	return n
}

// Error means that the live index is not in sync with the source.
type Error struct{ Report Report }

func (e *Error) Error() string {
	var parts []string
	for _, kind := range Kinds() {
		found := e.Report.drift()[kind]
		if found.Count == 0 {
			continue
		}
		names := make([]string, 0, len(found.First)+1)
		for _, id := range found.First {
			names = append(names, id.String())
		}
		if found.Count > int64(len(names)) {
			names = append(names, "...")
		}
		parts = append(parts, fmt.Sprintf("%d %s (%s)", found.Count, kind, strings.Join(names, ", ")))
	}
	return fmt.Sprintf("%s is not in sync with the source: %s", e.Report.Index, strings.Join(parts, "; "))
}

// stuck finds a document that was written and differs as before.
func (e *Error) stuck() (ID, bool) {
	if e.Report.Updated == 0 || e.Report.LeftToWriters > 0 {
		return ID{}, false
	}
	for _, left := range e.Report.Left[Different].First {
		if slices.Contains(e.Report.Found[Different].First, left) {
			return left, true
		}
	}
	return ID{}, false
}

// Hint says how to bring them level.
func (e *Error) Hint() string {
	if e.Report.Left == nil {
		return "`reindex verify --repair` fixes the differences, `reindex run` builds the index again"
	}
	if id, stuck := e.stuck(); stuck {
		return fmt.Sprintf("the repair wrote document %s, and its field %s came back as before: Elasticsearch changes it, by an ingest pipeline "+
			"(index.default_pipeline, index.final_pipeline) or the mapping of the field; another repair will not help", id.ID, id.Field)
	}
	return "live writers may still be at it: verify again; `reindex run` builds the index again"
}

// OrderError means that the source and the index do not have the ids in one
// order, so that they cannot be compared side by side. Only a person can mend it.
type OrderError struct {
	Index    string
	ID       string // came after
	Previous string
}

func (e *OrderError) Error() string {
	return fmt.Sprintf("the source has id %q after %q, %s orders them the other way", e.ID, e.Previous, e.Index)
}

// Hint says how to give both one order.
func (e *OrderError) Hint() string {
	return "map an integer id as long in index.body, and give a text id the order of its bytes in the document query (id COLLATE \"C\" AS id)"
}

// Options say how to compare and repair.
type Options struct {
	// Options are those of a run. A comparison uses Versions, which says here that
	// the index was built with the source's versions too; a repair also Holder,
	// LockTimeout, Gates, Workers, BatchBytes, MaxFailures, RetryFor and OnFailure.
	pipeline.Options

	// ID is the id's field. Required.
	ID string
	// Lists are the fields whose elements may come in any order.
	Lists []string
	// Repair levels the index, under the lease.
	Repair bool
}
