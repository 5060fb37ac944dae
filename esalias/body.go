package esalias

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// Settings that differ while an index is being loaded.
const (
	settingReplicas   = "index.number_of_replicas"
	settingAutoExpand = "index.auto_expand_replicas"
	settingRefresh    = "index.refresh_interval"
)

// indexBody is a create-index body taken apart: the user's settings under
// their full names, and what they must be again after the load.
type indexBody struct {
	settings map[string]any
	mappings map[string]any
}

// parseBody reads {settings, mappings} as the create-index API takes them.
// Numbers keep every digit.
func parseBody(body json.RawMessage) (indexBody, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return indexBody{}, fmt.Errorf("index body is not a JSON object: %w", err)
	}
	b := indexBody{settings: map[string]any{}, mappings: map[string]any{}}
	for key, value := range raw {
		decoder := json.NewDecoder(bytes.NewReader(value))
		decoder.UseNumber()
		into := map[string]any{} // stays when value is null
		if err := decoder.Decode(&into); err != nil {
			return indexBody{}, fmt.Errorf("index body: %s is not a JSON object", key)
		}
		switch key {
		case "settings":
			if err := flatten(b.settings, "", into); err != nil {
				return indexBody{}, fmt.Errorf("index body: %w", err)
			}
		case "mappings":
			maps.Copy(b.mappings, into)
		default:
			return indexBody{}, fmt.Errorf("index body has %q, want only settings and mappings: aliases are set by the swap", key)
		}
	}
	return b, nil
}

// flatten turns {"index":{"refresh_interval":"5s"}} and its other spellings
// into {"index.refresh_interval":"5s"}.
func flatten(into map[string]any, prefix string, from map[string]any) error {
	for key, value := range from {
		name := prefix + key
		if prefix == "" && key != "index" && !strings.HasPrefix(key, "index.") {
			name = "index." + key
		}
		if nested, ok := value.(map[string]any); ok {
			if err := flatten(into, name+".", nested); err != nil {
				return err
			}
			continue
		}
		if _, twice := into[name]; twice {
			return fmt.Errorf("setting %s is given twice", name)
		}
		into[name] = value
	}
	return nil
}

// create returns the body that makes the index: the user's settings without
// replicas and refreshes, the mappings with meta, and the writer alias.
func (b indexBody) create(writer string, meta Meta) ([]byte, error) {
	settings := maps.Clone(b.settings)
	settings[settingReplicas] = 0
	settings[settingAutoExpand] = false
	settings[settingRefresh] = "-1"
	mappings := maps.Clone(b.mappings)
	own, _ := mappings["_meta"].(map[string]any)
	if own = maps.Clone(own); own == nil {
		own = map[string]any{}
	}
	own["reindex"] = meta
	mappings["_meta"] = own
	return json.Marshal(map[string]any{
		"settings": settings,
		"mappings": mappings,
		"aliases":  map[string]any{writer: map[string]any{}},
	})
}

// restore returns the settings as the user wants them while the index is
// live; null means Elasticsearch's default.
func (b indexBody) restore() ([]byte, error) {
	return json.Marshal(map[string]any{
		settingReplicas:   b.settings[settingReplicas],
		settingAutoExpand: b.settings[settingAutoExpand],
		settingRefresh:    b.settings[settingRefresh],
	})
}
