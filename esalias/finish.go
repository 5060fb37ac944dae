package esalias

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// Refresh makes everything written so far searchable and counts it.
func (b *Build) Refresh(ctx context.Context) (documents int64, err error) {
	if _, err := b.RefreshShards(ctx); err != nil {
		return 0, err
	}
	return b.lease.c.Count(ctx, b.Index)
}

// RefreshShards makes everything written so far searchable, and returns how many
// shards took part.
func (b *Build) RefreshShards(ctx context.Context) (shards int, err error) {
	c := b.lease.c
	// A refresh of a large index can take longer than a control request may.
	err = c.again(ctx, func() (err error) {
		shards, err = es.Refresh(ctx, c.es, b.Index)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("refresh %s: %w", b.Index, err)
	}
	return shards, nil
}

// Finish gives the index the replicas and the refresh interval that its body
// asks for, and waits until every replica is in place. It waits until ctx ends,
// or until Elasticsearch's allocator says steadily that no node may take one: if
// the index that is live has no more copies, or is not to keep them, short says
// why and the index is as good; else the error is an [*AllocationError].
func (b *Build) Finish(ctx context.Context) (short string, err error) {
	c := b.lease.c
	settings, err := b.body.restore()
	if err != nil {
		return "", fmt.Errorf("restore settings of %s: %w", b.Index, err)
	}
	err = c.again(ctx, func() error { // the same each time
		return c.send(ctx, esapi.IndicesPutSettingsRequest{Index: []string{b.Index}, Body: bytes.NewReader(settings)}, nil)
	})
	if err != nil {
		return "", fmt.Errorf("restore settings of %s: %w", b.Index, err)
	}
	if short, err = b.awaitReplicas(ctx); err != nil {
		return "", fmt.Errorf("wait for the replicas of %s: %w", b.Index, err)
	}
	return short, nil
}

// Count returns how many documents a search of index sees.
func (c *Client) Count(ctx context.Context, index string) (int64, error) {
	return c.countQuery(ctx, index, nil)
}

// countQuery counts what the query in body finds; nil finds all.
func (c *Client) countQuery(ctx context.Context, index string, body []byte) (int64, error) {
	var answer struct {
		Count  int64 `json:"count"`
		Shards struct {
			Total, Successful int
		} `json:"_shards"`
	}
	err := c.again(ctx, func() error {
		if body != nil {
			return c.send(ctx, esapi.CountRequest{Index: []string{index}, Body: bytes.NewReader(body)}, &answer)
		}
		// By hand, because the struct makes a POST even of this, which the transport
		// must take for a write: a GET is repeated on another node.
		ctx, cancel := context.WithTimeout(ctx, c.opts.RequestTimeout)
		defer cancel()
		return es.Do(ctx, c.es, http.MethodGet, "/"+index+"/_count", nil, &answer)
	})
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", index, err)
	}
	if answer.Shards.Total != answer.Shards.Successful {
		return 0, fmt.Errorf("count %s: only %d of %d shards answered", index, answer.Shards.Successful, answer.Shards.Total)
	}
	return answer.Count, nil
}
