package esalias

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// AllocationError means that no node may take a copy of a new index, so that
// waiting for it is of no use.
type AllocationError struct {
	Index string
	Copy  string // such as "the primary of shard 0", "a replica of shard 2"
	// Reasons are those of Elasticsearch's allocator, as it words them.
	Reasons []string
	// Live is the index that has more copies than this one could get; "" if that
	// is not what keeps it from going live.
	Live string
}

func (e *AllocationError) Error() string {
	text := fmt.Sprintf("no node may take %s of %s: %s", e.Copy, e.Index, strings.Join(e.Reasons, "; "))
	if e.Live != "" {
		text += fmt.Sprintf(" (the live %s has more copies, and would keep them)", e.Live)
	}
	return text
}

// Hint says what to do.
func (e *AllocationError) Hint() string {
	return "change what the reason names (cluster.routing.allocation.* or index.routing.allocation.*), or ask for fewer replicas in the index body"
}

const (
	// healthInterval is how often the copying of replicas is looked at.
	healthInterval = time.Second
	// steadyLooks is how many looks one after another must show that no node may
	// take a replica. The allocator needs a moment after an index was made, or a
	// node has come.
	steadyLooks = 5
)

// awaitReplicas waits until the replicas of the index are in place, or until the
// allocator has said steadily that no node may take those that are not. Then the
// index is good enough if the one that is live is no safer: short says why.
func (b *Build) awaitReplicas(ctx context.Context) (short string, err error) {
	for steady := 0; ; {
		health, err := b.health(ctx)
		if err != nil {
			return "", err
		}
		if health.Status == "green" {
			return "", nil
		}
		var refused *AllocationError
		if health.Status == "yellow" && health.Initializing == 0 {
			if refused, err = b.refusedReplica(ctx); err != nil {
				return "", err
			}
		}
		if steady++; refused == nil {
			steady = 0
		}
		if steady >= steadyLooks {
			return b.short(ctx, refused)
		}
		if err := pause(ctx, healthInterval); err != nil {
			return "", err
		}
	}
}

type indexHealth struct {
	Status       string `json:"status"`
	Initializing int    `json:"initializing_shards"`
}

func (b *Build) health(ctx context.Context) (indexHealth, error) {
	var health indexHealth
	err := b.lease.c.ask(ctx, esapi.ClusterHealthRequest{Index: []string{b.Index}}, &health)
	return health, err
}

// short decides about an index that cannot have all its replicas. It may go live
// if no copy is lost by that: where the allocator would refuse the copies of the
// live index as well, or has done so, to swap changes nothing for the worse.
func (b *Build) short(ctx context.Context, refused *AllocationError) (string, error) {
	c := b.lease.c
	live, err := c.Live(ctx)
	if err != nil {
		return "", err
	}
	if live != "" {
		// The live index may be closed or red, and a new one the cure: no copies then.
		now, err := c.copies(ctx, live)
		if err != nil && !es.IsRefused(err) {
			return "", err
		}
		next, err := c.copies(ctx, b.Index)
		if err != nil {
			return "", err
		}
		if next < now {
			refused.Live = live
			return "", refused
		}
	}
	if refused.onlyTooFewNodes() {
		return "", nil // as on a cluster of one node: nobody expects anything else
	}
	return refused.Error(), nil
}

// onlyTooFewNodes reports that each node has a copy already.
func (e *AllocationError) onlyTooFewNodes() bool {
	return !slices.ContainsFunc(e.Reasons, func(reason string) bool { return !strings.Contains(reason, sameShard) })
}

// sameShard is how the allocator names the rule of one copy for each node.
const sameShard = "same_shard: "

// refusedReplica asks the allocator about each replica that has no node, and
// returns what it says of the first if no node may take any of them, else nil.
func (b *Build) refusedReplica(ctx context.Context) (*AllocationError, error) {
	shards, err := b.lease.c.shards(ctx, b.Index)
	if err != nil {
		return nil, err
	}
	var first *AllocationError
	asked := map[string]bool{}
	for _, s := range shards {
		if s.State != "UNASSIGNED" || asked[s.Shard] {
			continue
		}
		asked[s.Shard] = true
		verdict, err := b.lease.c.explain(ctx, b.Index, s, "")
		if err != nil {
			return nil, err
		}
		if verdict.CanAllocate != "no" {
			return nil, nil //nolint:nilnil // no replica is refused: it may come
		}
		if first == nil {
			first = verdict.refusal(b.Index, s)
		}
	}
	return first, nil
}

// shardCopy is one copy of a shard, as _cat/shards shows it.
type shardCopy struct {
	Shard string `json:"shard"` // a number
	Kind  string `json:"prirep"`
	State string `json:"state"`
	Node  string `json:"node"` // name; "" if none has it
}

func (s shardCopy) String() string {
	if s.Kind == "p" {
		return "the primary of shard " + s.Shard
	}
	return "a replica of shard " + s.Shard
}

func (c *Client) shards(ctx context.Context, index string) ([]shardCopy, error) {
	var shards []shardCopy
	err := c.ask(ctx, esapi.CatShardsRequest{
		Index: []string{index}, Format: "json", H: []string{"shard", "prirep", "state", "node"},
	}, &shards)
	return shards, err
}

// copies is how many copies of its worst shard an index has and may keep: one
// that the allocator wants to move away, as from a node that is drained, is lost
// as soon as there is a place for it, or when the node goes.
func (c *Client) copies(ctx context.Context, index string) (int, error) {
	shards, err := c.shards(ctx, index)
	if err != nil || len(shards) == 0 {
		return 0, err
	}
	count := map[string]int{}
	for _, s := range shards {
		count[s.Shard] += 0 // one without any copy counts
		if s.State != "STARTED" {
			continue
		}
		verdict, err := c.explain(ctx, index, s, s.Node)
		if err != nil {
			return 0, err
		}
		if verdict.CanRemain != "no" {
			count[s.Shard]++
		}
	}
	least := len(shards)
	for _, n := range count {
		least = min(least, n)
	}
	return least, nil
}

// verdict is what _cluster/allocation/explain says about one copy of a shard.
type verdict struct {
	CanAllocate string `json:"can_allocate"`               // of one without a node
	CanRemain   string `json:"can_remain_on_current_node"` // of one that has a node
	Nodes       []struct {
		Name     string `json:"node_name"`
		Deciders []struct {
			Name        string `json:"decider"`
			Decision    string `json:"decision"`
			Explanation string `json:"explanation"`
		} `json:"deciders"`
	} `json:"node_allocation_decisions"`
}

func (c *Client) explain(ctx context.Context, index string, s shardCopy, node string) (verdict, error) {
	var answer verdict
	request := map[string]any{"index": index, "shard": json.Number(s.Shard), "primary": s.Kind == "p"}
	if node != "" {
		request["current_node"] = node
	}
	body, err := json.Marshal(request)
	if err != nil {
		return answer, fmt.Errorf("explain allocation: %w", err)
	}
	err = c.again(ctx, func() error {
		return c.send(ctx, esapi.ClusterAllocationExplainRequest{Body: bytes.NewReader(body)}, &answer)
	})
	return answer, err
}

// refusal words the reasons of each node, the ones that say most first.
func (v verdict) refusal(index string, s shardCopy) *AllocationError {
	e := &AllocationError{Index: index, Copy: s.String()}
	for _, node := range v.Nodes {
		var reasons []string
		for _, d := range node.Deciders {
			if d.Decision != "NO" {
				continue
			}
			reason := d.Name + ": " + d.Explanation
			if strings.HasPrefix(reason, sameShard) {
				reason = sameShard + "it has a copy of it"
			}
			reasons = append(reasons, reason)
		}
		// A node that has the copy already says so, and nothing else matters of it.
		if at := slices.IndexFunc(reasons, func(r string) bool { return strings.HasPrefix(r, sameShard) }); at >= 0 && len(v.Nodes) > 1 {
			reasons = reasons[at : at+1]
		}
		e.Reasons = append(e.Reasons, node.Name+": "+strings.Join(reasons, ", "))
	}
	return e
}

// canBeStarted explains why the primaries of a new index are not started, where
// the allocator says that they never will be as things are.
func (c *Client) canBeStarted(ctx context.Context, index string) error {
	shards, err := c.shards(ctx, index)
	if err != nil {
		return err
	}
	for _, s := range shards {
		if s.Kind != "p" || s.State != "UNASSIGNED" {
			continue
		}
		verdict, err := c.explain(ctx, index, s, "")
		if err != nil {
			return err
		}
		if verdict.CanAllocate == "no" {
			return verdict.refusal(index, s)
		}
	}
	return nil
}
