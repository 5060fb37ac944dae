// Package memory is as much of Elasticsearch as esalias talks to, without a
// server: for tests that need fake time or a broken wire.
//
// Promise: the contract suite esalias/leasetest passes against it and against
// the real server. Limit: one node, no shards, no searches; a request that
// esalias never sends is answered 501.
package memory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// Server is one cluster. The zero value is empty and ready; it implements
// esapi.Transport and http.Handler.
type Server struct {
	mu      sync.Mutex
	indices map[string]*index
	serial  int
}

type index struct {
	name     string
	uuid     string
	created  time.Time
	aliases  map[string]alias
	changes  int64 // of the aliases: aliases_version
	mappings map[string]any
	settings map[string]any
	docs     map[string]doc
	seqNo    int64
}

type doc struct {
	source json.RawMessage
	seqNo  int64
}

// reply is an answer before it is encoded.
type reply struct {
	status int
	body   any
}

func ok(body any) reply { return reply{http.StatusOK, body} }

func refuse(status int, kind, reason string) reply {
	return reply{status, map[string]any{
		"error": map[string]any{"type": kind, "reason": reason}, "status": status,
	}}
}

func noIndex(name string) reply {
	return refuse(http.StatusNotFound, "index_not_found_exception", "no such index ["+name+"]")
}

// ServeHTTP answers one request over HTTP, for tests that break the wire itself.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	res, err := s.Perform(req)
	if err != nil {
		panic(http.ErrAbortHandler) // closes the connection
	}
	defer res.Body.Close()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body)
}

// Perform answers one request.
func (s *Server) Perform(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	answer := s.route(req, body)
	s.mu.Unlock()
	encoded, err := json.Marshal(answer.body)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: answer.status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(encoded)), Request: req,
	}, nil
}

func (s *Server) route(req *http.Request, body []byte) reply {
	parts := strings.Split(strings.TrimPrefix(req.URL.Path, "/"), "/")
	if parts[0] == "_aliases" {
		return s.updateAliases(body)
	}
	if parts[0] == "_cluster" && parts[1] == "state" {
		return s.state(parts[len(parts)-1])
	}
	if parts[0] == "_cluster" {
		return s.health(parts[len(parts)-1])
	}
	what := req.Method
	if what == http.MethodPost && len(parts) > 1 && (parts[1] == "_count" || parts[1] == "_validate") {
		what = http.MethodGet // a GET with a body
	}
	if len(parts) > 1 {
		what += " " + parts[1]
	}
	target := parts[0]
	switch what {
	case "PUT":
		return s.create(target, body)
	case "DELETE":
		return s.deleteIndex(target)
	case "GET _alias":
		return s.getAlias(target, parts[2:], req.URL.Query().Has("ignore_unavailable"))
	case "GET _doc":
		return s.getDoc(target, parts[2])
	case "PUT _doc", "PUT _create":
		return s.putDoc(target, parts[2], what == "PUT _create", req.URL.Query(), body)
	case "DELETE _doc":
		return s.deleteDoc(target, parts[2])
	case "GET", "GET _mapping", "GET _settings", "GET _stats", "GET _count", "GET _validate", "POST _refresh", "PUT _settings":
		return s.describe(what, target, body)
	}
	return refuse(http.StatusNotImplemented, "not_in_memory", what)
}

// resolve finds the indices behind a list of names, aliases and wildcards;
// missing is the first concrete name that nothing has.
func (s *Server) resolve(list string) (found map[string]*index, missing string) {
	found = map[string]*index{}
	for name := range strings.SplitSeq(list, ",") {
		some := false
		for index, i := range s.indices {
			if behind(i, index, name) {
				found[index], some = i, true
			}
		}
		if !some && !strings.Contains(name, "*") {
			missing = name
		}
	}
	return found, missing
}

func behind(i *index, index, name string) bool {
	for candidate := range i.aliases {
		if match, _ := path.Match(name, candidate); match {
			return true
		}
	}
	match, _ := path.Match(name, index)
	return match
}

func (s *Server) make(name string) *index {
	if s.indices == nil {
		s.indices = map[string]*index{}
	}
	s.serial++
	i := &index{
		name: name, uuid: fmt.Sprintf("uuid-%d", s.serial), created: time.Now(),
		aliases: map[string]alias{}, changes: 1, docs: map[string]doc{},
		settings: map[string]any{}, mappings: map[string]any{},
	}
	s.indices[name] = i
	return i
}
