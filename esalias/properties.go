package esalias

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// Properties are what the live alias is besides its name. Whatever removes the
// alias and adds it again (swap, rollback, retirement) adds it with these, in
// the same request. The zero value is a plain alias.
type Properties struct {
	Filter        json.RawMessage `json:"filter,omitempty"` // a query: readers see what it matches
	IndexRouting  string          `json:"index_routing,omitempty"`
	SearchRouting string          `json:"search_routing,omitempty"` // one value, or several with commas
	Hidden        bool            `json:"is_hidden,omitempty"`      // not found by wildcards
}

// IsZero reports whether the alias is a plain one.
func (p Properties) IsZero() bool {
	return len(p.Filter) == 0 && p.IndexRouting == "" && p.SearchRouting == "" && !p.Hidden
}

// routed reports whether the alias chooses shards.
func (p Properties) routed() bool { return p.IndexRouting != "" || p.SearchRouting != "" }

// String is for people: the properties as Elasticsearch writes them, or "".
func (p Properties) String() string {
	if p.IsZero() {
		return ""
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// aliasView is an alias of an index as Elasticsearch shows it.
type aliasView struct {
	Properties
	unknown []string // properties of a later Elasticsearch than this package knows
}

// UnmarshalJSON notices what it cannot carry over.
func (a *aliasView) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &a.Properties); err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	// The swap decides on is_write_index itself.
	for _, known := range []string{"filter", "index_routing", "search_routing", "is_hidden", "is_write_index"} {
		delete(all, known)
	}
	a.unknown = slices.Sorted(maps.Keys(all))
	return nil
}

// properties returns what has to be carried over from index when the alias is
// taken off it. index may be "".
func (s indices) properties(index string) (Properties, error) {
	view := s.aliases[index][s.names.alias]
	if len(view.unknown) > 0 {
		return Properties{}, &ShapeError{
			Alias:   s.names.alias,
			Problem: "the alias has a property that this program does not know and would lose: " + strings.Join(view.unknown, ", "),
			Indices: []string{index},
			Advice:  "take it off the alias (POST _aliases, action add, without it), or use a later version of this program",
		}
	}
	return view.Properties, nil
}

// lookLive reads how often the aliases of each index behind the live alias have
// been changed, and then, in this order, what they are: a change after the
// first read is not in that count, and is seen by whoever compares counts.
func (c *Client) lookLive(ctx context.Context) (indices, changes, error) {
	changes, _, err := c.aliasChanges(ctx, c.alias)
	if err != nil {
		c.opts.Log.DebugContext(ctx, "changes of the aliases are not counted", errorAttr(err))
	}
	state, err := c.lookIndices(ctx)
	return state, changes, err
}

// changes is, for each index, how often its aliases have been changed. Replacing
// an alias by an equal one is no change.
type changes map[string]int64

// aliasChanges reads them from the master. Only the cluster state has them, and
// no other API says more about an alias that was taken off an index. carries
// says which of the indices carry the live alias in that same state.
func (c *Client) aliasChanges(ctx context.Context, targets ...string) (counts changes, carries map[string]bool, err error) {
	var answer struct {
		Metadata struct {
			Indices map[string]struct {
				Version int64    `json:"aliases_version"`
				Aliases []string `json:"aliases"`
			} `json:"indices"`
		} `json:"metadata"`
	}
	yes := true
	err = c.ask(ctx, esapi.ClusterStateRequest{
		Metric: []string{"metadata"}, Index: targets, IgnoreUnavailable: &yes, AllowNoIndices: &yes,
		FilterPath: []string{"metadata.indices.*.aliases_version", "metadata.indices.*.aliases"},
	}, &answer)
	if err != nil {
		return nil, nil, err
	}
	counts, carries = changes{}, map[string]bool{}
	for index, found := range answer.Metadata.Indices {
		counts[index], carries[index] = found.Version, slices.Contains(found.Aliases, c.alias)
	}
	return counts, carries, nil
}

// sighting is the live index as a request saw it that takes the alias off it.
type sighting struct {
	index   string
	changes int64 // of its aliases, or -1 if that could not be read
}

func (c changes) sighting(index string) sighting {
	if n, known := c[index]; known {
		return sighting{index: index, changes: n}
	}
	return sighting{index: index, changes: -1}
}

// oldest is what the request may have seen that takes effect in the end, of
// several that were sent: the oldest count, and none if they saw the alias on
// different indices, for then it is not known which of them it was.
func (s sighting) oldest(next sighting) sighting {
	switch s.index {
	case "":
		return next
	case next.index:
		return sighting{index: s.index, changes: min(s.changes, next.changes)}
	}
	return sighting{index: next.index, changes: -1}
}

// editedMeanwhile tells a person when the aliases of the live index were
// changed between the look and the request that took the alias off it, with
// what it had been seen to be. No request can be conditional on a property of
// an alias, and of one that was replaced nothing is left to read: that there
// was a change is all that can be learnt, from the count, which a swap raises by
// one and the deletion of the index deleted, "" for a swap, by none. A change
// right after the request is reported as well. An answer that still shows the
// state before the request comes from a master that is none any more, and proves
// nothing.
func (c *Client) editedMeanwhile(ctx context.Context, seen sighting, deleted string) string {
	if seen.index == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.opts.RequestTimeout)
	defer cancel()
	const compare = "compare what `reindex status` shows of the alias with what it should be"
	targets, own := []string{seen.index}, int64(1)
	if deleted != "" {
		targets, own = append(targets, deleted), 0
	}
	after, carries, err := c.aliasChanges(ctx, targets...)
	n, known := after[seen.index]
	_, before := after[deleted]
	before = before || (deleted == "" && carries[seen.index])
	switch {
	case seen.changes < 0 || err != nil || !known || before:
		c.opts.Log.DebugContext(ctx, "changes of the aliases cannot be compared", errorAttr(err))
		return fmt.Sprintf("it is not known whether somebody changed filter or routing of alias %s at the same moment; %s", c.alias, compare)
	case n != seen.changes+own:
		return fmt.Sprintf("somebody changed the aliases of %s at the same moment: a filter or routing that alias %s got then is lost; %s",
			seen.index, c.alias, compare)
	}
	return ""
}

// canCarry refuses an index on which the alias could not be what it is.
func (c *Client) canCarry(ctx context.Context, index string, p Properties) error {
	if p.routed() {
		shards, err := c.primaries(ctx, index)
		if err != nil {
			return err
		}
		if shards > 1 {
			return &ShapeError{
				Alias: c.alias,
				Problem: fmt.Sprintf("the alias has a routing (index %q, search %q), and %s has %d shards: readers would miss what is on the others, "+
					"and live writers would write persons a second time", p.IndexRouting, p.SearchRouting, index, shards),
				Indices: []string{index},
				Advice:  "take the routing off the alias, or set number_of_shards to 1 in the index body",
			}
		}
	}
	if len(p.Filter) == 0 {
		return nil
	}
	var answer struct {
		Valid        bool `json:"valid"`
		Explanations []struct {
			Error string `json:"error"`
		} `json:"explanations"`
	}
	explain := true
	err := c.again(ctx, func() error {
		return c.send(ctx, esapi.IndicesValidateQueryRequest{
			Index: []string{index}, Explain: &explain, Body: bytes.NewReader(query(p.Filter)),
		}, &answer)
	})
	if err != nil {
		return fmt.Errorf("try the filter of alias %s: %w", c.alias, err)
	}
	if !answer.Valid {
		reason := "Elasticsearch does not say why"
		if len(answer.Explanations) > 0 {
			reason = answer.Explanations[0].Error
		}
		return c.filterRefused(index, p, reason)
	}
	return nil
}

func query(filter json.RawMessage) []byte { return append(append([]byte(`{"query":`), filter...), '}') }

func (c *Client) filterRefused(index string, p Properties, reason string) error {
	return &ShapeError{
		Alias:   c.alias,
		Problem: fmt.Sprintf("%s cannot take the filter that the alias has, %s: %s", index, p.Filter, reason),
		Indices: []string{index},
		Advice:  "change the filter of the alias, or the mapping in the index body, so that one fits the other",
	}
}

// showsSomething refuses an index of which the filter shows nothing, while it
// shows something of the index that is live: a field that the filter asks for
// is not in the new mapping, say.
func (c *Client) showsSomething(ctx context.Context, index, live string, p Properties) error {
	if len(p.Filter) == 0 {
		return nil
	}
	next, err := c.countQuery(ctx, index, query(p.Filter))
	if err != nil || next > 0 {
		return err
	}
	now, err := c.countQuery(ctx, live, query(p.Filter))
	if err != nil {
		return nil //nolint:nilerr // the live index cannot be searched: nothing is hidden that readers can see
	}
	if now == 0 {
		return nil
	}
	return &ShapeError{
		Alias: c.alias,
		Problem: fmt.Sprintf("the filter that the alias has, %s, matches none of the documents of %s: readers would see nothing (of %s they see %d documents)",
			p.Filter, index, live, now),
		Indices: []string{index},
		Advice:  "does the new index have the fields that the filter asks for? Change the filter of the alias, or the documents",
	}
}

// primaries is the number of primary shards of index.
func (c *Client) primaries(ctx context.Context, index string) (int, error) {
	var answer map[string]struct {
		Settings struct {
			Index struct {
				Shards int `json:"number_of_shards,string"`
			} `json:"index"`
		} `json:"settings"`
	}
	err := c.ask(ctx, esapi.IndicesGetSettingsRequest{Index: []string{index}, Name: []string{"index.number_of_shards"}}, &answer)
	if err != nil {
		return 0, fmt.Errorf("read the number of shards of %s: %w", index, err)
	}
	return answer[index].Settings.Index.Shards, nil
}

// isFilterRefusal recognises how Elasticsearch refuses to add an alias whose
// filter the index cannot take; it has no type of its own.
func isFilterRefusal(err error) bool {
	var e *es.Error
	return errors.As(err, &e) && e.Type == "illegal_argument_exception" && strings.Contains(e.Reason, "failed to parse filter")
}
