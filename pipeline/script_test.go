package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/source"
	"example.com/reindex/pipeline"
)

// view is what one snapshot shows. The zero values of all fields but rows make
// a sound one.
type view struct {
	rows    []row
	state   string // defaults to one that no other view has
	day     string
	missing int64         // rows that Count finds and Stream does not
	err     error         // of Stream, after the rows
	slow    time.Duration // what Count takes by the clock of the script
	refuse  error         // the snapshot cannot be taken
	lists   map[string]int64
}

type row struct {
	id, json string
	version  int64
}

// script is a source whose snapshots are views, one after the other.
type script struct {
	mu     sync.Mutex
	views  []view
	taken  int
	closed int
	by     []string // what each snapshot was read by: content or version
	time   time.Time
}

// clock stands still but for what views take.
func (s *script) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.time
}

func (s *script) snapshot(context.Context) (pipeline.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.views[min(s.taken, len(s.views)-1)]
	s.taken++
	if v.refuse != nil {
		s.closed++ // there is nothing to close
		return nil, v.refuse
	}
	if v.state == "" {
		v.state = fmt.Sprint(s.taken)
	}
	return &scripted{view: v, script: s}, nil
}

// scripted deals its rows to the streams, one each time.
type scripted struct {
	view
	script *script
	mu     sync.Mutex
	next   int
	read   sync.Once
	listed sync.Once
}

func (s *scripted) Info() source.Info {
	return source.Info{Name: "scripted", State: s.state, Day: s.day}
}
func (s *scripted) Estimate() int64 { return int64(len(s.rows)) }

func (s *scripted) Count(context.Context) (int64, error) {
	s.script.mu.Lock()
	defer s.script.mu.Unlock()
	s.script.time = s.script.time.Add(s.slow)
	return int64(len(s.rows)) + s.missing, nil
}

func (s *scripted) Stream(_ context.Context, emit func(document.Document) error) (source.StreamStats, error) {
	s.readBy("content")
	for {
		r, ok := s.take()
		if !ok {
			stats := source.StreamStats{OrphanRows: 1}
			s.listed.Do(func() { stats.Elements = s.lists })
			return stats, s.err
		}
		if err := emit(document.Document{ID: []byte(r.id), JSON: []byte(r.json), Version: r.version}); err != nil {
			return source.StreamStats{}, err
		}
	}
}

func (s *scripted) StreamChanged(_ context.Context, same func(document.Document) (bool, error), emit func(document.Document) error) (source.StreamStats, error) {
	s.readBy("version")
	for {
		r, ok := s.take()
		if !ok {
			return source.StreamStats{}, s.err
		}
		d := document.Document{ID: []byte(r.id), Version: r.version}
		known, err := same(d)
		if d.JSON = []byte(r.json); err == nil && !known {
			err = emit(d)
		}
		if err != nil {
			return source.StreamStats{}, err
		}
	}
}

func (s *scripted) readBy(what string) {
	s.read.Do(func() {
		s.script.mu.Lock()
		defer s.script.mu.Unlock()
		s.script.by = append(s.script.by, what)
	})
}

func (s *scripted) take() (r row, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == len(s.rows) {
		return row{}, false
	}
	s.next++
	return s.rows[s.next-1], true
}

func (s *scripted) Close() error {
	s.script.mu.Lock()
	defer s.script.mu.Unlock()
	s.script.closed++
	return nil
}

// rows makes rows with ids from 1 on and these values.
func rows(values ...int) []row {
	list := make([]row, len(values))
	for i, v := range values {
		list[i] = row{id: fmt.Sprint(i + 1), json: fmt.Sprintf(`{"v":%d}`, v)}
	}
	return list
}

// versioned gives every row a version.
func versioned(version int64, list []row) []row {
	for i := range list {
		list[i].version = version
	}
	return list
}

// rig is an alias of its own, to run scripts behind.
type rig struct {
	client *esalias.Client
	deps   pipeline.Deps
	opts   pipeline.Options
	phases []string
}

func newRig(t *testing.T, views ...view) (*rig, *script) {
	t.Helper()
	transport, err := es.New(es.Config{Addresses: []string{stacktest.Elasticsearch(t)}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := esalias.New(transport, stacktest.Prefix(t)+"-x", esalias.Options{Lease: 5 * time.Minute, Grace: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	s := &script{views: views}
	r := &rig{client: client}
	r.deps = pipeline.Deps{Alias: client, Bulk: transport, Snapshot: s.snapshot, Observe: r}
	r.opts = pipeline.Options{
		Body:   json.RawMessage(`{"settings": {"number_of_replicas": 0}, "mappings": {"dynamic": "strict", "properties": {"v": {"type": "byte"}}}}`),
		Gates:  pipeline.Gates{MinDocuments: 1, MaxShrink: 1},
		Keep:   1,
		Holder: esalias.Holder{Host: "test", RunID: esalias.NewRunID()},
	}
	pipeline.SetPassClock(&r.opts, s.clock)
	return r, s
}

func (r *rig) Phase(p pipeline.Phase, _ time.Time) { r.phases = append(r.phases, string(p)) }
func (r *rig) Progress(pipeline.Progress)          {}

func (r *rig) run(t *testing.T) (pipeline.Report, error) {
	t.Helper()
	return pipeline.Run(t.Context(), r.deps, r.opts)
}

// count refreshes an index and counts its documents.
func (r *rig) count(t *testing.T, index string) int64 {
	t.Helper()
	if err := es.Do(t.Context(), r.deps.Bulk, http.MethodPost, "/"+index+"/_refresh", nil, nil); err != nil {
		t.Fatal(err)
	}
	n, err := r.client.Count(t.Context(), index)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// source returns a live document as it was sent, "" if there is none.
func (r *rig) source(t *testing.T, id string) string {
	t.Helper()
	var answer struct {
		Source json.RawMessage `json:"_source"`
	}
	err := es.Do(t.Context(), r.deps.Bulk, http.MethodGet, "/"+r.client.Alias()+"/_doc/"+id, nil, &answer)
	if err != nil && !es.IsStatus(err, http.StatusNotFound) {
		t.Fatal(err)
	}
	return string(answer.Source)
}

// isTidy wants a free lease, no unfinished index, and every snapshot closed.
func (r *rig) isTidy(t *testing.T, s *script) {
	t.Helper()
	status, err := r.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status.Locked {
		t.Errorf("the lease is held by %+v", status.Record.Holder)
	}
	for _, g := range status.Generations {
		if g.State == esalias.StateBuilding || g.State == esalias.StateOrphan {
			t.Errorf("%s is left, %s", g.Index, g.State)
		}
	}
	if s.taken != s.closed {
		t.Errorf("%d snapshots taken, %d closed", s.taken, s.closed)
	}
}
