package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// Store is the history of one alias in Elasticsearch. It is safe for
// concurrent use, also by several processes.
type Store struct {
	es    esapi.Transport
	alias string
}

// New returns the history of alias. transport should not be shared with the
// loader or the lease.
func New(transport esapi.Transport, alias string) *Store {
	return &Store{es: transport, alias: alias}
}

// index ends in a number because no alias that this program manages may: so it
// can never be the lock index of another alias. The number goes up when the
// mapping can no longer hold older and newer records together.
func (s *Store) index() string { return "lock-" + s.alias + "-history-1" }

// writer is the alias that records are written through: with require_alias a
// write cannot make an index without our mapping.
func (s *Store) writer() string { return "lock-" + s.alias + ".history-1" }

// Put writes r over the record of the same run, unless that has a version of
// at least version: a write that was given up and arrives late must not undo a
// later one. The index is made if it is missing. With visible, List sees r when
// Put returns; otherwise within seconds.
func (s *Store) Put(ctx context.Context, r Record, version int64, visible bool) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("record of run %s: %w", r.RunID, err)
	}
	write := s.write(r.RunID, version, visible)
	err = s.send(ctx, write, body)
	if missing(err) {
		if err := s.create(ctx); err != nil {
			return fmt.Errorf("record run %s: %w", r.RunID, err)
		}
		err = s.send(ctx, write, body)
	}
	if err != nil && !es.IsStatus(err, http.StatusConflict) { // conflict: something later is there
		return fmt.Errorf("record run %s: %w", r.RunID, err)
	}
	return nil
}

// write is the request for a record, without the record.
func (s *Store) write(runID string, version int64, visible bool) esapi.IndexRequest {
	throughAlias, v := true, int(version)
	request := esapi.IndexRequest{
		Index: es.Part(s.writer()), DocumentID: es.Part(runID), RequireAlias: &throughAlias, Version: &v, VersionType: "external",
	}
	if visible {
		request.Refresh = "true"
	}
	return request
}

// send writes a record, and once more if it is not known what became of that: a
// node that goes away must not leave a gap while another one is there. The
// version makes a second copy harmless.
func (s *Store) send(ctx context.Context, write esapi.IndexRequest, body []byte) error {
	once := func() error {
		write.Body = bytes.NewReader(body)
		return es.Send(ctx, s.es, write, nil)
	}
	err := once()
	if es.IsUnsettled(err) && ctx.Err() == nil {
		err = once()
	}
	return err
}

func missing(err error) bool { return es.IsType(err, "index_not_found_exception") }

// create makes the index. Several runs may do so at once; one that is there
// already is as good.
func (s *Store) create(ctx context.Context) error {
	body, err := json.Marshal(map[string]any{
		"settings": map[string]any{"index": map[string]any{
			"number_of_shards": 1, "auto_expand_replicas": "0-1", "hidden": true,
		}},
		"mappings": mappings(),
		"aliases":  map[string]any{s.writer(): map[string]any{}},
	})
	if err != nil {
		return fmt.Errorf("create index %s: %w", s.index(), err)
	}
	err = es.Send(ctx, s.es, esapi.IndicesCreateRequest{Index: es.Part(s.index()), Body: bytes.NewReader(body)}, nil)
	if es.IsRefused(err) && !es.IsType(err, "resource_already_exists_exception") {
		return fmt.Errorf("create index %s: %w", s.index(), err)
	}
	return nil // if there was no answer, the write that follows finds out
}

// mappings name what dashboards search and sort by. Whatever else a record
// has, of a newer version too, is stored and not indexed.
func mappings() map[string]any {
	properties := map[string]any{}
	for kind, fields := range map[string][]string{
		"keyword": {"run_id", "alias", "command", "outcome", "trigger", "host", "user", "version", "phase", "index", "previous", "guarantee"},
		"date":    {"started", "updated", "ended", "snapshot_at"},
		"long": {
			"pid", "token", "estimate", "read", "acknowledged", "failed", "retried", "bytes", "documents", "documents_verified", "passes",
			"changed", "removed", "pass_failed", "lag_ms", "left_to_writers", "duration_ms", "load_duration_ms",
		},
		"text": {"error", "catch_up_error", "retire_error"},
	} {
		for _, field := range fields {
			properties[field] = map[string]any{"type": kind}
		}
	}
	return map[string]any{"dynamic": false, "properties": properties}
}

// Get returns the record of one run; false if there is none.
func (s *Store) Get(ctx context.Context, runID string) (Record, bool, error) {
	var answer struct {
		Found  bool   `json:"found"`
		Source Record `json:"_source"`
	}
	err := es.Send(ctx, s.es, esapi.GetRequest{Index: es.Part(s.index()), DocumentID: es.Part(runID)}, &answer)
	if es.IsStatus(err, http.StatusNotFound) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("history of %s: %w", s.alias, err)
	}
	return answer.Source, answer.Found, nil
}

// MaxList is the most records that List returns.
const MaxList = 10_000

// List returns up to limit records, newest first; none if there is no history.
// Progress may be some seconds old; Get's is not. They have no [Record.Detail].
func (s *Store) List(ctx context.Context, limit int) ([]Record, error) {
	hits, _, err := s.search(ctx, map[string]any{
		"size": min(limit, MaxList), "_source": map[string]any{"excludes": []string{"detail"}},
		"sort": []any{map[string]any{"started": "desc"}, map[string]any{"run_id": "desc"}},
	})
	if err != nil {
		return nil, err
	}
	records := make([]Record, 0, len(hits))
	for _, hit := range hits {
		var r Record
		if err := json.Unmarshal(hit.Source, &r); err != nil {
			return nil, fmt.Errorf("history of %s: record %s: %w", s.alias, hit.ID, err)
		}
		records = append(records, r)
	}
	return records, nil
}

type hit struct {
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
}

func (s *Store) search(ctx context.Context, query map[string]any) (hits []hit, total int, err error) {
	body, err := json.Marshal(query)
	if err != nil {
		return nil, 0, fmt.Errorf("history of %s: %w", s.alias, err)
	}
	var answer struct {
		Shards struct {
			Failed int `json:"failed"`
		} `json:"_shards"`
		Hits struct {
			Total struct {
				Value int `json:"value"`
			} `json:"total"`
			Hits []hit `json:"hits"`
		} `json:"hits"`
	}
	err = es.Send(ctx, s.es, esapi.SearchRequest{Index: []string{es.Part(s.index())}, Body: bytes.NewReader(body)}, &answer)
	switch {
	case missing(err):
		return nil, 0, nil
	case err != nil:
		return nil, 0, fmt.Errorf("history of %s: %w", s.alias, err)
	case answer.Shards.Failed > 0:
		return nil, 0, fmt.Errorf("history of %s: %w", s.alias, errShards)
	}
	return answer.Hits.Hits, answer.Hits.Total.Value, nil
}

var errShards = errors.New("a shard did not answer")
