package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"syscall"
	"time"

	"example.com/reindex/internal/es"
)

// way is one way to fill an index. run fills the index of that name, or the one
// that it names in the outcome, and refreshes it.
type way struct {
	name    string
	label   string // for tables and charts
	program string // what has to be built: reindex, onequery or nothing
	run     func(ctx context.Context, r *rig, index string) (outcome, error)
	asked   bool // measured only when it is asked for
}

// index is the way's part in the name of its index.
func (w way) index() string {
	if name, _, found := strings.Cut(w.name, ":"); found {
		return name
	}
	return w.name
}

// outcome is what one fill of an index took.
type outcome struct {
	index     string // the index that was filled; "" for the one that was asked for
	documents int    // that must be in it; 0 for all
	elapsed   time.Duration
	load      time.Duration // of it, reading and sending; 0 if not known apart
	cpu       time.Duration // of the program
	peak      int64         // its memory; 0 if not known
	latency   latency
	edits     int64         // made beside it
	editing   time.Duration // took
	catchUp   catchUp
	total     time.Duration    // of a run of the program, with what comes after the swap
	phases    map[string]int64 // of such a run, milliseconds after its start
	// scale is what elapsed and all other times were multiplied by, because
	// only a part was measured; 0 for nothing.
	scale float64
}

// catchUp is what a run of the program says about rows that changed.
type catchUp struct {
	Passes  int   `json:"passes"`
	Changed int64 `json:"changed"`
	Removed int64 `json:"removed"`
	LagMS   int64 `json:"lag_ms"` // between the last snapshot and the swap
	Left    int64 `json:"left_to_writers"`
}

// latency of bulk requests, in milliseconds.
type latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func ways() []way {
	return []way{
		{name: "ceiling", label: "ceiling: ready bodies", run: replayed},
		{name: "pipeline", label: "reindex run --catch-up off", program: "reindex", run: pipelineWith("--catch-up off")},
		{name: "catchup", label: "reindex run", program: "reindex", run: pipelineWith("")},
		{name: "onequery", label: "one big query, BulkIndexer", program: "onequery", run: oneQuery(true)},
		{name: "tuned", label: "the same, tuned", program: "onequery", run: oneQuery(false, "-workers", "4", "-flush-bytes", "4194304")},
		{name: "pages", label: "LIMIT/OFFSET pages", program: "onequery", run: pages},
		{name: "busy", label: "reindex run, another table is written", program: "reindex", run: busy, asked: true},
		{name: "edited", label: "reindex run beside edits", program: "reindex", run: edited(false), asked: true},
		{name: "edited-live", label: "the same with a live writer", program: "reindex", run: edited(true), asked: true},
	}
}

func wayNames() []string {
	var names []string
	for _, w := range ways() {
		if !w.asked {
			names = append(names, w.name)
		}
	}
	return names
}

func wayOf(name string) (way, error) {
	for _, w := range ways() {
		if w.name == name {
			return w, nil
		}
	}
	if settings, ok := strings.CutPrefix(name, "run:"); ok {
		return way{name: name, label: settings, program: "reindex", run: pipelineWith("--catch-up off " + settings)}, nil
	}
	return way{}, fmt.Errorf("there is no way %q; want %s", name, strings.Join(wayNames(), ", "))
}

// replayed sends ready-made bodies from memory: all that is left to do is
// Elasticsearch's.
func replayed(ctx context.Context, r *rig, index string) (outcome, error) {
	before, started := ownCPU(), time.Now()
	if err := r.create(ctx, index, false); err != nil {
		return outcome{}, err
	}
	took, err := replay(ctx, r.es, index, r.corpus.bodies, inFlight)
	if err != nil {
		return outcome{}, err
	}
	loaded := time.Since(started)
	err = r.refresh(ctx, index)
	return outcome{elapsed: time.Since(started), load: loaded, cpu: ownCPU() - before, latency: percentiles(took)}, err
}

// ownCPU is the processor time of this program.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// summary is the last line of reindex run --json, as far as it matters here.
type summary struct {
	Outcome string
	Index   string
	Phases  map[string]int64 `json:"phase_after_ms"`
	First   int64            `json:"first_document_ms"`
	TotalMS int64            `json:"duration_ms"`
	LoadMS  int64            `json:"load_duration_ms"`
	Latency latency          `json:"bulk_latency_ms"`
	catchUp
}

// pipelineWith runs the released program as cron does. What counts is from its
// start to the swap, which is after every proof. Settings are its flags, and
// variables such as GOGC=50.
func pipelineWith(settings string) func(context.Context, *rig, string) (outcome, error) {
	return func(ctx context.Context, r *rig, index string) (outcome, error) {
		env := r.environment(index + "-alias")
		args := []string{"run", "--config", r.work + "/reindex.yaml", "--json"}
		for field := range strings.FieldsSeq(settings) {
			if strings.Contains(field, "=") && !strings.HasPrefix(field, "-") {
				env = append(env, field)
			} else {
				args = append(args, field)
			}
		}
		c, err := runChild(ctx, env, r.reindex, args...)
		if err != nil {
			return outcome{}, err
		}
		var s summary
		if err := json.Unmarshal(lastLine(c.stdout), &s); err != nil {
			return outcome{}, fmt.Errorf("read the summary: %w", err)
		}
		swapped, ok := s.Phases["swapped"]
		if !ok {
			return outcome{}, fmt.Errorf("the run ended as %s", s.Outcome)
		}
		return outcome{
			index: s.Index, elapsed: time.Duration(swapped) * time.Millisecond,
			load: time.Duration(s.LoadMS) * time.Millisecond, cpu: c.cpu, peak: c.peak, latency: s.Latency,
			catchUp: s.catchUp, total: time.Duration(s.TotalMS) * time.Millisecond, phases: s.phases(),
		}, nil
	}
}

// phases are the steps of a run, with the first document among them.
func (s summary) phases() map[string]int64 {
	all := maps.Clone(s.Phases)
	all["first_document"] = s.First
	return all
}

// environment is what the program is told beside its configuration file.
func (r *rig) environment(alias string) []string {
	return []string{
		"ELASTICSEARCH_URL=" + r.elasticsearch, "DATABASE_URL=" + r.database, "REINDEX_ALIAS=" + alias, "REINDEX_INDEX_KEEP=0",
	}
}

// loaded is what bench/onequery prints.
type loaded struct {
	Documents int
	Latencies []float64 // milliseconds
}

// oneQuery is what a Go developer writes in an hour.
func oneQuery(refresh bool, args ...string) func(context.Context, *rig, string) (outcome, error) {
	return func(ctx context.Context, r *rig, index string) (outcome, error) {
		started := time.Now()
		if err := r.create(ctx, index, refresh); err != nil {
			return outcome{}, err
		}
		c, l, err := r.load(ctx, append(args, "-index", index)...)
		if err != nil {
			return outcome{}, err
		}
		err = r.refresh(ctx, index)
		return outcome{
			elapsed: time.Since(started), load: c.wall, cpu: c.cpu, peak: c.peak, latency: percentiles(l.Latencies),
		}, err
	}
}

func (r *rig) load(ctx context.Context, args ...string) (child, loaded, error) {
	var l loaded
	c, err := runChild(ctx, nil, r.onequery, append(args, "-elasticsearch", r.elasticsearch, "-database", r.database)...)
	if err == nil {
		err = json.Unmarshal(lastLine(c.stdout), &l)
	}
	return c, l, err
}

// pageSize is that of the nightly job that came before.
const pageSize = 5000

// pages reads as the nightly job did: a page, then its bulk request, then the
// next page. A whole load takes hours, so a few pages are measured, in the
// middle of equal parts of the way down; a page costs what its depth is, and
// the mean of such pages is the mean of all.
func pages(ctx context.Context, r *rig, index string) (outcome, error) {
	size := min(pageSize, max(1, len(r.corpus.prints)/(2*r.pages)))
	all := r.corpus.pages(size)
	measured := min(r.pages, all)
	var numbers []string
	for i := range measured {
		numbers = append(numbers, itoa((2*i+1)*all/(2*measured)))
	}
	if err := r.create(ctx, index, true); err != nil {
		return outcome{}, err
	}
	c, l, err := r.load(ctx, "-index", index, "-page-size", itoa(size), "-pages", strings.Join(numbers, ","))
	if err != nil {
		return outcome{}, err
	}
	scale := float64(len(r.corpus.prints)) / float64(l.Documents)
	times := func(d time.Duration) time.Duration { return time.Duration(float64(d) * scale) }
	return outcome{
		documents: l.Documents, elapsed: times(c.wall), cpu: times(c.cpu), peak: c.peak,
		latency: percentiles(l.Latencies), scale: scale,
	}, r.refresh(ctx, index)
}

// check reads the whole index back and compares every document.
func (r *rig) check(ctx context.Context, index string, documents int) error {
	var pit struct{ ID string }
	if err := es.Do(ctx, r.es, http.MethodPost, "/"+index+"/_pit?keep_alive=5m", nil, &pit); err != nil {
		return err
	}
	found, after := 0, json.RawMessage("null")
	for {
		query := fmt.Sprintf(`{"size":4000,"track_total_hits":false,"sort":["_shard_doc"],"pit":{"id":%q,"keep_alive":"5m"}`, pit.ID)
		if string(after) != "null" {
			query += `,"search_after":` + string(after)
		}
		var page struct {
			Hits struct {
				Hits []struct {
					ID     string          `json:"_id"`
					Source json.RawMessage `json:"_source"`
					Sort   json.RawMessage
				}
			}
		}
		if err := es.Do(ctx, r.es, http.MethodPost, "/_search", []byte(query+"}"), &page); err != nil {
			return err
		}
		if len(page.Hits.Hits) == 0 {
			break
		}
		for _, hit := range page.Hits.Hits {
			if err := r.corpus.check(hit.ID, hit.Source); err != nil {
				return fmt.Errorf("%s: %w", index, err)
			}
			found, after = found+1, hit.Sort
		}
	}
	if documents == 0 {
		documents = len(r.corpus.prints)
	}
	closing, err := json.Marshal(map[string]string{"id": pit.ID})
	if found != documents {
		err = errors.Join(err, fmt.Errorf("%s has %d documents, want %d", index, found, documents))
	}
	return errors.Join(err, es.Do(ctx, r.es, http.MethodDelete, "/_pit", closing, nil))
}
