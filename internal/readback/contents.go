package readback

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// Contents says how the documents of an index come back.
type Contents struct {
	// Vectors are the paths of fields whose numbers Elasticsearch gives back with
	// the precision of 32 bits.
	Vectors [][]string
	// asked says that _source has the vectors only if a search asks for them, as in
	// indices made by Elasticsearch 9.2 and later.
	asked bool
}

// ContentError means that _source of an index is not what was sent, by its
// mapping, so that contents cannot be compared.
type ContentError struct{ Index, Problem string }

func (e *ContentError) Error() string {
	return fmt.Sprintf("the documents of %s cannot be compared with the source: %s", e.Index, e.Problem)
}

// Hint says what would make it possible.
func (e *ContentError) Hint() string {
	return "take that out of index.body and rebuild with `reindex run`; runs do not need it, only verify and --repair do"
}

// ContentProblem says what of a mapping keeps contents from being compared; ""
// if nothing does. What an ingest pipeline or synthetic _source make of a
// document cannot be told beforehand.
func ContentProblem(mappings json.RawMessage) string {
	var m mappingJSON
	if err := json.Unmarshal(mappings, &m); err != nil {
		return "" // Elasticsearch says what is wrong with it
	}
	return m.problem()
}

type mappingJSON struct {
	Source struct {
		Enabled  *bool    `json:"enabled"`
		Includes []string `json:"includes"`
		Excludes []string `json:"excludes"`
	} `json:"_source"`
	Properties map[string]fieldJSON `json:"properties"`
}

type fieldJSON struct {
	Type       string               `json:"type"`
	Properties map[string]fieldJSON `json:"properties"`
}

func (m mappingJSON) problem() string {
	switch {
	case m.Source.Enabled != nil && !*m.Source.Enabled:
		return "_source is disabled"
	case len(m.Source.Excludes) > 0:
		return "_source.excludes leaves out " + strings.Join(m.Source.Excludes, ", ")
	case len(m.Source.Includes) > 0:
		return "_source.includes keeps nothing but " + strings.Join(m.Source.Includes, ", ")
	}
	return ""
}

// vectors finds the fields of type dense_vector.
func vectors(properties map[string]fieldJSON, path []string) (found [][]string) {
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		here := append(slices.Clone(path), name)
		if properties[name].Type == "dense_vector" {
			found = append(found, here)
		}
		found = append(found, vectors(properties[name].Properties, here)...)
	}
	return found
}

// excludeVectors is a setting of Elasticsearch from 9.2 on.
const excludeVectors = "index.mapping.exclude_source_vectors"

// ContentsOf looks at the mapping of index. The error is a [*ContentError] if its
// documents do not come back as they were sent.
func ContentsOf(ctx context.Context, t esapi.Transport, index string) (Contents, error) {
	var answer map[string]struct {
		Mappings mappingJSON `json:"mappings"`
	}
	if err := es.Send(ctx, t, esapi.IndicesGetMappingRequest{Index: []string{es.Part(index)}}, &answer); err != nil {
		return Contents{}, err
	}
	var c Contents
	for name, found := range answer { // one; index may be an alias
		if problem := found.Mappings.problem(); problem != "" {
			return c, &ContentError{Index: name, Problem: problem}
		}
		c.Vectors = vectors(found.Mappings.Properties, nil)
	}
	if len(c.Vectors) == 0 {
		return c, nil
	}
	var settings map[string]struct {
		Settings, Defaults map[string]any
	}
	// All settings are asked for, because the default of this one depends on the
	// version that made the index, and a request for it by name answers another
	// default than the one in force (false for true, seen on 9.2.0).
	yes := true
	request := esapi.IndicesGetSettingsRequest{Index: []string{es.Part(index)}, IncludeDefaults: &yes, FlatSettings: &yes}
	if err := es.Send(ctx, t, request, &settings); err != nil {
		return c, err
	}
	for _, found := range settings {
		value, set := found.Settings[excludeVectors]
		if !set {
			value = found.Defaults[excludeVectors]
		}
		c.asked = value == "true"
	}
	return c, nil
}
