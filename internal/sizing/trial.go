package sizing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
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
	_, err = es.Refresh(ctx, f.es, index)
	return time.Since(begin), err
}

// create makes the index as a run does, without replicas and refreshes, and
// makes sure that no template has given it to readers.
func (f *finder) create(ctx context.Context, index string) error {
	if err := es.Send(ctx, f.es, esapi.IndicesCreateRequest{Index: es.Part(index), Body: bytes.NewReader(f.opts.Body)}, nil); err != nil {
		return err
	}
	const quiet = `{"index":{"number_of_replicas":0,"auto_expand_replicas":false,"refresh_interval":"-1"}}`
	settings := esapi.IndicesPutSettingsRequest{Index: []string{es.Part(index)}, Body: strings.NewReader(quiet)}
	if err := es.Send(ctx, f.es, settings, nil); err != nil {
		return err
	}
	var answer map[string]struct{ Aliases map[string]any }
	if err := es.Send(ctx, f.es, esapi.IndicesGetAliasRequest{Index: []string{es.Part(index)}}, &answer); err != nil {
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
	err := es.Send(ctx, f.es, esapi.IndicesDeleteRequest{Index: []string{es.Part(index)}}, nil)
	if err == nil || es.IsStatus(err, http.StatusNotFound) {
		return nil
	}
	return fmt.Errorf("throw-away index %s is left behind, delete it: %w", index, err)
}

// send sends one batch once.
func (f *finder) send(ctx context.Context, index string, batch []byte) error {
	var reply reply
	err := es.Send(ctx, f.es, esapi.BulkRequest{
		Index: es.Part(index), Body: bytes.NewReader(batch), FilterPath: []string{"errors", "items.*.error.type", "items.*.status"},
	}, &reply)
	if refused, ok := errors.AsType[*es.Error](err); ok && (busy(refused.Status) || refused.Status == http.StatusRequestEntityTooLarge) {
		return errBusy
	}
	if err != nil {
		return fmt.Errorf("bulk request to %s: %w", index, err)
	}
	return reply.outcome(index)
}

func busy(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// reply is the answer to a bulk request.
type reply struct {
	Errors bool
	Items  []map[string]struct {
		Status int
		Error  struct{ Type string }
	}
}

// outcome looks for documents that were not written. It names neither them nor
// the reason, which may repeat what they hold.
func (r reply) outcome(index string) error {
	if !r.Errors {
		return nil
	}
	for _, item := range r.Items {
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
