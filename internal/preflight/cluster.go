package preflight

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"example.com/reindex/internal/es"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func sortedStrings(s []string) []string {
	slices.Sort(s)
	return s
}

// shardBudget is cluster.max_shards_per_node: creating an index beyond it is
// refused.
func (t Target) shardBudget(ctx context.Context) Finding {
	const subject = "shards"
	var health struct {
		DataNodes int `json:"number_of_data_nodes"`
		Active    int `json:"active_shards"`
		Away      int `json:"unassigned_shards"`
	}
	if err := es.Do(ctx, t.ES, http.MethodGet, "/_cluster/health", nil, &health); err != nil {
		return notAsked(subject, err)
	}
	perNode, err := t.setting(ctx, "cluster.max_shards_per_node")
	if err != nil {
		return notAsked(subject, err)
	}
	limit, err := strconv.Atoi(perNode)
	if err != nil {
		limit = 1000 // Elasticsearch's default
	}
	limit *= health.DataNodes
	used, needed := health.Active+health.Away, t.Shards*(1+t.Replicas)
	text := fmt.Sprintf("%d of %d used, a new index takes %d", used, limit, needed)
	if used+needed > limit {
		return problem(subject, text, "delete indices, or raise cluster.max_shards_per_node")
	}
	return ok(subject, text)
}

// autoCreate matters to live writers: one that writes before the first swap,
// or after somebody deleted the index, creates an index with the name of the
// alias, with guessed types, and no swap can take its place.
func (t Target) autoCreate(ctx context.Context) Finding {
	const subject = "auto-create"
	value, err := t.setting(ctx, "action.auto_create_index")
	if err != nil {
		return notAsked(subject, err)
	}
	if value == "false" {
		return ok(subject, "action.auto_create_index is off")
	}
	live, err := t.Alias.Live(ctx)
	if err != nil {
		return notAsked(subject, err)
	}
	if live != "" {
		return ok(subject, "the alias exists, so a write to it creates nothing")
	}
	return warning(subject, "a live writer that writes to "+t.Alias.Alias()+" before the first run creates an index of that name",
		`let it write with require_alias=true, or set action.auto_create_index to "-`+t.Alias.Alias()+`*,*"`)
}

// setting reads one cluster setting, transient before persistent before
// default; "" if it has none.
func (t Target) setting(ctx context.Context, name string) (string, error) {
	var answer map[string]any
	// A setting below one that has a value is a key with a dot, which a filter
	// for the whole name does not find.
	group := name[:strings.LastIndex(name, ".")]
	path := "/_cluster/settings?include_defaults=true&filter_path=*." + group + ",*." + group + "*"
	if err := es.Do(ctx, t.ES, http.MethodGet, path, nil, &answer); err != nil {
		return "", err
	}
	for _, level := range []string{"transient", "persistent", "defaults"} {
		if value := lookUp(answer[level], name); value != nil {
			return fmt.Sprint(value), nil
		}
	}
	return "", nil
}

// lookUp finds a name with dots in objects whose keys may have dots, too.
func lookUp(node any, name string) any {
	object, _ := node.(map[string]any)
	if value, ok := object[name]; ok {
		return value
	}
	for key, child := range object {
		if rest, ok := strings.CutPrefix(name, key+"."); ok {
			if value := lookUp(child, rest); value != nil {
				return value
			}
		}
	}
	return nil
}
