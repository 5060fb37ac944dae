package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/source"
)

// Gates are the conditions that an index must meet before readers see it, and
// that every later change to what they see must meet too. The zero value lets
// anything through but an incomplete index, and one that is smaller than the
// live index.
type Gates struct {
	// MinDocuments is the least number of documents.
	MinDocuments int64
	// MaxShrink is the largest part of the live index's documents that may be
	// missing from what takes their place, 0 to 1. With 1 the gate is off, and
	// nothing is counted for it.
	MaxShrink float64
	// MaxOrphans is how many rows of lists may belong to no document; nil lets any
	// number through. They say that the document query leaves out what its lists
	// have, or that the tables of a list are newer or older than those of the
	// documents.
	MaxOrphans *int64
	// AllowEmpty lets an index without documents through all gates.
	AllowEmpty bool
}

// Change is what readers have, and what they would have after an act.
type Change struct {
	// Refused says what is not done if a gate refuses: "not swapped".
	Refused string
	// Live is the index that readers have; "" if there is none, and then there
	// is nothing that could shrink.
	Live string
	// Before is how many documents readers have, After how many they would have.
	Before, After int64
	// ListsBefore and ListsAfter are how many elements each list has in all of the
	// documents, by field. A list that either does not have is not judged.
	ListsBefore, ListsAfter map[string]int64
}

// Judge returns a [*GateError] if a gate refuses the change.
func (g Gates) Judge(c Change) error {
	refuse := func(gate, format string, args ...any) error {
		return &GateError{Refused: c.Refused, Gate: gate, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case c.After == 0 && g.AllowEmpty:
		return nil
	case c.After == 0 && g.MinDocuments > 0:
		return refuse("empty", "the source has no documents")
	case c.After < g.MinDocuments:
		return refuse("min_documents", "the source has %d documents, gates.min_documents is %d", c.After, g.MinDocuments)
	case c.Live == "" || g.shrinkOff():
		return nil
	}
	// Whole documents, so that 10 % of 10 is exactly 1.
	if missing := c.Before - c.After; float64(missing) > g.MaxShrink*float64(c.Before) {
		return refuse("max_shrink", "the source has %d documents, the live %s has %d: %.1f %% fewer, at most %.1f %% allowed",
			c.After, c.Live, c.Before, 100*float64(missing)/float64(c.Before), 100*g.MaxShrink)
	}
	for _, list := range slices.Sorted(maps.Keys(c.ListsBefore)) {
		before := c.ListsBefore[list]
		after, counted := c.ListsAfter[list]
		if missing := before - after; counted && float64(missing) > g.MaxShrink*float64(before) {
			return refuse("max_shrink", "list %s: the source has %d elements, the live %s has %d: %.1f %% fewer, at most %.1f %% allowed",
				list, after, c.Live, before, 100*float64(missing)/float64(before), 100*g.MaxShrink)
		}
	}
	return nil
}

// judgeOrphans returns a [*GateError] if more rows of lists belong to no document
// than may.
func (g Gates) judgeOrphans(lists map[string]source.Orphans) error {
	if g.MaxOrphans == nil {
		return nil
	}
	var rows int64
	var named []string
	for _, list := range slices.Sorted(maps.Keys(lists)) {
		o := lists[list]
		rows += o.Rows
		named = append(named, fmt.Sprintf("%d of the list %s (ids: %s)", o.Rows, list, strings.Join(o.IDs, ", ")))
	}
	if rows <= *g.MaxOrphans {
		return nil
	}
	return &GateError{Gate: "max_orphans", Reason: fmt.Sprintf("%d rows of lists belong to no document, at most %d are allowed: %s",
		rows, *g.MaxOrphans, strings.Join(named, ", "))}
}

func (g Gates) shrinkOff() bool { return g.MaxShrink >= 1 }

// GateError means that a gate refused what was about to be done.
type GateError struct {
	Refused string // what was not done; "not swapped" if it is empty
	Gate    string // count, empty, min_documents, max_shrink, max_orphans, replicas
	Reason  string
	// Uncountable says that max_shrink refused because the live index cannot be
	// counted, and not because it would shrink.
	Uncountable bool
}

func (e *GateError) Error() string {
	return fmt.Sprintf("%s: gate %s: %s", cmp.Or(e.Refused, "not swapped"), e.Gate, e.Reason)
}

// Hint says how to overrule the gate, for whoever knows that the source is
// right; "" if nothing overrules it.
func (e *GateError) Hint() string {
	if e.Uncountable {
		return "to replace the live index without counting it: --max-shrink off"
	}
	switch e.Gate {
	case "empty":
		return "if the source is empty on purpose: `reindex run --allow-empty --max-shrink off`"
	case "replicas":
		return (*esalias.AllocationError)(nil).Hint()
	case "min_documents":
		return "if the source is as it should be: --min-documents lowers the limit"
	case "max_orphans":
		return "if the rows are left out on purpose: a condition in the list query, or --max-orphans raises the limit"
	case "max_shrink":
		return "if the source is as it should be: --max-shrink raises the limit, --max-shrink off switches the gate off"
	}
	return ""
}
