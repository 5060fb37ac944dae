package esalias

import (
	"bytes"
	"context"
	"fmt"
	"time"

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
	var answer struct {
		Shards struct {
			Total  int `json:"total"`
			Failed int `json:"failed"`
		} `json:"_shards"`
	}
	// A refresh of a large index can take longer than a control request may.
	err = c.again(ctx, func() error {
		return es.Send(ctx, c.es, esapi.IndicesRefreshRequest{Index: []string{b.Index}}, &answer)
	})
	if err != nil {
		return 0, fmt.Errorf("refresh %s: %w", b.Index, err)
	}
	if answer.Shards.Failed > 0 {
		return 0, fmt.Errorf("refresh %s: %d shards failed", b.Index, answer.Shards.Failed)
	}
	return answer.Shards.Total, nil
}

// healthInterval is how often the copying of replicas is looked at.
const healthInterval = time.Second

// Finish gives the index the replicas and the refresh interval that its body
// asks for, and waits until as many copies of every shard are in place as the
// data nodes of the cluster allow. It waits until ctx ends.
func (b *Build) Finish(ctx context.Context) error {
	c := b.lease.c
	settings, err := b.body.restore()
	if err != nil {
		return fmt.Errorf("restore settings of %s: %w", b.Index, err)
	}
	err = c.again(ctx, func() error { // the same each time
		return c.send(ctx, esapi.IndicesPutSettingsRequest{Index: []string{b.Index}, Body: bytes.NewReader(settings)}, nil)
	})
	if err != nil {
		return fmt.Errorf("restore settings of %s: %w", b.Index, err)
	}
	for {
		ready, err := b.copiesInPlace(ctx)
		if err != nil {
			return fmt.Errorf("wait for the replicas of %s: %w", b.Index, err)
		}
		if ready {
			return nil
		}
		if err := pause(ctx, healthInterval); err != nil {
			return fmt.Errorf("wait for the replicas of %s: %w", b.Index, err)
		}
	}
}

// copiesInPlace reads the health of the index. A cluster with fewer data nodes
// than copies asked for can never be green; it is enough then that each node
// has its copy, which is as safe as the index that is live.
func (b *Build) copiesInPlace(ctx context.Context) (bool, error) {
	var health struct {
		Status       string `json:"status"`
		DataNodes    int    `json:"number_of_data_nodes"`
		Active       int    `json:"active_shards"`
		Initializing int    `json:"initializing_shards"`
		Indices      map[string]struct {
			Shards   int `json:"number_of_shards"`
			Replicas int `json:"number_of_replicas"`
		} `json:"indices"`
	}
	err := b.lease.c.ask(ctx, esapi.ClusterHealthRequest{Index: []string{b.Index}, Level: "indices"}, &health)
	if err != nil {
		return false, err
	}
	if health.Status == "green" {
		return true, nil
	}
	index := health.Indices[b.Index]
	copies := min(1+index.Replicas, health.DataNodes)
	return health.Status == "yellow" && health.Initializing == 0 && health.Active >= index.Shards*copies, nil
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
		request := esapi.CountRequest{Index: []string{index}}
		if body != nil {
			request.Body = bytes.NewReader(body)
		}
		return c.send(ctx, request, &answer)
	})
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", index, err)
	}
	if answer.Shards.Total != answer.Shards.Successful {
		return 0, fmt.Errorf("count %s: only %d of %d shards answered", index, answer.Shards.Successful, answer.Shards.Total)
	}
	return answer.Count, nil
}
