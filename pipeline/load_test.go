package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/faultproxy"
	"example.com/reindex/internal/source"
	"example.com/reindex/pipeline"
)

// large is a source of documents of 1 MiB, whose last one comes after the
// index was refreshed.
type large struct {
	scripted

	documents int
	refreshed func() // waits for it
}

func (l *large) Count(context.Context) (int64, error) { return int64(l.documents), nil }

func (l *large) Stream(_ context.Context, emit func(document.Document) error) (source.StreamStats, error) {
	text := strings.Repeat("x", 1<<20)
	for i := range l.documents {
		if i == l.documents-1 {
			l.refreshed()
		}
		if err := emit(document.Document{ID: fmt.Append(nil, i), JSON: fmt.Appendf(nil, `{"text":%q}`, text)}); err != nil {
			return source.StreamStats{}, err
		}
	}
	return source.StreamStats{}, nil
}

// What the refresh before the end saves is measured by bench; what becomes of
// it can cost no run.
func TestIndexIsRefreshedWhileItIsFilled(t *testing.T) {
	t.Parallel()
	for name, refresh := range map[string]faultproxy.Rule{
		"and waits for nothing": {Do: faultproxy.Hold}, // it ends with the load
		"and needs no success":  {Do: faultproxy.Fail, Status: http.StatusForbidden, Answer: `{"error":{"type":"security_exception"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounting(t)
			refresh.Method, refresh.Path, refresh.Nth = http.MethodPost, "/_refresh", 1
			seen := c.proxy.On(refresh)
			c.deps.Snapshot = func(context.Context) (pipeline.Snapshot, error) {
				return &large{scripted: scripted{script: &script{}}, documents: 90, refreshed: func() { seen.Await(t) }}, nil
			}
			report, err := pipeline.Run(t.Context(), c.deps, pipeline.Options{
				Holder: esalias.Holder{RunID: esalias.NewRunID(), Host: "test"}, Readers: 1, CatchUp: pipeline.CatchUpOff,
				Body: json.RawMessage(`{"settings": {"number_of_replicas": 0}, "mappings": {"properties": {"text": {"type": "keyword", "index": false, "doc_values": false}}}}`),
			})
			if err != nil || report.Outcome != pipeline.OutcomeSwapped || report.Documents != 90 {
				t.Errorf("%+v, %v; want 90 documents and a swap", report, err)
			}
		})
	}
}
