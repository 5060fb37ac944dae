package preflight

import (
	"context"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// blocks finds what Elasticsearch, when a disk is full, or a person has
// forbidden: on the lock index it keeps a run from starting, on the live index
// from swapping, after hours of loading. What forbids reading or writing the
// documents of the live index only is left out: its alias may be moved.
func (t Target) blocks(ctx context.Context) Finding {
	const subject = "blocks"
	var found []string
	for _, name := range []string{"cluster.blocks.read_only", "cluster.blocks.read_only_allow_delete"} {
		value, err := t.setting(ctx, name)
		if err != nil {
			return notAsked(subject, err)
		}
		if value == "true" {
			found = append(found, name)
		}
	}
	indices, err := t.blockedIndices(ctx)
	if err != nil {
		return notAsked(subject, err)
	}
	if found = append(found, indices...); len(found) == 0 {
		return ok(subject, "none on the cluster, the live index and the lock")
	}
	text := strings.Join(found, ", ")
	if strings.Contains(text, "read_only_allow_delete") {
		return problem(subject, text,
			"free disk space, then set it to null, if Elasticsearch does not by itself (docs/operations.md, the disk is full)")
	}
	return problem(subject, text, "somebody has set it: ask who and why, then set it to null (PUT <index>/_settings, or PUT _cluster/settings)")
}

func (t Target) blockedIndices(ctx context.Context) ([]string, error) {
	alias := t.Alias.Alias()
	lock := "lock-" + alias
	var answer map[string]struct {
		Settings map[string]string `json:"settings"`
	}
	yes := true
	err := es.Send(ctx, t.ES, esapi.IndicesGetSettingsRequest{
		Index: []string{alias, lock}, Name: []string{"index.blocks.*"},
		FlatSettings: &yes, IgnoreUnavailable: &yes, AllowNoIndices: &yes, ExpandWildcards: "all",
	}, &answer)
	if es.IsType(err, "index_not_found_exception") {
		return nil, nil // before the first run
	}
	if err != nil {
		return nil, err
	}
	var found []string
	for index, a := range answer {
		for setting, value := range a.Settings {
			documents := setting == "index.blocks.write" || setting == "index.blocks.read"
			if value == "true" && (index == lock || !documents) {
				found = append(found, setting+" on "+index)
			}
		}
	}
	return sortedStrings(found), nil
}

// allocation finds that no new index, or no replica of one, gets a node: a
// setting that is forgotten after a restart of the cluster. The lock index of a
// first run could not be written, and later runs would load nothing.
func (t Target) allocation(ctx context.Context) Finding {
	const subject, name = "allocation", "cluster.routing.allocation.enable"
	value, err := t.setting(ctx, name)
	switch {
	case err != nil:
		return notAsked(subject, err)
	case value == "none":
		return problem(subject, name+" is none: no node may take a new index", "set it to null (PUT _cluster/settings), and wait for the cluster to be green")
	case (value == "primaries" || value == "new_primaries") && t.Replicas > 0:
		return warning(subject, name+" is "+value+": no node may take the replicas of a new index",
			"set it to null (PUT _cluster/settings); until then a run swaps only if the live index has no replicas either")
	}
	return ok(subject, "new indices get their nodes")
}
