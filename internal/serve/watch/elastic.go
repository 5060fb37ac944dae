package watch

import (
	"context"
	"net/http"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/history"
	"example.com/reindex/internal/serve/board"
)

// Elastic reads one index from Elasticsearch.
type Elastic struct {
	alias     string
	transport esapi.Transport
	client    *esalias.Client
	history   *history.Store
	board     *board.Store
}

var _ Reader = (*Elastic)(nil)

// NewElastic returns the reader of an alias. transport should be its own.
func NewElastic(transport esapi.Transport, alias string) (*Elastic, error) {
	client, err := esalias.New(transport, alias, esalias.Options{RequestTimeout: 5 * time.Second})
	if err != nil {
		return nil, err
	}
	return &Elastic{
		alias: alias, transport: transport, client: client,
		history: history.New(transport, alias), board: board.New(transport, alias),
	}, nil
}

// Notes is where the board is written.
func (e *Elastic) Notes() *board.Store { return e.board }

// Status reads the alias, its lock and its generations.
func (e *Elastic) Status(ctx context.Context) (esalias.Status, error) { return e.client.Status(ctx) }

// Runs reads the newest records.
func (e *Elastic) Runs(ctx context.Context, limit int) ([]history.Record, error) {
	return e.history.List(ctx, limit)
}

// Run reads one record.
func (e *Elastic) Run(ctx context.Context, id string) (history.Record, bool, error) {
	return e.history.Get(ctx, id)
}

// Board reads what the servers left.
func (e *Elastic) Board(ctx context.Context, now time.Time) (board.Board, error) {
	return e.board.Read(ctx, now)
}

// Sizes asks how large each index is.
func (e *Elastic) Sizes(ctx context.Context) (map[string]int64, error) {
	var answer struct {
		Indices map[string]struct {
			Total struct {
				Store struct {
					Bytes int64 `json:"size_in_bytes"`
				} `json:"store"`
			} `json:"total"`
		} `json:"indices"`
	}
	path := "/" + e.alias + "-*/_stats/store?expand_wildcards=all&filter_path=indices.*.total.store.size_in_bytes"
	err := es.Do(ctx, e.transport, http.MethodGet, path, nil, &answer)
	if err != nil && !es.IsType(err, "index_not_found_exception") {
		return nil, err
	}
	sizes := map[string]int64{}
	for index, found := range answer.Indices {
		sizes[index] = found.Total.Store.Bytes
	}
	return sizes, nil
}
