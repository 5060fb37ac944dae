package readback

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// Place is where the last write of a document is in the order of all writes to
// its shard.
type Place struct {
	Found              bool
	Shard              int
	SeqNo, PrimaryTerm int64
}

// Checkpoints returns, by number of the shard, the sequence number up to which
// every copy of the shard has all writes. A write that is sent after the answer
// has a higher one, also after another copy has become the primary: numbers up
// to the global checkpoint are never given again (ReplicationTracker in Elasticsearch's
// package org.elasticsearch.index.seqno).
//
// With index.translog.durability async, Elasticsearch moves the checkpoint on only
// after up to 30 s, and at once with a flush (seen on 8.19.7). So Checkpoints
// flushes where a write is above it, for up to patience. Where there still is one,
// such as a copy of a request that is stuck on its way, that write counts as sent
// afterwards.
func Checkpoints(ctx context.Context, t esapi.Transport, index string, patience time.Duration) (map[int]int64, error) {
	deadline := time.Now().Add(patience)
	for {
		checkpoints, settled, err := checkpoints(ctx, t, index)
		if err != nil || settled || time.Now().After(deadline) {
			return checkpoints, err
		}
		// What is wrong with a flush leaves the checkpoint where it is.
		_ = es.Send(ctx, t, esapi.IndicesFlushRequest{Index: []string{es.Part(index)}}, nil)
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

type shardsJSON struct {
	Indices map[string]struct {
		Shards map[string][]struct {
			Routing struct {
				Primary bool `json:"primary"`
			} `json:"routing"`
			SeqNo struct {
				Max    int64 `json:"max_seq_no"`
				Global int64 `json:"global_checkpoint"`
			} `json:"seq_no"`
		} `json:"shards"`
	} `json:"indices"`
}

func checkpoints(ctx context.Context, t esapi.Transport, index string) (found map[int]int64, settled bool, err error) {
	var answer shardsJSON
	request := esapi.IndicesStatsRequest{
		Index: []string{es.Part(index)}, Metric: []string{"docs"}, Level: "shards",
		FilterPath: []string{"indices.*.shards.*.seq_no", "indices.*.shards.*.routing.primary"},
	}
	err = patiently(ctx, func() error {
		answer = shardsJSON{}
		return es.Send(ctx, t, request, &answer)
	})
	if err != nil {
		return nil, false, fmt.Errorf("read how far the shards of %s are: %w", index, err)
	}
	found, settled = map[int]int64{}, true
	for _, ofIndex := range answer.Indices { // one; index may be an alias
		for number, copies := range ofIndex.Shards {
			shard, err := strconv.Atoi(number)
			if err != nil {
				return nil, false, fmt.Errorf("read how far the shards of %s are: shard %q is no number", index, number)
			}
			for _, c := range copies {
				if c.Routing.Primary {
					found[shard] = c.SeqNo.Global
					settled = settled && c.SeqNo.Global == c.SeqNo.Max
				}
			}
		}
	}
	return found, settled, nil
}

// MaxPlaces is how many ids [Places] takes.
const MaxPlaces = 100

// Places looks documents up, in the order of ids. It sees what was refreshed:
// a write that is newer makes one on the condition of what it returns fail. It
// reads no content, so that nothing the mapping does to _source matters.
//
// A search is asked, with explain, because the only other way to learn the shard
// of a document is to repeat the hash of Elasticsearch's routing.
func Places(ctx context.Context, t esapi.Transport, index string, ids []string) ([]Place, error) {
	body, err := json.Marshal(map[string]any{
		"query": map[string]any{"ids": map[string]any{"values": ids}}, "size": len(ids),
		"_source": false, "explain": true, "seq_no_primary_term": true, "track_total_hits": false,
	})
	if err != nil {
		return nil, fmt.Errorf("look documents of %s up: %w", index, err)
	}
	var answer struct {
		TimedOut bool `json:"timed_out"`
		Hits     struct {
			Hits []struct {
				ID    string `json:"_id"`
				Shard string `json:"_shard"`
				SeqNo int64  `json:"_seq_no"`
				Term  int64  `json:"_primary_term"`
			} `json:"hits"`
		} `json:"hits"`
	}
	err = patiently(ctx, func() error {
		partial := false
		return es.Send(ctx, t, esapi.SearchRequest{
			Index: []string{es.Part(index)}, AllowPartialSearchResults: &partial, Body: bytes.NewReader(body),
			FilterPath: []string{"timed_out", "hits.hits._id", "hits.hits._shard", "hits.hits._seq_no", "hits.hits._primary_term"},
		}, &answer)
	})
	if err != nil {
		return nil, fmt.Errorf("look documents of %s up: %w", index, err)
	}
	if answer.TimedOut {
		return nil, fmt.Errorf("look documents of %s up: the search was cut short", index)
	}
	byID := make(map[string]Place, len(ids))
	for _, hit := range answer.Hits.Hits {
		shard, err := shardNumber(hit.Shard)
		if err != nil {
			return nil, fmt.Errorf("look document %s of %s up: %w", hit.ID, index, err)
		}
		byID[hit.ID] = Place{Found: true, Shard: shard, SeqNo: hit.SeqNo, PrimaryTerm: hit.Term}
	}
	places := make([]Place, len(ids))
	for i, id := range ids {
		places[i] = byID[id]
	}
	return places, nil
}

// shardNumber reads "[persons-000001][3]".
func shardNumber(shard string) (int, error) {
	open := strings.LastIndexByte(shard, '[')
	if open < 0 || !strings.HasSuffix(shard, "]") {
		return 0, fmt.Errorf("the answer calls its shard %q", shard)
	}
	return strconv.Atoi(shard[open+1 : len(shard)-1])
}
