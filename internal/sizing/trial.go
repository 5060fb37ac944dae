package sizing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/reindex/internal/es"
)

// Prefix begins the names of all throw-away indices.
const Prefix = "reindex-bench-"

// cleanup bounds the deletion of an index, which has its own time: the
// context's end is often the reason for it.
const cleanup = 8 * time.Second

// errBusy means that Elasticsearch refused work: the setting is too much for it.
var errBusy = errors.New("elasticsearch refused work")

// indexName never ends in digits, as the indices of an alias do, and is used once.
func indexName(name string, trial int) string { return fmt.Sprintf("%s%s-%d-tmp", Prefix, name, trial) }

// load fills a fresh index and refreshes it. The time starts when the index is
// there.
func (f *finder) load(ctx context.Context, set Setting) (took time.Duration, err error) {
	f.trials++
	index := indexName(f.opts.Name, f.trials)
	defer func() { err = errors.Join(err, f.drop(ctx, index)) }()
	if err := f.create(ctx, index); err != nil {
		return 0, err
	}
	begin := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(set.Workers)
	for _, batch := range f.sample.batches(set.BatchBytes) {
		g.Go(func() error { return f.send(gctx, index, batch) })
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	err = es.Do(ctx, f.es, http.MethodPost, "/"+index+"/_refresh", nil, nil)
	return time.Since(begin), err
}

// create makes the index as a run does, without replicas and refreshes, and
// makes sure that no template has given it to readers.
func (f *finder) create(ctx context.Context, index string) error {
	if err := es.Do(ctx, f.es, http.MethodPut, "/"+index, f.opts.Body, nil); err != nil {
		return err
	}
	const quiet = `{"index":{"number_of_replicas":0,"auto_expand_replicas":false,"refresh_interval":"-1"}}`
	if err := es.Do(ctx, f.es, http.MethodPut, "/"+index+"/_settings", []byte(quiet), nil); err != nil {
		return err
	}
	var answer map[string]struct{ Aliases map[string]any }
	if err := es.Do(ctx, f.es, http.MethodGet, "/"+index+"/_alias", nil, &answer); err != nil {
		return err
	}
	for alias := range answer[index].Aliases {
		return fmt.Errorf("index %s was created with alias %s: an index template adds it; change its pattern so that it does not match %s*",
			index, alias, Prefix)
	}
	return nil
}

// drop deletes the index, whether or not it was made: a creation without an
// answer may have worked.
func (f *finder) drop(ctx context.Context, index string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	err := es.Do(ctx, f.es, http.MethodDelete, "/"+index, nil, nil)
	if err == nil || es.IsStatus(err, http.StatusNotFound) {
		return nil
	}
	return fmt.Errorf("throw-away index %s is left behind, delete it: %w", index, err)
}

// send sends one batch once.
func (f *finder) send(ctx context.Context, index string, batch []byte) error {
	path := "/" + index + "/_bulk?filter_path=errors,items.*.error.type,items.*.status"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, path, bytes.NewReader(batch))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := f.es.Perform(req)
	if err != nil {
		return fmt.Errorf("bulk request to %s: %w", index, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("bulk request to %s: %w", index, err)
	}
	if busy(res.StatusCode) || res.StatusCode == http.StatusRequestEntityTooLarge {
		return errBusy
	}
	if res.StatusCode != http.StatusOK {
		return &es.Error{Op: "POST /" + index + "/_bulk", Status: res.StatusCode}
	}
	return outcome(index, answer)
}

func busy(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// outcome looks for documents that were not written. It names neither them nor
// the reason, which may repeat what they hold.
func outcome(index string, answer []byte) error {
	var reply struct {
		Errors bool
		Items  []map[string]struct {
			Status int
			Error  struct{ Type string }
		}
	}
	if err := json.Unmarshal(answer, &reply); err != nil {
		return fmt.Errorf("bulk request to %s: %w", index, err)
	}
	if !reply.Errors {
		return nil
	}
	for _, item := range reply.Items {
		for _, result := range item {
			if busy(result.Status) {
				return errBusy
			}
			if result.Error.Type != "" {
				return fmt.Errorf("documents were rejected (HTTP %d %s): a run would reject them too; `reindex run --no-swap` names them",
					result.Status, result.Error.Type)
			}
		}
	}
	return fmt.Errorf("bulk request to %s: errors without an error", index)
}
