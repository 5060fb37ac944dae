package readback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

const (
	// keepAlive is how long the point in time outlives the page before: long
	// enough for a source that takes its time, short enough that one that was
	// left behind does not keep an old index for long.
	keepAlive = "5m"
	// A page has this many documents, or as many as fill pageBytes if those
	// are fewer, judged by the page before.
	firstPage, maxPage = 200, 2000
	pageBytes          = 4 << 20

	closeTimeout = 8 * time.Second
)

// Hit is a document as a search found it.
type Hit struct {
	Stored
	// Key is the value of the id field. Without a usable one HasKey is false;
	// such documents come last.
	Key    Key
	HasKey bool
}

// Reader reads one index from one moment, in the order of its id field. It is
// for one goroutine.
type Reader struct {
	t        esapi.Transport
	index    string
	field    string
	order    Order
	contents Contents

	pit     string
	after   json.RawMessage // sort values of the last document
	page    []Hit
	at      int
	size    int // of the next page
	keyless bool
	done    bool
	read    int64
}

// Open refreshes the index, so that everything written before is seen, and
// opens a point in time on it. The field must be at the top of the documents
// and mapped as keyword, long, integer, short or byte; otherwise the error is a
// [*FieldError]. It is a [*ContentError] if documents do not come back as they were sent. Close is due after a success.
func Open(ctx context.Context, t esapi.Transport, index, field string) (*Reader, error) {
	order, err := orderOf(ctx, t, index, field)
	if err != nil {
		return nil, err
	}
	contents, err := ContentsOf(ctx, t, index)
	if err != nil {
		return nil, err
	}
	r := &Reader{t: t, index: index, field: field, order: order, contents: contents, size: firstPage}
	if err := Refresh(ctx, t, index); err != nil {
		return nil, err
	}
	var answer struct {
		ID string `json:"id"`
	}
	err = patiently(ctx, func() error {
		return es.Send(ctx, t, esapi.OpenPointInTimeRequest{Index: []string{es.Part(index)}, KeepAlive: keepAlive}, &answer)
	})
	if err != nil {
		return nil, fmt.Errorf("open a point in time: %w", err)
	}
	r.pit = answer.ID
	return r, nil
}

// Refresh makes everything written so far visible to searches.
func Refresh(ctx context.Context, t esapi.Transport, index string) error {
	return patiently(ctx, func() error {
		_, err := es.Refresh(ctx, t, index)
		return err
	})
}

// Contents says how documents come back.
func (r *Reader) Contents() Contents { return r.contents }

// Order is that of the keys.
func (r *Reader) Order() Order { return r.order }

// Read is how many documents Next has returned.
func (r *Reader) Read() int64 { return r.read }

// Next returns the next document, or nil after the last. It is valid until
// Next is called again.
func (r *Reader) Next(ctx context.Context) (*Hit, error) {
	for r.at == len(r.page) {
		if r.done {
			return nil, nil //nolint:nilnil // the end is no error
		}
		if err := r.turn(ctx); err != nil {
			return nil, fmt.Errorf("read %s: %w", r.index, err)
		}
	}
	hit := &r.page[r.at]
	r.at++
	r.read++
	return hit, nil
}

// Close gives the point in time up. It takes at most 8 s and works after ctx
// has ended; an error means that Elasticsearch keeps it for five minutes.
func (r *Reader) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	body, err := json.Marshal(map[string]string{"id": r.pit})
	if err != nil {
		return fmt.Errorf("close the point in time of %s: %w", r.index, err)
	}
	err = es.Send(ctx, r.t, esapi.ClosePointInTimeRequest{Body: bytes.NewReader(body)}, nil)
	if err != nil && !es.IsStatus(err, http.StatusNotFound) { // it may have run out
		return fmt.Errorf("close the point in time of %s: %w", r.index, err)
	}
	return nil
}

// turn fetches the next page: first of the documents that have the id field,
// then of those that have not. They are asked for apart, because a missing
// integer sorts as the largest there is.
func (r *Reader) turn(ctx context.Context) error {
	hits, err := r.fetch(ctx)
	if err != nil {
		return err
	}
	r.page, r.at = r.page[:0], 0
	if len(hits) == 0 {
		r.done, r.keyless, r.after = r.keyless, true, nil
		return nil
	}
	bytes := 0
	for _, h := range hits {
		hit, err := r.hit(h)
		if err != nil {
			return err
		}
		r.page = append(r.page, hit)
		bytes += len(h.Source)
	}
	r.after = hits[len(hits)-1].sort()
	r.size = min(maxPage, max(1, pageBytes*len(hits)/max(1, bytes)))
	return nil
}

// fetch asks for one page, and for a smaller one while the answer is larger
// than [es.Send] reads.
func (r *Reader) fetch(ctx context.Context) ([]hitJSON, error) {
	for {
		var answer searchJSON
		body, err := r.query()
		if err != nil {
			return nil, err
		}
		err = patiently(ctx, func() error {
			answer = searchJSON{}
			partial := false // a page with documents missing is no page
			return es.Send(ctx, r.t, esapi.SearchRequest{AllowPartialSearchResults: &partial, Body: bytes.NewReader(body)}, &answer)
		})
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) && r.size > 1 {
			r.size /= 2
			continue
		}
		if es.IsStatus(err, http.StatusNotFound) {
			return nil, fmt.Errorf("the point in time is gone, with its node, its index or after %s without a page: start again: %w", keepAlive, err)
		}
		if err != nil {
			return nil, err
		}
		if answer.TimedOut || answer.Shards.Failed > 0 {
			return nil, fmt.Errorf("the search was cut short: %d shards failed", answer.Shards.Failed)
		}
		if answer.PIT != "" {
			r.pit = answer.PIT
		}
		return answer.Hits.Hits, nil
	}
}
