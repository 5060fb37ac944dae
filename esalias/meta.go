package esalias

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// Meta is what the program writes into _meta.reindex of an index's mapping, so
// that people and later runs can tell whose it is.
type Meta struct {
	Alias       string `json:"alias"`
	Token       int64  `json:"token"`
	RunID       string `json:"run_id"`
	StartedAt   string `json:"started_at"` // RFC 3339
	Tool        string `json:"tool,omitempty"`
	MappingHash string `json:"mapping_hash,omitempty"`
	Snapshot    string `json:"snapshot,omitempty"`
	SnapshotAt  string `json:"snapshot_at,omitempty"` // RFC 3339
	// Lists counts the elements of each list of the documents, by field, as the
	// loader has counted them. It is there from [Build.RecordLists] on.
	Lists map[string]int64 `json:"lists,omitempty"`
}

// RecordLists writes how many elements each list has into the _meta of the
// index, so that the next run can see whether a list has shrunk.
func (b *Build) RecordLists(ctx context.Context, lists map[string]int64) error {
	c := b.lease.c
	var answer map[string]struct {
		Mappings struct {
			Meta map[string]json.RawMessage `json:"_meta"`
		} `json:"mappings"`
	}
	// The request replaces all of _meta, so what else is in it goes along.
	read := esapi.IndicesGetMappingRequest{Index: []string{b.Index}, FilterPath: []string{"*.mappings._meta"}}
	if err := c.ask(ctx, read, &answer); err != nil {
		return fmt.Errorf("record the lists of %s: %w", b.Index, err)
	}
	all := answer[b.Index].Mappings.Meta
	var own Meta
	if err := json.Unmarshal(all["reindex"], &own); err != nil {
		return fmt.Errorf("record the lists of %s: its _meta: %w", b.Index, err)
	}
	own.Lists = lists
	text, err := json.Marshal(own)
	if err != nil {
		return fmt.Errorf("record the lists of %s: %w", b.Index, err)
	}
	all["reindex"] = text
	body, err := json.Marshal(map[string]any{"_meta": all})
	if err != nil {
		return fmt.Errorf("record the lists of %s: %w", b.Index, err)
	}
	err = c.again(ctx, func() error { // with a body of its own each time
		return c.send(ctx, esapi.IndicesPutMappingRequest{Index: []string{b.Index}, Body: bytes.NewReader(body)}, nil)
	})
	if err != nil {
		return fmt.Errorf("record the lists of %s: %w", b.Index, err)
	}
	return nil
}

// MetaOf returns what this program has written about index; the zero value if
// it is not one of this alias, or not there.
func (c *Client) MetaOf(ctx context.Context, index string) (Meta, error) {
	metas, err := c.metas(ctx, index)
	if es.IsStatus(err, http.StatusNotFound) {
		return Meta{}, nil
	}
	if m := metas[index]; err == nil && m.Alias == c.alias {
		return m, nil
	}
	return Meta{}, err
}

// notOurs returns why index is not one that this program made, or "".
func (l *Lease) notOurs(ctx context.Context, index string) (reason string, err error) {
	ours, err := l.c.isOurs(ctx, index)
	if err != nil && !es.IsStatus(err, http.StatusNotFound) {
		return "", err
	}
	if err == nil && !ours {
		return notOurs(l.c.alias), nil
	}
	return "", nil // or gone already; the deletion will say so
}

func notOurs(alias string) string { return "its _meta does not say that it belongs to alias " + alias }

// isOurs reports whether the mapping's _meta names this alias and the number
// in the index's name.
func (c *Client) isOurs(ctx context.Context, index string) (bool, error) {
	metas, err := c.metas(ctx, index)
	if err != nil {
		return false, err
	}
	token, _ := c.names.token(index)
	m, ok := metas[index]
	return ok && m.Alias == c.alias && m.Token == token, nil
}

// metas reads _meta.reindex of every index that pattern matches. One that is
// not of our making, whatever it is, counts as none.
func (c *Client) metas(ctx context.Context, pattern string) (map[string]Meta, error) {
	var answer map[string]struct {
		Mappings struct {
			Meta struct {
				Reindex json.RawMessage `json:"reindex"`
			} `json:"_meta"`
		} `json:"mappings"`
	}
	request := esapi.IndicesGetMappingRequest{
		Index: []string{pattern}, ExpandWildcards: "all", FilterPath: []string{"*.mappings._meta.reindex"},
	}
	if err := c.ask(ctx, request, &answer); err != nil {
		return nil, err
	}
	metas := map[string]Meta{}
	for index, found := range answer {
		var meta Meta
		if json.Unmarshal(found.Mappings.Meta.Reindex, &meta) == nil {
			metas[index] = meta
		}
	}
	return metas, nil
}

// openSearches counts queries, fetches and open contexts (scrolls, points in
// time) on index. A closed index has none.
func (c *Client) openSearches(ctx context.Context, index string) (int64, error) {
	var answer struct {
		All struct {
			Total struct {
				Search struct {
					Query   int64 `json:"query_current"`
					Fetch   int64 `json:"fetch_current"`
					Scroll  int64 `json:"scroll_current"`
					Context int64 `json:"open_contexts"`
				} `json:"search"`
			} `json:"total"`
		} `json:"_all"`
	}
	err := c.ask(ctx, esapi.IndicesStatsRequest{Index: []string{index}, Metric: []string{"search"}}, &answer)
	if es.IsType(err, "index_closed_exception") {
		return 0, nil
	}
	s := answer.All.Total.Search
	return max(s.Query+s.Fetch+s.Scroll, s.Context), err
}
