package esalias

import (
	"context"
	"fmt"
	"net/http"
	"time"

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
		return es.Do(ctx, c.es, http.MethodPost, "/"+b.Index+"/_refresh", nil, &answer)
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
	if err := c.ask(ctx, http.MethodPut, "/"+b.Index+"/_settings", settings, nil); err != nil {
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
	err := b.lease.c.ask(ctx, http.MethodGet, "/_cluster/health/"+b.Index+"?level=indices", nil, &health)
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
	var answer struct {
		Count  int64 `json:"count"`
		Shards struct {
			Total, Successful int
		} `json:"_shards"`
	}
	if err := c.ask(ctx, http.MethodGet, "/"+index+"/_count", nil, &answer); err != nil {
		return 0, fmt.Errorf("count %s: %w", index, err)
	}
	if answer.Shards.Total != answer.Shards.Successful {
		return 0, fmt.Errorf("count %s: only %d of %d shards answered", index, answer.Shards.Successful, answer.Shards.Total)
	}
	return answer.Count, nil
}
