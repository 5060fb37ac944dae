package esalias

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// action is one entry of an update-aliases request. Exactly one of its fields
// is set. No wildcard is ever put into it, and no must_exist:false.
type action struct {
	Add         *aliasAction  `json:"add,omitempty"`
	Remove      *aliasAction  `json:"remove,omitempty"`
	RemoveIndex *removeAction `json:"remove_index,omitempty"`
}

type aliasAction struct {
	Index        string `json:"index"`
	Alias        string `json:"alias"`
	MustExist    bool   `json:"must_exist,omitempty"`
	IsWriteIndex bool   `json:"is_write_index,omitempty"`
	Properties
}

type removeAction struct {
	Index string `json:"index"`
}

func add(index, alias string) action {
	return action{Add: &aliasAction{Index: index, Alias: alias}}
}

// addLive adds the live alias as a write index. Elasticsearch refuses a second
// write index, and so a swap that overlooked the index that is live. What the
// alias was besides comes along: to be added is to lose what is not named.
func addLive(index, alias string, carried Properties) action {
	return action{Add: &aliasAction{Index: index, Alias: alias, IsWriteIndex: true, Properties: carried}}
}

// remove is the condition of every change: the request fails whole if the
// alias is not on that index in the cluster state it is applied to.
func remove(index, alias string) action {
	return action{Remove: &aliasAction{Index: index, Alias: alias, MustExist: true}}
}

func removeIndex(index string) action { return action{RemoveIndex: &removeAction{Index: index}} }

// updateAliases sends one update-aliases request, once. nil: applied whole.
// [es.IsRefused]: refused whole. Any other error: not known; also when the
// change is in the cluster state and only the nodes' acknowledgements are late.
func (c *Client) updateAliases(ctx context.Context, actions ...action) error {
	body, err := json.Marshal(map[string]any{"actions": actions})
	if err != nil {
		return fmt.Errorf("update aliases: %w", err)
	}
	var answer struct {
		Acknowledged bool `json:"acknowledged"`
		Errors       bool `json:"errors"`
	}
	if err := c.send(ctx, esapi.IndicesUpdateAliasesRequest{Body: bytes.NewReader(body)}, &answer); err != nil {
		return err
	}
	if !answer.Acknowledged || answer.Errors {
		return &es.NoAnswerError{Op: "POST /_aliases", Err: errUnacknowledged}
	}
	return nil
}

var errUnacknowledged = errors.New("applied but not acknowledged by every node")

// fence is the one alias on the lock index that decides who may swap.
type fence struct {
	name     string // exact alias name
	claimed  bool   // false: spent
	tag      tag
	lockUUID string // instance of the lock index
}

// readFence reads the fence, and makes the lock index with a first, spent fence
// if there is none yet.
func (c *Client) readFence(ctx context.Context) (fence, error) {
	for range 5 {
		f, err := c.lookFence(ctx)
		if !es.IsType(err, "index_not_found_exception") {
			return f, err
		}
		if err := c.bootstrap(ctx); err != nil {
			return fence{}, err
		}
		if context.Cause(ctx) != nil {
			return fence{}, context.Cause(ctx)
		}
	}
	return fence{}, &ShapeError{
		Alias:   c.alias,
		Problem: fmt.Sprintf("the lock index %s was created and is not there", c.names.lockIndex()),
		Advice:  "is something deleting it?",
	}
}

// lookFence reads the fence and the instance of the lock index in one answer.
func (c *Client) lookFence(ctx context.Context) (fence, error) {
	var answer map[string]struct {
		Aliases  map[string]any `json:"aliases"`
		Settings struct {
			Index struct {
				UUID string `json:"uuid"`
			} `json:"index"`
		} `json:"settings"`
	}
	err := c.ask(ctx, esapi.IndicesGetRequest{
		Index: []string{c.names.lockIndex()}, FilterPath: []string{"*.aliases", "*.settings.index.uuid"},
	}, &answer)
	if err != nil {
		return fence{}, err
	}
	lock, ok := answer[c.names.lockIndex()]
	if !ok || len(answer) != 1 {
		return fence{}, c.lockShape("is an alias, not an index", nil)
	}
	if _, ok := lock.Aliases[c.names.lockAlias()]; !ok {
		return fence{}, c.lockShape("lacks its alias "+c.names.lockAlias(), nil)
	}
	var found []fence
	var seen []string
	for name := range lock.Aliases {
		k, t := c.names.parse(name)
		if k == kindClaim || k == kindDone {
			found = append(found, fence{name: name, claimed: k == kindClaim, tag: t, lockUUID: lock.Settings.Index.UUID})
			seen = append(seen, name)
		}
	}
	if len(found) != 1 {
		slices.Sort(seen)
		return fence{}, c.lockShape(fmt.Sprintf("has %d fences, want 1", len(found)), seen)
	}
	return found[0], nil
}

func (c *Client) lockShape(problem string, seen []string) error {
	return &ShapeError{
		Alias:   c.alias,
		Problem: "the lock index " + c.names.lockIndex() + " " + problem,
		Indices: seen,
		Advice:  "it was changed by hand or by a template; when no run is at work, delete it: the next run makes a new one",
	}
}

// bootstrap creates the lock index. That it exists already, or that no answer
// came, is no error: the caller reads next. The first fence carries a random
// part so that an old claim can never fit a new lock index.
func (c *Client) bootstrap(ctx context.Context) error {
	body, err := json.Marshal(map[string]any{
		"settings": map[string]any{"index": map[string]any{
			"number_of_shards": 1, "auto_expand_replicas": "0-1", "hidden": true,
		}},
		"mappings": map[string]any{"dynamic": false},
		"aliases": map[string]any{
			c.names.lockAlias():                map[string]any{},
			c.names.done(tag{run: NewRunID()}): map[string]any{},
		},
	})
	if err != nil {
		return fmt.Errorf("create lock index: %w", err)
	}
	err = c.send(ctx, esapi.IndicesCreateRequest{Index: c.names.lockIndex(), Body: bytes.NewReader(body)}, nil)
	if es.IsRefused(err) && !es.IsType(err, "resource_already_exists_exception") {
		return fmt.Errorf("create lock index: %w", err)
	}
	return nil
}
