package memory

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// single finds the one index behind a name of an index or alias.
func (s *Server) single(target string) (i *index, isAlias bool) {
	found, _ := s.resolve(target)
	if len(found) != 1 {
		return nil, false
	}
	for name := range found {
		i, isAlias = found[name], name != target
	}
	return i, isAlias
}

func (s *Server) getDoc(target, id string) reply {
	i, _ := s.single(target)
	if i == nil {
		return noIndex(target)
	}
	d, found := i.docs[id]
	if !found {
		return reply{http.StatusNotFound, map[string]any{"_id": id, "found": false}}
	}
	return ok(map[string]any{"_id": id, "found": true, "_seq_no": d.seqNo, "_primary_term": 1, "_source": d.source})
}

func (s *Server) putDoc(target, id string, create bool, query url.Values, body []byte) reply {
	i, isAlias := s.single(target)
	if !isAlias && query.Get("require_alias") == "true" {
		return noIndex(target)
	}
	if i == nil {
		i = s.make(target) // as Elasticsearch does, alas
	}
	d, found := i.docs[id]
	conflict := create && found
	if query.Has("if_seq_no") {
		want, err := strconv.ParseInt(query.Get("if_seq_no"), 10, 64)
		conflict = conflict || err != nil || !found || d.seqNo != want
	}
	if conflict {
		return refuse(http.StatusConflict, "version_conflict_engine_exception", "version conflict")
	}
	i.docs[id] = doc{source: json.RawMessage(body), seqNo: i.seqNo}
	i.seqNo++
	return ok(map[string]any{"_id": id, "_seq_no": i.seqNo - 1, "_primary_term": 1, "_shards": map[string]any{"failed": 0}})
}

func (s *Server) deleteDoc(target, id string) reply {
	i, _ := s.single(target)
	if i == nil {
		return noIndex(target)
	}
	delete(i.docs, id)
	i.seqNo++
	return ok(map[string]any{"result": "deleted"})
}

// describe answers the requests that only need the indices behind a name.
func (s *Server) describe(what, target string, body []byte) reply {
	found, missing := s.resolve(target)
	if missing != "" {
		return noIndex(missing)
	}
	shards := map[string]any{"total": len(found), "successful": len(found), "failed": 0}
	switch what {
	case "POST _refresh":
		return ok(map[string]any{"_shards": shards})
	case "GET _count":
		count := 0
		for _, i := range found {
			count += len(i.docs)
		}
		return ok(map[string]any{"count": count, "_shards": shards})
	case "GET _stats":
		return ok(map[string]any{"_all": map[string]any{"total": map[string]any{"search": map[string]any{}}}})
	case "PUT _settings":
		return set(found, body)
	case "GET _validate":
		return ok(map[string]any{"valid": true})
	}
	answer := map[string]any{}
	for name, i := range found {
		answer[name] = map[string]any{
			"aliases": i.aliasObjects(), "mappings": i.mappings,
			"settings": map[string]any{"index": map[string]any{
				"uuid": i.uuid, "creation_date": strconv.FormatInt(i.created.UnixMilli(), 10), "number_of_shards": "1",
			}},
		}
	}
	return ok(answer)
}

func (i *index) aliasObjects() map[string]any {
	objects := map[string]any{}
	for name, a := range i.aliases {
		objects[name] = a.shown()
	}
	return objects
}

func set(found map[string]*index, body []byte) reply {
	var settings map[string]any
	if err := json.Unmarshal(body, &settings); err != nil {
		return refuse(http.StatusBadRequest, "parse_exception", err.Error())
	}
	for _, i := range found {
		maps.Copy(i.settings, settings)
	}
	return ok(map[string]any{"acknowledged": true})
}

// state answers with what only the cluster state has: how often the aliases of an
// index were changed.
func (s *Server) state(target string) reply {
	found, _ := s.resolve(target)
	indices := map[string]any{}
	for name, i := range found {
		indices[name] = map[string]any{"aliases_version": i.changes, "aliases": slices.Sorted(maps.Keys(i.aliases))}
	}
	return ok(map[string]any{"metadata": map[string]any{"indices": indices}})
}

func (s *Server) health(target string) reply {
	if _, there := s.indices[target]; !there {
		return reply{http.StatusRequestTimeout, map[string]any{"status": "red", "timed_out": true}}
	}
	return ok(map[string]any{"status": "green", "number_of_data_nodes": 1})
}
