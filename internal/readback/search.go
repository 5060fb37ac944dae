package readback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"example.com/reindex/internal/es"
)

type searchJSON struct {
	PIT      string `json:"pit_id"`
	TimedOut bool   `json:"timed_out"`
	Shards   struct {
		Failed int `json:"failed"`
	} `json:"_shards"`
	Hits struct {
		Hits []hitJSON `json:"hits"`
	} `json:"hits"`
}

// hitJSON keeps the sort values as they came: as a number of 64 bits, one of
// them would not survive a float.
type hitJSON struct {
	storedJSON
	Sort []json.RawMessage `json:"sort"`
}

// sort is what the next page begins after.
func (h hitJSON) sort() json.RawMessage {
	return append(append([]byte{'['}, bytes.Join(asBytes(h.Sort), []byte{','})...), ']')
}

func asBytes(values []json.RawMessage) [][]byte {
	texts := make([][]byte, len(values))
	for i, v := range values {
		texts[i] = v
	}
	return texts
}

// query is the request for the next page.
func (r *Reader) query() ([]byte, error) {
	exists := map[string]any{"exists": map[string]string{"field": r.field}}
	query := map[string]any{
		"size":                r.size,
		"pit":                 map[string]string{"id": r.pit, "keep_alive": keepAlive},
		"version":             true,
		"seq_no_primary_term": true,
		"track_total_hits":    false,
		"query":               exists,
		"sort":                []any{map[string]string{r.field: "asc"}, map[string]string{"_shard_doc": "asc"}},
	}
	if r.keyless {
		query["query"] = map[string]any{"bool": map[string]any{"must_not": exists}}
		query["sort"] = []any{map[string]string{"_shard_doc": "asc"}}
	}
	if r.contents.asked {
		query["_source"] = map[string]any{"exclude_vectors": false}
	}
	if r.after != nil {
		query["search_after"] = r.after
	}
	body, err := json.Marshal(query)
	if err != nil {
		return nil, fmt.Errorf("ask for a page: %w", err)
	}
	return body, nil
}

// hit reads the key of a document.
func (r *Reader) hit(h hitJSON) (Hit, error) {
	hit := Hit{Stored: h.stored(h.ID)}
	hit.Found = true
	if len(h.Source) == 0 {
		return hit, fmt.Errorf("document %s has no _source; without it documents cannot be compared", h.ID)
	}
	if r.keyless {
		return hit, r.notHidden(h)
	}
	if len(h.Sort) == 0 {
		return hit, errors.New("a search answered without sort values")
	}
	id := []byte(h.Sort[0])
	if r.order == ByBytes {
		var text string
		if err := json.Unmarshal(id, &text); err != nil {
			return hit, fmt.Errorf("document %s: sort value: %w", h.ID, err)
		}
		id = []byte(text)
	}
	var err error
	hit.Key, err = r.order.Key(id)
	hit.HasKey = err == nil
	return hit, err
}

// notHidden refuses an index that has ids which a search does not see: such a
// document would look as if it were too much, and its row as if it had none.
func (r *Reader) notHidden(h hitJSON) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(h.Source, &fields); err != nil {
		return fmt.Errorf("document %s: its source is no JSON object", h.ID)
	}
	switch string(bytes.TrimSpace(fields[r.field])) {
	case "", "null", "[]":
		return nil
	}
	return &FieldError{
		Index: r.index, Field: r.field,
		Problem: fmt.Sprintf("of document %s has a value that a search does not see (ignore_above, ignore_malformed?)", h.ID),
		Advice:  mapIt,
	}
}

// patience is how long a request that only reads is sent again.
const patience = time.Minute

// patiently calls send again while its outcome is not settled: a node that
// restarts or is busy must not cost a comparison that has been running for long.
func patiently(ctx context.Context, send func() error) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := send()
		syntax := (*json.SyntaxError)(nil)
		if err == nil || (es.IsUnsettled(err) && !errors.As(err, &syntax)) {
			return struct{}{}, err
		}
		return struct{}{}, backoff.Permanent(err)
	}, backoff.WithBackOff(backoff.NewExponentialBackOff()), backoff.WithMaxElapsedTime(patience))
	return err
}
