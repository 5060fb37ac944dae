package preflight

import (
	"context"
	"net/http"
	"strings"

	"example.com/reindex/internal/es"
)

// blocks finds what Elasticsearch, when a disk is full, or a person has
// forbidden: on the lock index it keeps a run from starting, on the live index
// from swapping, after hours of loading.
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
	return problem(subject, strings.Join(found, ", "),
		"free disk space if it is read_only_allow_delete, then set it to null (docs/operations.md, the disk is full)")
}

func (t Target) blockedIndices(ctx context.Context) ([]string, error) {
	alias := t.Alias.Alias()
	path := "/" + alias + ",lock-" + alias +
		"/_settings/index.blocks.*?flat_settings=true&ignore_unavailable=true&allow_no_indices=true&expand_wildcards=all"
	var answer map[string]struct {
		Settings map[string]string `json:"settings"`
	}
	err := es.Do(ctx, t.ES, http.MethodGet, path, nil, &answer)
	if es.IsType(err, "index_not_found_exception") {
		return nil, nil // before the first run
	}
	if err != nil {
		return nil, err
	}
	var found []string
	for index, a := range answer {
		for setting, value := range a.Settings {
			// A run writes to the lock and only moves the alias of the live index.
			if value == "true" && (strings.HasPrefix(index, "lock-") || setting != "index.blocks.write") {
				found = append(found, setting+" on "+index)
			}
		}
	}
	return sortedStrings(found), nil
}
