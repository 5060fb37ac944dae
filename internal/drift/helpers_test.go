package drift_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/reindex/esalias"
	"example.com/reindex/examples/livewriter"
	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/drift"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/source"
	"example.com/reindex/pipeline"
)

// stock is a source of items with tags, its live index, and a way to tamper
// with both.
type stock struct {
	url, db, alias string
	versions       bool
	deps           pipeline.Deps
	opts           drift.Options
	conn           *pgx.Conn
	writer         *livewriter.Writer
}

// kindOfStock says how the ids look.
type kindOfStock struct {
	id       string // SQL type
	value    string // SQL for the id of item $i
	mapping  string // Elasticsearch type
	versions bool
}

func integers(versions bool) kindOfStock {
	return kindOfStock{id: "bigint", value: "$i * 3", mapping: "long", versions: versions}
}

func newStock(t *testing.T, k kindOfStock, n int) *stock {
	t.Helper()
	s := &stock{url: stacktest.Elasticsearch(t), db: stacktest.Database(t), alias: stacktest.Prefix(t) + "-items", versions: k.versions}
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, s.db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	s.conn = conn
	s.sql(t, fmt.Sprintf(`
		CREATE TABLE item (id %[1]s PRIMARY KEY, name text, price numeric NOT NULL DEFAULT 1.50, rev bigint NOT NULL DEFAULT 10);
		CREATE TABLE tag (id %[1]s NOT NULL, tag text);
		INSERT INTO item SELECT %[2]s, 'item ' || i FROM generate_series(1, %[3]d) i;
		INSERT INTO tag SELECT %[2]s, t FROM generate_series(1, %[3]d) i, unnest(ARRAY['a', 'b']) t`, k.id, strings.ReplaceAll(k.value, "$i", "i"), n))
	s.open(t, k)
	s.rebuild(t, k)
	return s
}

func (s *stock) open(t *testing.T, k kindOfStock) {
	t.Helper()
	cfg := source.Config{
		URL: s.db, ID: "id", Document: source.Query{Name: "item.sql", SQL: "SELECT id, name, price FROM item"},
		Lists:          []source.List{{Field: "tags", Query: source.Query{Name: "tag.sql", SQL: "SELECT id, tag FROM tag"}}},
		RangeDocuments: 7,
	}
	version := "NULL::bigint"
	if s.versions {
		cfg.Document.SQL, cfg.Version, version = "SELECT id, name, price, rev FROM item", "rev", "rev"
	}
	src, err := source.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(src.Close)
	transport, err := es.New(es.Config{Addresses: []string{s.url}})
	if err != nil {
		t.Fatal(err)
	}
	alias, err := esalias.New(transport, s.alias, esalias.Options{Grace: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	s.deps = pipeline.Deps{Alias: alias, Bulk: transport, Snapshot: func(ctx context.Context) (pipeline.Snapshot, error) {
		return src.Snapshot(ctx)
	}}
	s.opts = drift.Options{
		Options: pipeline.Options{Versions: s.versions, Gates: pipeline.Gates{MinDocuments: 1, MaxShrink: 0.5}},
		ID:      "id", Lists: []string{"tags"},
	}
	s.writer = &livewriter.Writer{
		DB: s.conn, HTTP: &http.Client{Timeout: time.Minute}, URL: s.url, Alias: s.alias,
		Query: `SELECT (to_jsonb(i) - 'rev' || jsonb_build_object('tags', (SELECT coalesce(jsonb_agg(to_jsonb(t) - 'id'), '[]')
			FROM tag t WHERE t.id = i.id)))::text, ` + version + ` FROM item i WHERE id = $1::text::` + k.id,
	}
}

func (s *stock) body(k kindOfStock) json.RawMessage {
	return json.RawMessage(`{"settings": {"number_of_shards": 2, "number_of_replicas": 0}, "mappings": {"properties": {
		"id": {"type": "` + k.mapping + `"}, "name": {"type": "keyword"}, "price": {"type": "double"}, "tags": {"properties": {"tag": {"type": "keyword"}}}}}}`)
}

func (s *stock) rebuild(t *testing.T, k kindOfStock) {
	t.Helper()
	_, err := pipeline.Run(t.Context(), s.deps, pipeline.Options{
		Holder: holder(), Body: s.body(k), Versions: s.versions, CatchUp: pipeline.CatchUpOff, Keep: 1, Gates: pipeline.Gates{MaxShrink: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func holder() esalias.Holder { return esalias.Holder{RunID: esalias.NewRunID(), Host: "test"} }

func (s *stock) sql(t *testing.T, statements string) {
	t.Helper()
	if _, err := s.conn.Exec(context.WithoutCancel(t.Context()), statements); err != nil {
		t.Fatalf("%.200s: %v", statements, err)
	}
}

// do sends one request to Elasticsearch that must succeed.
func (s *stock) do(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s %s %v", method, path, res.Status, text, err)
	}
	var answer map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// put tampers with one document; version 0 keeps it unversioned.
func (s *stock) put(t *testing.T, id string, version int64, body string) {
	t.Helper()
	path := "/" + s.alias + "/_doc/" + id
	if s.versions {
		path += fmt.Sprintf("?version=%d&version_type=external_gte", version)
	}
	s.do(t, http.MethodPut, path, body)
}

func (s *stock) delete(t *testing.T, id string, version int64) {
	t.Helper()
	path := "/" + s.alias + "/_doc/" + id
	if s.versions {
		path += fmt.Sprintf("?version=%d&version_type=external_gte", version)
	}
	s.do(t, http.MethodDelete, path, "")
}

func (s *stock) stored(t *testing.T, id string) map[string]any {
	t.Helper()
	return s.do(t, http.MethodGet, "/"+s.alias+"/_doc/"+id, "")
}

func (s *stock) verify(t *testing.T) (drift.Report, error) {
	t.Helper()
	return drift.Verify(t.Context(), s.deps, s.opts)
}

func (s *stock) repair(t *testing.T) (drift.Report, error) {
	t.Helper()
	opts := s.opts
	opts.Repair, opts.Holder = true, holder()
	return drift.Verify(t.Context(), s.deps, opts)
}

// pits is how many searches are open on the live index.
func (s *stock) pits(t *testing.T) string {
	t.Helper()
	stats := s.do(t, http.MethodGet, "/"+s.alias+"/_stats/search?filter_path=_all.total.search.open_contexts", "")
	return fmt.Sprint(stats)
}

// meddling is a source whose snapshots call before first.
type meddling struct {
	pipeline.Snapshot
	each func()
}

func (m meddling) Stream(ctx context.Context, emit func(document.Document) error) (source.StreamStats, error) {
	return m.Snapshot.Stream(ctx, func(d document.Document) error {
		m.each()
		return emit(d)
	})
}

// meddle calls each with the number of the snapshot, before each of its
// documents, when its index side is fixed already.
func (s *stock) meddle(each func(snapshot int)) {
	take, n := s.deps.Snapshot, 0
	s.deps.Snapshot = func(ctx context.Context) (pipeline.Snapshot, error) {
		snapshot, err := take(ctx)
		n++
		number := n
		return meddling{snapshot, func() { each(number) }}, err
	}
}
