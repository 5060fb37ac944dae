package preflight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"example.com/reindex/internal/es"
)

// pipelines looks for the ingest pipelines that the index body, or else a template,
// sends every document through.
func (t Target) pipelines(ctx context.Context) Finding {
	const subject = "pipelines"
	set := t.settings()
	merged, err := t.templateSettings(ctx, t.indexName())
	if err != nil {
		merged = nil // templates says that they could not be looked at
	}
	var names, missing []string
	for _, setting := range []string{"index.default_pipeline", "index.final_pipeline"} {
		name, own := set[setting].(string)
		if !own {
			name = merged[setting]
		}
		if name == "" || name == "_none" {
			continue
		}
		names = append(names, name)
		err := es.Do(ctx, t.ES, http.MethodGet, "/_ingest/pipeline/"+url.PathEscape(name)+"?summary=true", nil, nil)
		switch {
		case es.IsStatus(err, http.StatusNotFound):
			missing = append(missing, fmt.Sprintf("%s %q", setting, name))
		case err != nil:
			return notAsked(subject, err)
		}
	}
	if len(missing) > 0 {
		return problem(subject, "there is no "+strings.Join(missing, " and no "), "create the pipeline, or take the setting out of index.body or out of the index template")
	}
	if len(names) > 0 {
		return warning(subject, "documents go through "+strings.Join(names, ", "), "a pipeline that drops or changes documents makes counts and `reindex verify` differ")
	}
	return ok(subject, "none")
}

// templateSettings are what the templates of today give an index of that name.
func (t Target) templateSettings(ctx context.Context, index string) (map[string]string, error) {
	var answer struct {
		Template struct {
			Settings map[string]any `json:"settings"`
		} `json:"template"`
	}
	err := es.Do(ctx, t.ES, http.MethodPost, "/_index_template/_simulate_index/"+index, nil, &answer)
	if err != nil {
		return nil, err
	}
	flat, texts := map[string]any{}, map[string]string{}
	flatten("", answer.Template.Settings, flat)
	for name, value := range flat {
		texts[name] = fmt.Sprint(value)
	}
	return texts, nil
}

// lockTemplates finds templates that would change the index of the lock: it is
// made once and used by every run, so that a bad setting stays.
func (t Target) lockTemplates(ctx context.Context) Finding {
	const subject = "lock"
	for _, index := range []string{"lock-" + t.Alias.Alias(), "lock-" + t.Alias.Alias() + "-history"} {
		found, err := t.composable(ctx, index)
		if err == nil && len(found) == 0 {
			found, err = t.legacy(ctx, index)
		}
		if err != nil {
			return notAsked(subject, err)
		}
		for _, one := range found {
			if one.everything {
				continue // a hidden index takes nothing from a pattern of only a star
			}
			return problem(subject, fmt.Sprintf("index template %s matches %s, which a run keeps its lock or history in", one.name, index),
				"change its index_patterns so that they do not match lock-*; if the index exists already, delete it when no run is at work")
		}
	}
	return ok(subject, "no index template matches its index")
}

// bodyBlocks finds blocks that the body itself sets: no document could be written.
func (t Target) bodyBlocks(context.Context) Finding {
	const subject = "body blocks"
	var found []string
	for name, value := range t.settings() {
		if strings.HasPrefix(name, "index.blocks.") && fmt.Sprint(value) == "true" {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return ok(subject, "none in index.body")
	}
	return problem(subject, "index.body sets "+strings.Join(sortedStrings(found), ", ")+": the run could not write to its own index", "take index.blocks.* out of index.body")
}

// idField is whether `reindex verify` can read the index in the order of its ids.
func (t Target) idField(context.Context) Finding {
	const subject = "id field"
	var body struct {
		Mappings property `json:"mappings"`
	}
	if err := json.Unmarshal(t.Body, &body); err != nil || t.ID == "" || len(t.Body) == 0 {
		return ok(subject, "not looked at")
	}
	found, err := body.Mappings.find(t.ID)
	kind := found.Type
	const write = "map it as long (integer ids) or keyword (all others) in index.body"
	switch {
	case err != nil:
		return warning(subject, fmt.Sprintf("%q is not mapped in index.body: a run works, `reindex verify` does not if Elasticsearch maps it as text", t.ID), write)
	case kind != "keyword" && kind != "long" && kind != "integer" && kind != "short" && kind != "byte":
		return warning(subject, fmt.Sprintf("%q is mapped as %s: a run works, `reindex verify` cannot read the index in the order of the ids", t.ID, kind), write)
	}
	return ok(subject, fmt.Sprintf("%q is mapped as %s", t.ID, kind))
}

// property is what matters here of a mapping.
type property struct {
	Type       string              `json:"type"`
	Format     string              `json:"format"`
	Properties map[string]property `json:"properties"`
}

var errNotMapped = errors.New("not mapped")

// find walks the dots of a field's name, which Elasticsearch takes for objects.
func (p property) find(field string) (property, error) {
	if found, ok := p.Properties[field]; ok {
		return found, nil
	}
	for name, inner := range p.Properties {
		if rest, ok := strings.CutPrefix(field, name+"."); ok {
			if found, err := inner.find(rest); err == nil {
				return found, nil
			}
		}
	}
	return property{}, errNotMapped
}
