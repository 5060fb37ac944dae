package preflight

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"example.com/reindex/internal/es"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func sortedStrings(s []string) []string {
	slices.Sort(s)
	return s
}

// templates finds index templates that would change the new index: their
// settings and mappings are merged into it, and an alias of theirs would show
// readers an index that is still being filled.
func (t Target) templates(ctx context.Context) Finding {
	const subject = "templates"
	var composable struct {
		Templates []struct {
			Name  string `json:"name"`
			Index struct {
				Patterns patterns `json:"index_patterns"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	if err := es.Do(ctx, t.ES, http.MethodGet, "/_index_template", nil, &composable); err != nil {
		return notAsked(subject, err)
	}
	var legacy map[string]struct {
		Patterns patterns `json:"index_patterns"`
	}
	if err := es.Do(ctx, t.ES, http.MethodGet, "/_template", nil, &legacy); err != nil {
		return notAsked(subject, err)
	}
	index := t.Alias.Alias() + "-000001"
	var found []string
	for _, template := range composable.Templates {
		if template.Index.Patterns.match(index) {
			found = append(found, template.Name)
		}
	}
	for name, template := range legacy {
		if template.Patterns.match(index) {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return ok(subject, "none matches "+index)
	}
	return warning(subject, strings.Join(sortedStrings(found), ", ")+" would be merged into every new index",
		"narrow their index_patterns; a run refuses an index that a template gives an alias")
}

// patterns is a string or a list of them.
type patterns []string

func (p *patterns) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*p = patterns{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(p))
}

func (p patterns) match(index string) bool {
	return slices.ContainsFunc(p, func(pattern string) bool {
		// Index patterns know only *, and index names no other character
		// that path.Match gives a meaning.
		matched, err := path.Match(pattern, index)
		return err == nil && matched
	})
}

// disk compares the room below the high watermark with the size of the live
// index: while a run loads there are two of them, with its replicas.
func (t Target) disk(ctx context.Context) Finding {
	const subject = "disk"
	enabled, err := t.setting(ctx, "cluster.routing.allocation.disk.threshold_enabled")
	if err != nil {
		return notAsked(subject, err)
	}
	if enabled == "false" {
		return ok(subject, "Elasticsearch does not watch its disks (cluster.routing.allocation.disk.threshold_enabled)")
	}
	var nodes []struct {
		Node  string `json:"node"`
		Avail string `json:"disk.avail"`
		Total string `json:"disk.total"`
	}
	if err := es.Do(ctx, t.ES, http.MethodGet, "/_cat/allocation?format=json&bytes=b&h=node,disk.avail,disk.total", nil, &nodes); err != nil {
		return notAsked(subject, err)
	}
	size, err := t.liveSize(ctx)
	if err != nil {
		return notAsked(subject, err)
	}
	var room int64
	for _, n := range nodes {
		avail, errA := strconv.ParseInt(n.Avail, 10, 64)
		total, errT := strconv.ParseInt(n.Total, 10, 64)
		if errA == nil && errT == nil {
			room += max(0, avail-total/10) // Elasticsearch's default high watermark is 90 %
		}
	}
	text := fmt.Sprintf("%s free below the high watermark (90 %%); the live index takes %s", humanize.IBytes(uint64(max(0, room))), humanize.IBytes(uint64(max(0, size))))
	switch {
	case room < size:
		return problem(subject, text, "free disk space, or add a node: a run needs room for a second copy")
	case room < 2*size:
		return warning(subject, text, "merging can take twice the size for a while")
	}
	return ok(subject, text)
}

func (t Target) liveSize(ctx context.Context) (int64, error) {
	live, err := t.Alias.Live(ctx)
	if err != nil || live == "" {
		return 0, err
	}
	var stats struct {
		All struct {
			Total struct {
				Store struct {
					Bytes int64 `json:"size_in_bytes"`
				} `json:"store"`
			} `json:"total"`
		} `json:"_all"`
	}
	err = es.Do(ctx, t.ES, http.MethodGet, "/"+live+"/_stats/store", nil, &stats)
	return stats.All.Total.Store.Bytes, err
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
	path := "/_cluster/settings?include_defaults=true&filter_path=*." + name
	if err := es.Do(ctx, t.ES, http.MethodGet, path, nil, &answer); err != nil {
		return "", err
	}
	for _, level := range []string{"transient", "persistent", "defaults"} {
		value := answer[level]
		for part := range strings.SplitSeq(name, ".") {
			nested, _ := value.(map[string]any)
			value = nested[part]
		}
		if value != nil {
			return fmt.Sprint(value), nil
		}
	}
	return "", nil
}
