package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// pageSize is the default limit of Elasticsearch for one page
// (index.max_result_window).
const pageSize = 10_000

// everyPerson pages through the alias in the order of personId and returns how
// many persons there are. A person that comes twice is an error.
func everyPerson(ctx context.Context, url, alias string) (int, error) {
	client := &http.Client{Timeout: time.Minute}
	seen := map[int64]string{}
	var after []any
	for {
		page, err := search(ctx, client, url, alias, after)
		if err != nil {
			return 0, err
		}
		if len(page) == 0 {
			return len(seen), nil
		}
		for _, hit := range page {
			if index, twice := seen[hit.Source.PersonID]; twice {
				return 0, fmt.Errorf("person %d is in %s and again in %s", hit.Source.PersonID, index, hit.Index)
			}
			seen[hit.Source.PersonID] = hit.Index
		}
		after = page[len(page)-1].Sort
	}
}

type hit struct {
	Index  string `json:"_index"`
	Source struct {
		PersonID int64 `json:"personId"`
	} `json:"_source"`
	Sort []any `json:"sort"`
}

func search(ctx context.Context, client *http.Client, url, alias string, after []any) ([]hit, error) {
	query := map[string]any{
		"size": pageSize, "_source": []string{"personId"}, "sort": []any{map[string]string{"personId": "asc"}},
	}
	if after != nil {
		query["search_after"] = after
	}
	body, err := json.Marshal(query)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/"+alias+"/_search", bytes.NewReader(body)) //nolint:gosec // the demo's own server
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req) //nolint:gosec // the demo's own server
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("search %s: HTTP %d", alias, res.StatusCode)
	}
	var answer struct {
		Hits struct {
			Hits []hit `json:"hits"`
		} `json:"hits"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("search %s: %w", alias, err)
	}
	return answer.Hits.Hits, nil
}
