package pipeline_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/es"
	"example.com/reindex/pipeline"
)

func tagged(n int64, v view) view {
	v.lists = map[string]int64{"tags": n, "empty": 0}
	return v
}

// next starts another run behind the same alias, over other views.
func (r *rig) next(t *testing.T, views ...view) (pipeline.Report, error) {
	t.Helper()
	s := &script{views: views}
	r.deps.Snapshot, r.phases = s.snapshot, nil
	pipeline.SetPassClock(&r.opts, s.clock)
	r.opts.Holder.RunID = esalias.NewRunID()
	report, err := r.run(t)
	r.isTidy(t, s)
	return report, err
}

// The number of documents stays the same while a list loses its rows, so the
// gate counts elements too, against those that the last run has left with the
// live index.
func TestListThatShrinksIsAGate(t *testing.T) {
	t.Parallel()
	r, _ := newRig(t)
	r.opts.Gates = pipeline.Gates{MaxShrink: 0.1}
	r.opts.Body = json.RawMessage(`{"settings": {"number_of_replicas": 0}, "mappings": {"_meta": {"owner": "search"}}}`)
	full := view{rows: ten(), state: "same"}
	first, err := r.next(t, tagged(100, full))
	if err != nil || first.Lists["tags"] != 100 {
		t.Fatalf("%v, lists %v", err, first.Lists)
	}
	var mapping map[string]struct {
		Mappings struct {
			Meta struct {
				Owner   string `json:"owner"`
				Reindex esalias.Meta
			} `json:"_meta"`
		}
	}
	if err := es.Do(t.Context(), r.deps.Bulk, http.MethodGet, "/"+first.Index+"/_mapping", nil, &mapping); err != nil {
		t.Fatal(err)
	}
	if meta := mapping[first.Index].Mappings.Meta; meta.Owner != "search" || meta.Reindex.RunID != first.RunID || meta.Reindex.Lists["tags"] != 100 {
		t.Errorf("_meta is %+v; want the owner's part, the run and its lists", meta)
	}
	for _, n := range []int64{0, 89} {
		_, err := r.next(t, tagged(n, full))
		gate, refused := errors.AsType[*pipeline.GateError](err)
		if !refused || gate.Gate != "max_shrink" || !strings.Contains(gate.Reason, "list tags") {
			t.Errorf("%d elements: %v; want the gate max_shrink, with the list", n, err)
		}
		if live, err := r.client.Live(t.Context()); err != nil || live != first.Index {
			t.Errorf("%s is live, %v", live, err)
		}
	}
	if _, err := r.next(t, tagged(90, full)); err != nil {
		t.Errorf("exactly a tenth fewer: %v", err)
	}
	if _, err := r.next(t, full); err != nil {
		t.Errorf("a list that the source has no longer: %v", err)
	}
	r.opts.Gates.MaxShrink = 1
	if _, err := r.next(t, tagged(0, full)); err != nil {
		t.Errorf("with the gate off: %v", err)
	}
}

// A table of a list is emptied while the run is under way: before the swap the
// run is refused, after it the correction, by whatever documents are compared.
func TestListThatIsEmptiedDuringARun(t *testing.T) {
	t.Parallel()
	for _, versions := range []bool{false, true} {
		full, emptied := tagged(100, view{rows: ten(), state: "same"}), tagged(0, view{rows: ten(1, 1, 1, 1)})
		slow := tagged(100, view{rows: ten(2), slow: 2100 * time.Millisecond}) // so that another pass follows, by version
		if versions {
			full.rows, slow.rows, emptied.rows = versioned(1, full.rows), versioned(2, slow.rows), versioned(3, emptied.rows)
		}
		t.Run("before the swap", func(t *testing.T) {
			t.Parallel()
			r, _ := newRig(t)
			r.opts.Gates, r.opts.Versions = pipeline.Gates{MaxShrink: 0.1}, versions
			if _, err := r.next(t, full); err != nil {
				t.Fatal(err)
			}
			for name, views := range map[string][]view{"first pass": {full, emptied}, "later pass": {full, slow, emptied}} {
				_, err := r.next(t, views...)
				if gate, refused := errors.AsType[*pipeline.GateError](err); !refused || !strings.Contains(gate.Reason, "list tags") {
					t.Errorf("%s, versions %t: %v; want the gate max_shrink", name, versions, err)
				}
			}
		})
		t.Run("after the swap", func(t *testing.T) {
			t.Parallel()
			r, s := newRig(t, full, full, emptied)
			r.opts.Gates, r.opts.Versions = pipeline.Gates{MaxShrink: 0.1}, versions
			report, err := r.run(t)
			if err != nil || !strings.Contains(report.CatchUpError, "gate max_shrink: list tags") {
				t.Errorf("versions %t: catch-up error %q, %v; want the gate max_shrink", versions, report.CatchUpError, err)
			}
			if got := r.source(t, "1"); got != `{"v":0}` {
				t.Errorf("versions %t: document 1 is %s; it was overwritten", versions, got)
			}
			if versions && !slices.Contains(s.by, "version") {
				t.Error("no pass was made by version")
			}
			r.isTidy(t, s)
		})
	}
}
