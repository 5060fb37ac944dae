package pipeline_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/internal/bulk"
	"example.com/reindex/pipeline"
)

func TestRunPassesItsPhasesInOrderAndAddsUp(t *testing.T) {
	t.Parallel()
	r, s := newRig(t, view{rows: rows(1, 2, 3), state: "same"})
	report, err := r.run(t)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Fields("locked created loading loaded replicating catching-up verified swapping swapped correcting retired released"), r.phases); diff != "" {
		t.Error(diff)
	}
	if report.Outcome != pipeline.OutcomeSwapped || report.Read != 3 || report.Acknowledged != 3 || report.Documents != 3 || report.Orphans < 1 ||
		report.Passes != 0 || report.Guarantee != pipeline.GuaranteeUnchanged {
		t.Errorf("report %+v", report)
	}
	if !slices.IsSortedFunc(report.Phases, func(a, b pipeline.PhaseTime) int { return int(a.After - b.After) }) {
		t.Errorf("phases %v", report.Phases)
	}
	r.isTidy(t, s)
}

// Whatever the source does wrong, and whenever, nothing is swapped and nothing
// stays behind.
func TestRunThatMustNotSwap(t *testing.T) {
	t.Parallel()
	broken := errors.New("the source broke")
	sound := view{rows: rows(1, 2)}
	const refused, failed = pipeline.OutcomeRefused, pipeline.OutcomeFailed
	for _, test := range []struct {
		name     string
		views    []view
		versions bool
		outcome  pipeline.Outcome
		says     string
	}{
		{"the snapshot cannot be taken", []view{{refuse: broken}}, false, failed, "the source broke"},
		{"a stream breaks", []view{{rows: rows(1, 2), err: broken}}, false, failed, "the source broke"},
		{"the count finds more than the streams", []view{{rows: rows(1, 2), missing: 1}}, false, refused, "3 documents and 2 were read"},
		{"the count finds less", []view{{rows: rows(1, 2), missing: -1}}, false, refused, "1 documents and 2 were read"},
		{"an id comes twice", []view{{rows: append(rows(1, 2), row{id: "1", json: `{"v":3}`})}}, false, failed, "id 1 came twice"},
		{"a document is rejected", []view{{rows: rows(1, 200)}}, false, failed, "failed documents: 1, allowed: 0"},
		{"the second snapshot cannot be taken", []view{sound, {refuse: broken}}, false, failed, "catch-up pass 1: the source broke"},
		{"a stream of the pass breaks", []view{sound, {rows: rows(1, 2), err: broken}}, false, failed, "catch-up pass 1: the source broke"},
		{"the pass does not read what it counts", []view{sound, {rows: rows(1, 2), missing: 1}}, false, refused, "3 documents and 2 were read"},
		{"an id comes twice in the pass", []view{sound, {rows: append(rows(1, 2), row{id: "1", json: `{"v":3}`}), missing: -1}}, false, failed, "id 1 twice"},
		{"all rows are deleted meanwhile", []view{sound, {}}, false, refused, "gate empty"},
		{
			"a version goes back",
			[]view{{rows: versioned(2, rows(1, 2))}, {rows: versioned(1, rows(1, 3))}},
			true, failed,
			"document 2: its version went from 2 to 1",
		},
		{
			"a row comes back with an older version", []view{
				{rows: versioned(2, rows(1, 2))}, {rows: versioned(2, rows(1)), slow: 2100 * time.Millisecond}, {rows: versioned(1, rows(1, 3))},
			}, true, failed, "catch-up pass 2",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t, test.views...)
			r.opts.Versions = test.versions
			report, err := r.run(t)
			if err == nil || report.Outcome != test.outcome || !strings.Contains(err.Error(), test.says) {
				t.Errorf("outcome %s, %v; want %s, %s", report.Outcome, err, test.outcome, test.says)
			}
			if live, err := r.client.Live(t.Context()); live != "" || err != nil {
				t.Errorf("%s is live, %v", live, err)
			}
			if got := r.phases[len(r.phases)-1]; got != "released" || slices.Contains(r.phases, "swapping") {
				t.Errorf("phases %v", r.phases)
			}
			r.isTidy(t, s)
		})
	}
}

func TestErrorsKeepTheirTypes(t *testing.T) {
	t.Parallel()
	r, _ := newRig(t, view{rows: rows(1, 200)})
	_, err := r.run(t)
	var failures *bulk.FailuresError
	if !errors.As(err, &failures) || failures.First[0].ID != "2" {
		t.Errorf("got %v, want a FailuresError that names 2", err)
	}
}

// What goes wrong after the swap is told, and is no failure: the index is live.
func TestTroubleAfterTheSwap(t *testing.T) {
	t.Parallel()
	broken := errors.New("the source broke")
	for _, test := range []struct {
		name string
		last view
	}{
		{"the last snapshot cannot be taken", view{refuse: broken}},
		{"its stream breaks", view{rows: rows(1, 9), err: broken}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			same := view{rows: rows(1, 2), state: "same"}
			r, s := newRig(t, same, same, test.last)
			report, err := r.run(t)
			if err != nil || report.Outcome != pipeline.OutcomeSwapped {
				t.Fatalf("outcome %s, %v", report.Outcome, err)
			}
			if report.CatchUpError != broken.Error() || report.Guarantee != pipeline.GuaranteeNone {
				t.Errorf("catch-up error %q, guarantee %s", report.CatchUpError, report.Guarantee)
			}
			if live, err := r.client.Live(t.Context()); live != report.Index || err != nil {
				t.Errorf("%s is live, %v; want %s", live, err, report.Index)
			}
			r.isTidy(t, s)
		})
	}
}

func TestFailedDocumentIsSentAgainOnlyWhenItChanged(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		second int // value of the document whose first value is rejected
		failed int64
		count  int64
	}{
		{"the same is not sent", 200, 0, 1},
		{"a sound one is sent", 20, 0, 2},
		{"another bad one is sent and rejected", 201, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t, view{rows: rows(1, 200)}, view{rows: rows(1, test.second), state: "second"})
			r.opts.MaxFailures = 1
			report, err := r.run(t)
			if err != nil {
				t.Fatal(err)
			}
			if report.Failed != 1 || report.PassFailed != test.failed || report.Documents != test.count {
				t.Errorf("report %+v", report)
			}
			r.isTidy(t, s)
		})
	}
}

func TestInterruptedRunIsTidiedUp(t *testing.T) {
	t.Parallel()
	for _, phase := range []string{"locked", "created", "loading", "loaded", "replicating", "catching-up", "verified"} {
		t.Run("after "+phase, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t, view{rows: rows(1, 2)})
			ctx, cancel := context.WithCancelCause(t.Context())
			r.deps.Observe = interrupter{rig: r, at: phase, cancel: cancel}
			report, err := pipeline.Run(ctx, r.deps, r.opts)
			var interrupt *pipeline.InterruptError
			if !errors.As(err, &interrupt) || report.Outcome != pipeline.OutcomeFailed {
				t.Errorf("outcome %s, %v", report.Outcome, err)
			}
			if live, err := r.client.Live(t.Context()); live != "" || err != nil {
				t.Errorf("%s is live, %v", live, err)
			}
			r.isTidy(t, s)
		})
	}
	t.Run("after swapped it is as good as done", func(t *testing.T) {
		t.Parallel()
		r, s := newRig(t, view{rows: rows(1, 2)})
		ctx, cancel := context.WithCancelCause(t.Context())
		r.deps.Observe = interrupter{rig: r, at: "swapped", cancel: cancel}
		report, err := pipeline.Run(ctx, r.deps, r.opts)
		if err != nil || report.Outcome != pipeline.OutcomeSwapped || report.CatchUpError == "" {
			t.Errorf("outcome %s, catch-up error %q, %v", report.Outcome, report.CatchUpError, err)
		}
		r.isTidy(t, s)
	})
}

// interrupter ends the run's context when a phase is reached.
type interrupter struct {
	*rig
	at     string
	cancel context.CancelCauseFunc
}

func (i interrupter) Phase(p pipeline.Phase, at time.Time) {
	i.rig.Phase(p, at)
	if string(p) == i.at {
		i.cancel(&pipeline.InterruptError{Signal: "SIGTERM"})
	}
}

// max_failures is a limit of the run: the load, each pass and its deletions
// share it, and a document that is rejected again counts once.
func TestRejectedDocumentsShareOneLimit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		allow  int64
		second []row
		fails  bool
	}{
		{"one in the load and another in the pass", 1, rows(200, 200), true},
		{"and both are allowed", 2, rows(200, 200), false},
		{"the same one twice", 1, rows(201, 2), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t, view{rows: rows(200, 2)}, view{rows: test.second, state: "second"})
			r.opts.MaxFailures = test.allow
			report, err := r.run(t)
			_, rejected := errors.AsType[*bulk.FailuresError](err)
			if rejected != test.fails || (err != nil) != test.fails {
				t.Errorf("%v; want failure %t", err, test.fails)
			}
			if test.fails && (report.PassFailed != 1 || !strings.Contains(err.Error(), "failed documents: 2, allowed: 1")) {
				t.Errorf("%d rejected in the pass, %v", report.PassFailed, err)
			}
			r.isTidy(t, s)
		})
	}
}
