package preflight

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strings"

	"example.com/reindex/internal/es"
)

// template is what matters here of an index template.
type template struct {
	name       string
	priority   int64
	components []string
	aliases    bool // it has some, or one of its components has
	streams    bool // it makes data streams and no indices
	everything bool // its pattern is a star
}

// templates finds index templates that would change the new index: their
// settings and mappings are merged into it, and an alias of theirs would show
// readers an index that is still being filled, which a run refuses.
func (t Target) templates(ctx context.Context) Finding {
	const subject = "templates"
	index := t.Alias.Alias() + "-000001"
	found, err := t.composable(ctx, index)
	if err == nil && len(found) == 0 {
		found, err = t.legacy(ctx, index) // they count where no other matches
	}
	if err != nil {
		return notAsked(subject, err)
	}
	if len(found) == 0 {
		return ok(subject, "none matches "+index)
	}
	var names []string
	for _, one := range found {
		if one.streams {
			return problem(subject, one.name+" creates data streams only, so a run could not create its index",
				"change its index_patterns so that they do not match "+index)
		}
		if one.aliases {
			return problem(subject, one.name+" gives every new index an alias, so a run would refuse its own index",
				"change its index_patterns so that they do not match "+index)
		}
		names = append(names, one.name)
	}
	return warning(subject, strings.Join(sortedStrings(names), ", ")+" is merged into every new index",
		"change index_patterns so that they do not match "+index+", or be sure that its settings and mappings fit")
}

// composable returns the one that wins, or none.
func (t Target) composable(ctx context.Context, index string) ([]template, error) {
	var answer struct {
		Templates []struct {
			Name  string `json:"name"`
			Index struct {
				Patterns patterns  `json:"index_patterns"`
				Priority int64     `json:"priority"`
				Of       []string  `json:"composed_of"`
				Template content   `json:"template"`
				Stream   *struct{} `json:"data_stream"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	if err := es.Do(ctx, t.ES, http.MethodGet, "/_index_template", nil, &answer); err != nil {
		return nil, err
	}
	var found []template
	for _, one := range answer.Templates {
		if one.Index.Patterns.match(index) {
			found = append(found, template{
				name: one.Name, priority: one.Index.Priority, components: one.Index.Of, aliases: len(one.Index.Template.Aliases) > 0,
				streams: one.Index.Stream != nil, everything: one.Index.Patterns.everything(),
			})
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	wins := slices.MaxFunc(found, func(a, b template) int { return cmp.Compare(a.priority, b.priority) })
	return t.composed(ctx, wins)
}

// content is what an index gets of a template.
type content struct {
	Aliases map[string]any `json:"aliases"`
}

// composed looks for aliases in the components of one, unless it has some itself.
func (t Target) composed(ctx context.Context, one template) ([]template, error) {
	if one.aliases || len(one.components) == 0 {
		return []template{one}, nil
	}
	var answer struct {
		Components []struct {
			Name  string `json:"name"`
			Index struct {
				Template content `json:"template"`
			} `json:"component_template"`
		} `json:"component_templates"`
	}
	// All of them: a request for names that are missing, which a template may allow, finds none.
	if err := es.Do(ctx, t.ES, http.MethodGet, "/_component_template", nil, &answer); err != nil {
		return nil, err
	}
	for _, c := range answer.Components {
		if slices.Contains(one.components, c.Name) && len(c.Index.Template.Aliases) > 0 {
			one.name, one.aliases = one.name+" (by its component "+c.Name+")", true
			break
		}
	}
	return []template{one}, nil
}

// legacy returns all that match: all of them are merged.
func (t Target) legacy(ctx context.Context, index string) ([]template, error) {
	var answer map[string]struct {
		Patterns patterns       `json:"index_patterns"`
		Aliases  map[string]any `json:"aliases"`
	}
	if err := es.Do(ctx, t.ES, http.MethodGet, "/_template", nil, &answer); err != nil {
		return nil, err
	}
	var found []template
	for name, one := range answer {
		if one.Patterns.match(index) {
			found = append(found, template{name: name, aliases: len(one.Aliases) > 0, everything: one.Patterns.everything()})
		}
	}
	return found, nil
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

func (p patterns) everything() bool {
	return slices.ContainsFunc(p, func(pattern string) bool { return strings.Trim(pattern, "*") == "" })
}

func (p patterns) match(index string) bool {
	return slices.ContainsFunc(p, func(pattern string) bool {
		// Index patterns know only *, and index names no other character
		// that path.Match gives a meaning.
		matched, err := path.Match(pattern, index)
		return err == nil && matched
	})
}
