package pipeline_test

import (
	"fmt"
	"slices"
	"testing"

	"example.com/reindex/internal/source"
	"example.com/reindex/pipeline"
)

// The source ends a snapshot when not all of it was read. Every view shows the same state, as that of an
// ALTER TABLE that was given up does.
func TestRunGoesOnAfterTheSourceHasEndedASnapshot(t *testing.T) {
	t.Parallel()
	gaveWay, replaced := &source.InterruptedError{Table: "person", For: "session 1"}, &source.InterruptedError{Table: "person"}
	whole := view{rows: rows(1, 2, 3, 4), state: "same"}
	part := func(err error, values ...int) view { return view{rows: rows(values...), state: "same", err: err} }
	for name, views := range map[string][]view{
		"at once":                        {{refuse: gaveWay, state: "same"}, whole},
		"in the load":                    {part(gaveWay, 1, 2), whole},
		"twice in the load":              {part(gaveWay, 1, 2), part(replaced, 1, 2, 9), whole},
		"in the pass before the swap":    {whole, part(gaveWay, 1), whole},
		"in the pass after the swap":     {whole, {rows: rows(1, 2), state: "new"}, part(gaveWay, 1), whole},
		"in every step":                  {part(replaced, 9), part(gaveWay, 1), whole, part(gaveWay, 1, 7), whole},
		"before the pass has a snapshot": {whole, {refuse: gaveWay}, whole},
	} {
		for _, mode := range []pipeline.CatchUp{pipeline.CatchUpOff, pipeline.CatchUpUntilQuiet} {
			for _, versions := range []bool{false, true} {
				if mode == pipeline.CatchUpOff && (versions || views[0].err == nil && views[0].refuse == nil) {
					continue
				}
				t.Run(fmt.Sprintf("%s, catch-up %s, versions %t", name, mode, versions), func(t *testing.T) {
					t.Parallel()
					var list []view
					for i, v := range views {
						if v.rows = slices.Clone(v.rows); versions {
							versioned(int64(i+1), v.rows)
						}
						list = append(list, v)
					}
					r, s := newRig(t, list...)
					r.opts.CatchUp, r.opts.Versions = mode, versions
					report, err := r.run(t)
					if err != nil || report.Outcome != pipeline.OutcomeSwapped || report.CatchUpError != "" {
						t.Fatalf("%v, report %+v", err, report)
					}
					r.isTidy(t, s)
					if n := r.count(t, report.Index); n != 4 {
						t.Errorf("%d documents, want 4", n)
					}
					for i := range 4 {
						if got, want := r.source(t, fmt.Sprint(i+1)), fmt.Sprintf(`{"v":%d}`, i+1); got != want {
							t.Errorf("document %d is %s, want %s", i+1, got, want)
						}
					}
				})
			}
		}
	}
}
