package pipeline

import (
	"fmt"
	"strings"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/bulk"
)

// DriftKind is one way in which an index can differ from its source.
type DriftKind string

// The kinds of drift.
const (
	DriftMissing   DriftKind = "missing"   // in the source and not in the index
	DriftExtra     DriftKind = "extra"     // in the index and not in the source, or without an id
	DriftDifferent DriftKind = "different" // in both, with other content
	// DriftDuplicate is a document that is stored under another _id than its
	// id: a second copy, or one that the next write makes a second copy of.
	DriftDuplicate DriftKind = "duplicate"
)

// DriftKinds returns every kind, in the order in which people are told.
func DriftKinds() []DriftKind {
	return []DriftKind{DriftMissing, DriftExtra, DriftDifferent, DriftDuplicate}
}

// firstIDs is how many ids of each kind a report names.
const firstIDs = 10

// DriftID names one document.
type DriftID struct {
	ID string // the id, or the _id of a document that is too much
	// DocID is the _id of a duplicate; "" otherwise.
	DocID string
}

func (d DriftID) String() string {
	if d.DocID == "" {
		return d.ID
	}
	return d.ID + " as _id " + d.DocID
}

// DriftFound is how much of one kind was found.
type DriftFound struct {
	Count int64
	First []DriftID // at most 10
}

// DriftOutcome is how a comparison ended.
type DriftOutcome string

// The outcomes of a comparison.
const (
	DriftOutcomeEqual    DriftOutcome = "equal"
	DriftOutcomeDrift    DriftOutcome = "drift"
	DriftOutcomeRepaired DriftOutcome = "repaired" // there was drift, and none is left
)

// DriftReport is what a comparison found and a repair did.
type DriftReport struct {
	Outcome   DriftOutcome // "" if it did not come to an end
	Alias     string
	Index     string // live, and compared
	Documents int64  // of the source, in the last round
	Indexed   int64  // of the index, in the last round
	Newer     int64  // the index has a newer version than the snapshot: no drift
	Rounds    int    // comparisons of all documents
	// Found has every kind: what was found, before the repair if there was one.
	Found map[DriftKind]DriftFound
	// Left is what is left after a repair; nil without one.
	Left map[DriftKind]DriftFound
	// What the repair did. LeftToWriters were not written because a live
	// writer had changed them meanwhile, Failed were rejected.
	Created, Updated, Deleted, LeftToWriters, Failed int64
	SnapshotAt                                       time.Time // of the last round
	Started                                          time.Time
	Duration                                         time.Duration
}

// drift is what counts in the end.
func (r DriftReport) drift() map[DriftKind]DriftFound {
	if r.Left != nil {
		return r.Left
	}
	return r.Found
}

func differences(found map[DriftKind]DriftFound) (n int64) {
	for _, f := range found {
		n += f.Count
	}
	return n
}

// DriftError means that the live index is not level with the source.
type DriftError struct{ Report DriftReport }

func (e *DriftError) Error() string {
	var parts []string
	for _, kind := range DriftKinds() {
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
	return fmt.Sprintf("%s is not level with the source: %s", e.Report.Index, strings.Join(parts, "; "))
}

// OrderError means that the source and the index do not have the ids in one
// order, so that they cannot be compared side by side. Only a person can mend it.
type OrderError struct {
	Index    string
	ID       string // came after
	Previous string
}

func (e *OrderError) Error() string {
	return fmt.Sprintf("the source has id %q after %q, %s orders them the other way: map an integer id as long in index.body, "+
		"and give a text id the order of its bytes in the document query (id COLLATE \"C\" AS id)", e.ID, e.Previous, e.Index)
}

// RepairRefusedError means that a gate refused a repair before anything was
// written.
type RepairRefusedError struct{ Gate *GateError }

func (e *RepairRefusedError) Error() string {
	return fmt.Sprintf("nothing repaired: gate %s: %s", e.Gate.Gate, e.Gate.Reason)
}

// Unwrap returns the gate's own error.
func (e *RepairRefusedError) Unwrap() error { return e.Gate }

// VerifyOptions say how to compare and repair. The zero value of a field means
// its default.
type VerifyOptions struct {
	// ID is the id's field. Required.
	ID string
	// Lists are the fields whose elements may come in any order.
	Lists []string
	// Versions says that the source has versions, and that the index was
	// built with them.
	Versions bool
	// Repair levels the index, under the lease.
	Repair bool
	// Holder and LockTimeout are those of [Options], Gates likewise; only a
	// repair needs them.
	Holder      esalias.Holder
	LockTimeout time.Duration
	Gates       Gates
	// Workers, BatchBytes, MaxFailures, RetryFor and OnFailure are those of
	// [bulk.Options].
	Workers     int
	BatchBytes  int
	MaxFailures int64
	RetryFor    time.Duration
	OnFailure   func(bulk.Failure)
}
