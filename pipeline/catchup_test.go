package pipeline_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/reindex/pipeline"
)

func TestPassesCountWhatTheyDid(t *testing.T) {
	t.Parallel()
	changed := view{rows: append(rows(1, 7), row{id: "4", json: `{"v":4}`})} // 2 differs, 3 is gone, 4 is new
	for _, test := range []struct {
		mode     pipeline.CatchUp
		versions bool
		passes   int
		changed  int64
		removed  int64
	}{
		{pipeline.CatchUpOff, false, 0, 0, 0},
		{pipeline.CatchUpOnce, false, 2, 2, 1},
		{pipeline.CatchUpUntilQuiet, false, 2, 2, 1},
		{pipeline.CatchUpUntilQuiet, true, 3, 2, 1},
	} {
		t.Run(fmt.Sprintf("%s, versions %t", test.mode, test.versions), func(t *testing.T) {
			t.Parallel()
			first, second := view{rows: rows(1, 2, 3)}, view{rows: slices.Clone(changed.rows)}
			if test.versions {
				versioned(1, first.rows)
				versioned(2, second.rows)
			}
			r, s := newRig(t, first, second)
			r.opts.CatchUp, r.opts.Versions = test.mode, test.versions
			report, err := r.run(t)
			if err != nil {
				t.Fatal(err)
			}
			if report.Passes != test.passes || report.Changed != test.changed || report.Removed != test.removed || report.Documents != 3 {
				t.Errorf("report %+v", report)
			}
			r.isTidy(t, s)
		})
	}
}

// Whoever edits until the new index shows commits after the snapshot of the
// first correction too.
func TestCorrectionsRepeatUntilQuiet(t *testing.T) {
	t.Parallel()
	for _, versions := range []bool{false, true} {
		byContent := 0 // where versions have come first
		if versions {
			byContent = 1
		}
		for mode, want := range map[pipeline.CatchUp]struct {
			passes    int
			documents int64
		}{pipeline.CatchUpOnce: {2, 3}, pipeline.CatchUpUntilQuiet: {4 + byContent, 2}} {
			t.Run(fmt.Sprintf("%s, versions %t", mode, versions), func(t *testing.T) {
				t.Parallel()
				var views []view
				for i, values := range [][]int{{1, 2}, {1, 2}, {1, 3, 4}, {1, 5}} { // the last two after the swap
					v := view{rows: rows(values...)}
					if versions {
						versioned(int64(i+1), v.rows)
					}
					views = append(views, v)
				}
				r, s := newRig(t, views...)
				r.opts.CatchUp, r.opts.Versions = mode, versions
				report, err := r.run(t)
				if err != nil {
					t.Fatal(err)
				}
				if report.Passes != want.passes || report.CatchUpError != "" {
					t.Errorf("%d passes, want %d; catch-up error %q", report.Passes, want.passes, report.CatchUpError)
				}
				if found := r.count(t, report.Index); found != want.documents {
					t.Errorf("%d documents, want %d", found, want.documents)
				}
				r.isTidy(t, s)
			})
		}
	}
}

// Between the load and the first pass, and at the end, all content counts: a
// day that changes documents and an edit without a new version are found. In
// between versions are quicker.
func TestWhatPassesCompareBy(t *testing.T) {
	t.Parallel()
	const content, version = "content", "version"
	edited := func(n int64, day string, values ...int) view {
		return view{rows: versioned(n, rows(values...)), day: day}
	}
	slowly := func(v view) view {
		v.slow = 2100 * time.Millisecond // or the pass is short enough to be the last
		return v
	}
	for _, test := range []struct {
		name  string
		views []view
		by    []string
		want  string // of document 1 at the end
	}{
		{
			"edits",
			[]view{edited(1, "", 1), slowly(edited(2, "", 2)), edited(3, "", 3), edited(4, "", 4), edited(4, "", 4)},
			[]string{content, content, version, version, version, content},
			`{"v":4}`,
		},
		{
			// The last two snapshots show the same, and the one by content still comes.
			"an edit without a new version, and then quiet",
			[]view{edited(1, "", 1), slowly(edited(2, "", 2)), {rows: versioned(2, rows(3)), state: "the end"}, {rows: versioned(2, rows(3)), state: "the end"}},
			[]string{content, content, version, content},
			`{"v":3}`,
		},
		{
			"a new day before the swap",
			[]view{edited(1, "1", 1), slowly(edited(2, "1", 2)), edited(2, "2", 3), edited(2, "2", 3)},
			[]string{content, content, content, version, content},
			`{"v":3}`,
		},
		{
			"a new day after the swap",
			[]view{edited(1, "1", 1), edited(1, "1", 1), edited(1, "2", 2)},
			[]string{content, content, content, version, content},
			`{"v":2}`,
		},
		{
			"an edit without a new version while loading",
			[]view{edited(1, "", 1), edited(1, "", 2)},
			[]string{content, content, version, content},
			`{"v":2}`,
		},
		{
			"an edit without a new version after that",
			[]view{edited(1, "", 1), edited(1, "", 1), edited(1, "", 2)},
			[]string{content, content, version, content},
			`{"v":2}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t, test.views...)
			r.opts.Versions = true
			report, err := r.run(t)
			if err != nil || report.CatchUpError != "" {
				t.Fatal(err, report.CatchUpError)
			}
			if !slices.Equal(s.by, test.by) {
				t.Errorf("snapshots were read by %v, want %v", s.by, test.by)
			}
			if got := r.source(t, "1"); got != test.want {
				t.Errorf("document 1 is %s; want %s", got, test.want)
			}
			r.isTidy(t, s)
		})
	}
}
