package memory

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
)

type aliasRequest struct {
	Actions []struct {
		Add         *alias
		Remove      *alias
		RemoveIndex *struct{ Index string } `json:"remove_index"`
	}
}

// alias is an alias of an index, as an action adds it.
type alias struct {
	Index         string          `json:"index"`
	Alias         string          `json:"alias"`
	MustExist     bool            `json:"must_exist"`
	IsWriteIndex  bool            `json:"is_write_index"`
	Filter        json.RawMessage `json:"filter"`
	IndexRouting  string          `json:"index_routing"`
	SearchRouting string          `json:"search_routing"`
	IsHidden      bool            `json:"is_hidden"`
}

// shown is the alias as Elasticsearch shows it.
func (a alias) shown() map[string]any {
	shown := map[string]any{}
	if a.IsWriteIndex {
		shown["is_write_index"] = true
	}
	if len(a.Filter) > 0 {
		shown["filter"] = a.Filter
	}
	if a.IndexRouting != "" {
		shown["index_routing"] = a.IndexRouting
	}
	if a.SearchRouting != "" {
		shown["search_routing"] = a.SearchRouting
	}
	if a.IsHidden {
		shown["is_hidden"] = true
	}
	return shown
}

// updateAliases applies a request whole or not at all. As on the real server,
// indices are removed first, whatever the order.
func (s *Server) updateAliases(body []byte) reply {
	var request aliasRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return refuse(http.StatusBadRequest, "x_content_parse_exception", err.Error())
	}
	next := map[string]map[string]alias{}
	for name, i := range s.indices {
		next[name] = maps.Clone(i.aliases)
	}
	for _, a := range request.Actions {
		if a.RemoveIndex == nil {
			continue
		}
		if _, there := next[a.RemoveIndex.Index]; !there {
			return noIndex(a.RemoveIndex.Index)
		}
		delete(next, a.RemoveIndex.Index)
	}
	if bad := change(next, request); bad != nil {
		return *bad
	}
	for name, i := range s.indices {
		if aliases, stays := next[name]; stays {
			if !reflect.DeepEqual(i.aliases, aliases) {
				i.changes++
			}
			i.aliases = aliases
		} else {
			delete(s.indices, name)
		}
	}
	return ok(map[string]any{"acknowledged": true, "errors": false})
}

func change(next map[string]map[string]alias, request aliasRequest) *reply {
	for _, a := range request.Actions {
		var bad reply
		switch {
		case a.Remove != nil && next[a.Remove.Index] == nil:
			bad = noIndex(a.Remove.Index)
		case a.Remove != nil:
			_, there := next[a.Remove.Index][a.Remove.Alias]
			if there || !a.Remove.MustExist {
				delete(next[a.Remove.Index], a.Remove.Alias)
				continue
			}
			bad = refuse(http.StatusNotFound, "aliases_not_found_exception", "aliases ["+a.Remove.Alias+"] missing")
		case a.Add != nil && next[a.Add.Index] == nil:
			bad = noIndex(a.Add.Index)
		case a.Add != nil && next[a.Add.Alias] != nil:
			bad = refuse(http.StatusBadRequest, "invalid_alias_name_exception", "an index has the same name as the alias")
		case a.Add != nil:
			next[a.Add.Index][a.Add.Alias] = *a.Add
			continue
		default:
			continue
		}
		return &bad
	}
	return twoWriters(next)
}

func twoWriters(next map[string]map[string]alias) *reply {
	writers := map[string]int{}
	for _, aliases := range next {
		for name, a := range aliases {
			if a.IsWriteIndex {
				writers[name]++
			}
			if writers[name] > 1 {
				bad := refuse(http.StatusInternalServerError, "illegal_state_exception", "alias ["+name+"] has more than one write index")
				return &bad
			}
		}
	}
	return nil
}

func (s *Server) create(name string, body []byte) reply {
	var request struct {
		Settings, Mappings map[string]any
		Aliases            map[string]any
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return refuse(http.StatusBadRequest, "parse_exception", err.Error())
	}
	if _, taken := s.indices[name]; taken {
		return refuse(http.StatusBadRequest, "resource_already_exists_exception", "index ["+name+"] already exists")
	}
	if carriers, _ := s.resolve(name); len(carriers) > 0 {
		return refuse(http.StatusBadRequest, "invalid_index_name_exception", "already exists as alias")
	}
	for key := range request.Settings {
		if key == "index.no_such_setting" {
			return refuse(http.StatusBadRequest, "illegal_argument_exception", "unknown setting ["+key+"]")
		}
	}
	i := s.make(name)
	i.settings, i.mappings = request.Settings, request.Mappings
	for name := range request.Aliases {
		i.aliases[name] = alias{Index: i.name, Alias: name}
	}
	return ok(map[string]any{"acknowledged": true, "shards_acknowledged": true, "index": name})
}

func (s *Server) deleteIndex(name string) reply {
	if _, there := s.indices[name]; !there {
		return noIndex(name)
	}
	delete(s.indices, name)
	return ok(map[string]any{"acknowledged": true})
}

func (s *Server) getAlias(target string, only []string, lenient bool) reply {
	found, missing := s.resolve(target)
	if missing != "" && !lenient {
		return noIndex(missing)
	}
	answer := map[string]any{}
	for name, i := range found {
		aliases := map[string]any{}
		for name, a := range i.aliases {
			if len(only) == 0 || only[0] == name {
				aliases[name] = a.shown()
			}
		}
		if len(only) == 0 || len(aliases) > 0 {
			answer[name] = map[string]any{"aliases": aliases}
		}
	}
	if len(only) > 0 && len(answer) == 0 {
		return reply{http.StatusNotFound, map[string]any{"error": "alias missing", "status": http.StatusNotFound}}
	}
	return ok(answer)
}
