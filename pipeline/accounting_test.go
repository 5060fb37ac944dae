package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/faultproxy"
	"example.com/reindex/internal/source"
	"example.com/reindex/pipeline"
)

// listed is a source of numbered documents that may count wrongly.
type listed struct {
	documents int
	counted   int64
	taken     *atomic.Bool // its one range
}

func (l listed) Info() source.Info                    { return source.Info{Name: "listed", State: "the same"} }
func (l listed) Estimate() int64                      { return int64(l.documents) }
func (l listed) Count(context.Context) (int64, error) { return l.counted, nil }
func (l listed) Close() error                         { return nil }

func (l listed) Stream(_ context.Context, emit func(document.Document) error) (source.StreamStats, error) {
	if l.taken.Swap(true) {
		return source.StreamStats{}, nil
	}
	for id := range l.documents {
		if err := emit(document.Document{ID: fmt.Append(nil, id), JSON: fmt.Appendf(nil, `{"id":%d}`, id)}); err != nil {
			return source.StreamStats{}, err
		}
	}
	return source.StreamStats{Documents: int64(l.documents)}, nil
}

func (l listed) StreamChanged(context.Context, func(document.Document) (bool, error), func(document.Document) error) (source.StreamStats, error) {
	return source.StreamStats{}, errors.New("not called: nothing has changed")
}

// counting is an alias that is filled from lists.
type counting struct {
	proxy *faultproxy.Proxy
	alias *esalias.Client
	deps  pipeline.Deps
}

func newCounting(t *testing.T) *counting {
	t.Helper()
	c := &counting{proxy: faultproxy.New(t, stacktest.Elasticsearch(t))}
	transport, err := es.New(es.Config{Addresses: []string{c.proxy.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	c.alias, err = esalias.New(transport, stacktest.Prefix(t)+"x", esalias.Options{Lease: 5 * time.Minute, Grace: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	c.deps = pipeline.Deps{Alias: c.alias, Bulk: transport}
	return c
}

func (c *counting) run(t *testing.T, documents int, counted int64, gates pipeline.Gates) (pipeline.Report, error) {
	t.Helper()
	c.deps.Snapshot = func(context.Context) (pipeline.Snapshot, error) {
		return listed{documents: documents, counted: counted, taken: new(atomic.Bool)}, nil
	}
	return pipeline.Run(t.Context(), c.deps, pipeline.Options{
		Holder: esalias.Holder{RunID: esalias.NewRunID(), Host: "test"}, Body: json.RawMessage(`{}`),
		Gates: gates, CatchUp: pipeline.CatchUpOff,
	})
}

// wantGate wants a refusal, and readers where they were.
func (c *counting) wantGate(t *testing.T, gate string, err error, live string) {
	t.Helper()
	var refusal *pipeline.GateError
	if !errors.As(err, &refusal) || refusal.Gate != gate {
		t.Errorf("got %v, want gate %s", err, gate)
	}
	if now, err := c.alias.Live(t.Context()); err != nil || now != live {
		t.Errorf("the alias is on %q, %v; want %q", now, err, live)
	}
	status, err := c.alias.Status(t.Context())
	if err != nil || status.Locked || len(status.Generations) > 1 {
		t.Errorf("left behind: %+v, %v", status, err)
	}
}

func TestRunThatCannotAccountForEveryDocumentDoesNotSwap(t *testing.T) { //nolint:tparallel // one alias
	t.Parallel()
	c := newCounting(t)
	first, err := c.run(t, 10, 10, pipeline.Gates{MinDocuments: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("the snapshot has more than were read", func(t *testing.T) { //nolint:paralleltest // one alias
		_, err := c.run(t, 10, 11, pipeline.Gates{})
		c.wantGate(t, "count", err, first.Index)
	})
	t.Run("the index has fewer than were acknowledged", func(t *testing.T) { //nolint:paralleltest // one alias
		short := c.proxy.On(faultproxy.Rule{
			Path: "-000003/_count$", // the index of this run; the live one is -000001
			Do:   faultproxy.Fail, Status: 200, Answer: `{"count":9,"_shards":{"total":1,"successful":1}}`,
		})
		_, err := c.run(t, 10, 10, pipeline.Gates{})
		c.wantGate(t, "count", err, first.Index)
		c.proxy.Drop(short)
	})
	if last, err := c.run(t, 10, 10, pipeline.Gates{MinDocuments: 1}); err != nil || last.Previous != first.Index {
		t.Errorf("got %+v, %v", last, err)
	}
}

func TestGatesKeepAnIncompleteSourceFromGoingLive(t *testing.T) {
	t.Parallel()
	c := newCounting(t)
	first, err := c.run(t, 10, 10, pipeline.Gates{})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		gate      string
		documents int
		gates     pipeline.Gates
	}{
		{"max_shrink", 8, pipeline.Gates{MaxShrink: 0.1}},
		{"min_documents", 10, pipeline.Gates{MinDocuments: 11, MaxShrink: 1}},
		{"empty", 0, pipeline.Gates{MinDocuments: 1, MaxShrink: 1}},
	} {
		_, err := c.run(t, test.documents, int64(test.documents), test.gates)
		c.wantGate(t, test.gate, err, first.Index)
		if err != nil && strings.Contains(err.Error(), "tidy up") {
			t.Error(err)
		}
	}
	if last, err := c.run(t, 9, 9, pipeline.Gates{MaxShrink: 0.1}); err != nil || last.Documents != 9 {
		t.Errorf("exactly a tenth fewer: %+v, %v", last, err)
	}
}
