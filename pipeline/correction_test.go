package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/reindex/pipeline"
)

// ten are ten rows with these values for the first ones.
func ten(values ...int) []row {
	all := make([]int, 10)
	copy(all, values)
	return rows(all...)
}

// Whatever the pass after the swap reads, readers keep what was swapped in if a
// gate says no: no document is deleted, and none overwritten.
func TestCorrectionThatAGateRefusesWritesNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		last  view
		gates pipeline.Gates
		says  string
	}{
		{"all rows are gone", view{}, pipeline.Gates{MinDocuments: 1, MaxShrink: 1}, "gate empty"},
		{"too many rows are gone", view{rows: ten(7)[:8]}, pipeline.Gates{MaxShrink: 0.1}, "gate max_shrink: the source has 8 documents"},
		{"fewer rows than allowed", view{rows: ten(7)[:9]}, pipeline.Gates{MinDocuments: 10, MaxShrink: 1}, "gate min_documents"},
		{"one snapshot shows two states", view{rows: ten(7)[:9], missing: 1}, pipeline.Gates{MaxShrink: 1}, "gate count: the snapshot has 10 documents and 9"},
	} {
		for _, versions := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, versions %t", test.name, versions), func(t *testing.T) {
				t.Parallel()
				before := view{rows: ten(), state: "same"}
				last := test.last
				if versions {
					before.rows, last.rows = versioned(1, before.rows), versioned(2, last.rows)
				}
				r, s := newRig(t, before, before, last)
				r.opts.Versions, r.opts.Gates = versions, test.gates
				report, err := r.run(t)
				if err != nil || report.Outcome != pipeline.OutcomeSwapped {
					t.Fatalf("outcome %s, %v; the index went live, so the run did", report.Outcome, err)
				}
				if !strings.Contains(report.CatchUpError, "the live index was not corrected: "+test.says) || report.Guarantee != pipeline.GuaranteeNone {
					t.Errorf("catch-up error %q, guarantee %s; want %s", report.CatchUpError, report.Guarantee, test.says)
				}
				if found := r.count(t, report.Index); found != 10 || report.Documents != 10 || report.Removed != 0 || report.Changed != 0 {
					t.Errorf("readers have %d documents, the report says %d; want 10", found, report.Documents)
				}
				if got := r.source(t, "1"); got != `{"v":0}` {
					t.Errorf("document 1 is %s; an overwrite came before the gates", got)
				}
				r.isTidy(t, s)
			})
		}
	}
}

// Each of several corrections may be small, and the index must not melt away:
// the gate holds against the most that readers had in this run.
func TestCorrectionsTogetherStayWithinTheGate(t *testing.T) {
	t.Parallel()
	r, s := newRig(t, view{rows: ten(), state: "same"}, view{rows: ten(), state: "same"}, view{rows: ten()[:9]}, view{rows: ten()[:8]})
	r.opts.Gates = pipeline.Gates{MaxShrink: 0.1}
	report, err := r.run(t)
	if err != nil || !strings.Contains(report.CatchUpError, "gate max_shrink") {
		t.Errorf("catch-up error %q, %v; want the gate max_shrink", report.CatchUpError, err)
	}
	if found := r.count(t, report.Index); found != 9 || report.Documents != 9 {
		t.Errorf("readers have %d documents, the report says %d; want 9", found, report.Documents)
	}
	r.isTidy(t, s)
}

// The summary says what readers have in the end, and what was proved before.
func TestReportCountsWhatReadersHave(t *testing.T) {
	t.Parallel()
	r, s := newRig(t, view{rows: ten(), state: "same"}, view{rows: ten(), state: "same"}, view{rows: append(ten()[:9], row{id: "11", json: `{"v":1}`}, row{id: "12", json: `{"v":1}`})})
	report, err := r.run(t)
	if err != nil || report.Verified != 10 || report.Documents != 11 {
		t.Errorf("%d documents verified, %d in the end, %v; want 10 and 11", report.Verified, report.Documents, err)
	}
	r.isTidy(t, s)
}
