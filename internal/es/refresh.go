package es

import (
	"context"
	"fmt"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// Refresh makes everything that was written to an index or alias so far visible
// to searches, with one request, and returns how many copies of shards it has. That
// one of them failed is an error although the status is 200.
func Refresh(ctx context.Context, t esapi.Transport, index string) (shards int, err error) {
	var answer struct {
		Shards struct {
			Total  int `json:"total"`
			Failed int `json:"failed"`
		} `json:"_shards"`
	}
	if err := Send(ctx, t, esapi.IndicesRefreshRequest{Index: []string{Part(index)}}, &answer); err != nil {
		return 0, err
	}
	if answer.Shards.Failed > 0 {
		return 0, fmt.Errorf("%d shards of %s were not refreshed", answer.Shards.Failed, index)
	}
	return answer.Shards.Total, nil
}
