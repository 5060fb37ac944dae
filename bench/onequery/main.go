//go:build !race

package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esutil"
	"github.com/jackc/pgx/v5"
)

//go:embed persons.sql
var query string

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "onequery:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// loader is one load.
type loader struct {
	es        *elasticsearch.Client
	db        *pgx.Conn
	index     string
	workers   int
	flush     int
	timer     *timer
	documents int
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("onequery", flag.ContinueOnError)
	address := flags.String("elasticsearch", "", "`URL`")
	database := flags.String("database", "", "`URL`")
	index := flags.String("index", "", "`name` of the index to fill")
	workers := flags.Int("workers", 0, "esutil's NumWorkers")
	flush := flags.Int("flush-bytes", 0, "esutil's FlushBytes")
	size := flags.Int("page-size", 0, "documents of a page")
	pages := flags.String("pages", "", "read only the pages with these `numbers`, from 0")
	if err := flags.Parse(args); err != nil {
		return err
	}
	l := &loader{index: *index, workers: *workers, flush: *flush, timer: &timer{next: http.DefaultTransport.(*http.Transport).Clone()}} //nolint:forcetypeassert,forbidigo // what the standard library has there
	var err error
	if l.es, err = elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{*address}, Transport: l.timer}); err != nil {
		return err
	}
	if l.db, err = pgx.Connect(ctx, *database); err != nil {
		return err
	}
	defer l.db.Close(ctx)
	if *pages != "" {
		err = l.loadPages(ctx, *size, strings.Split(*pages, ","))
	} else {
		err = l.loadAll(ctx)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(map[string]any{"documents": l.documents, "latencies": l.timer.took})
}

// loadAll is the whole of it.
func (l *loader) loadAll(ctx context.Context) error {
	indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{
		Client: l.es, Index: l.index, NumWorkers: l.workers, FlushBytes: l.flush,
	})
	if err != nil {
		return err
	}
	var failed atomic.Int64
	rows, err := l.db.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var document []byte
		if err := rows.Scan(&id, &document); err != nil {
			return err
		}
		l.documents++
		err := indexer.Add(ctx, esutil.BulkIndexerItem{
			Action: "index", DocumentID: strconv.FormatInt(id, 10), Body: bytes.NewReader(document),
			OnFailure: func(context.Context, esutil.BulkIndexerItem, esutil.BulkIndexerResponseItem, error) { failed.Add(1) },
		})
		if err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := indexer.Close(ctx); err != nil {
		return err
	}
	if failed.Load() > 0 {
		return fmt.Errorf("%d documents failed", failed.Load())
	}
	return nil
}

// loadPages reads a page, sends it, and reads the next one.
func (l *loader) loadPages(ctx context.Context, size int, numbers []string) error {
	var body bytes.Buffer
	for _, number := range numbers {
		n, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		rows, err := l.db.Query(ctx, query+` ORDER BY d."personId" DESC LIMIT $1 OFFSET $2`, size, n*size)
		if err != nil {
			return err
		}
		body.Reset()
		for rows.Next() {
			var id int64
			var document []byte
			if err := rows.Scan(&id, &document); err != nil {
				return err
			}
			l.documents++
			fmt.Fprintf(&body, "{\"index\":{\"_id\":\"%d\"}}\n%s\n", id, document)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if body.Len() == 0 {
			return errors.New("a page has no rows")
		}
		if err := l.send(&body); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) send(body io.Reader) error {
	res, err := l.es.Bulk(body, l.es.Bulk.WithIndex(l.index), l.es.Bulk.WithFilterPath("errors"))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var answer struct{ Errors bool }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err
	}
	if res.IsError() || answer.Errors {
		return fmt.Errorf("bulk request: %s", res.Status())
	}
	return nil
}

// timer notes how long requests take, up to the head of the answer.
type timer struct {
	next http.RoundTripper
	mu   sync.Mutex
	took []float64 // milliseconds
}

// RoundTrip implements [http.RoundTripper].
func (t *timer) RoundTrip(req *http.Request) (*http.Response, error) {
	begin := time.Now()
	res, err := t.next.RoundTrip(req)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took = append(t.took, float64(time.Since(begin).Microseconds())/1e3)
	return res, err
}
