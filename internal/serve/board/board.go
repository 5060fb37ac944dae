package board

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// Server is one `reindex serve`.
type Server struct {
	Host    string      `json:"host"`
	Listen  string      `json:"listen"` // its address; with Host, what tells two servers apart
	PID     int         `json:"pid"`
	Version string      `json:"version"`
	Started time.Time   `json:"started"`
	Seen    time.Time   `json:"seen"`           // when it wrote this
	Every   int64       `json:"every_ms"`       // how often it does
	Cron    string      `json:"cron,omitempty"` // of this alias; empty: it starts none
	Zone    string      `json:"time_zone,omitempty"`
	Next    []time.Time `json:"next,omitempty"`
	// Stopped is when it ended in order; zero while it runs, and if it was killed.
	Stopped time.Time `json:"stopped,omitzero"`
}

// Name tells servers apart.
func (s Server) Name() string { return s.Host + " " + s.Listen }

// Silent is whether the server should have been heard of since.
func (s Server) Silent(now time.Time) bool {
	return s.Stopped.IsZero() && now.Sub(s.Seen) > 3*time.Duration(s.Every)*time.Millisecond+5*time.Second
}

// Result is what a verify or a check found last.
type Result struct {
	Command string          `json:"command"`
	Host    string          `json:"host"`
	By      string          `json:"by,omitempty"`
	At      time.Time       `json:"at"`
	Exit    int             `json:"exit"`
	Summary json.RawMessage `json:"summary,omitempty"` // the last line of --json
	Lines   []string        `json:"lines,omitempty"`
}

// Stop is a person's wish that a run ends.
type Stop struct {
	RunID string    `json:"run_id"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
}

// Board is all that is written there.
type Board struct {
	Servers []Server          // by name
	Results map[string]Result // by command
	Stops   []Stop
}

// note is one document: one of its fields is set.
type note struct {
	Server *Server `json:"server,omitempty"`
	Result *Result `json:"result,omitempty"`
	Stop   *Stop   `json:"stop,omitempty"`
}

// Store is the board of one alias. It is safe for concurrent use.
type Store struct {
	es    esapi.Transport
	alias string
}

// New returns the board of alias.
func New(transport esapi.Transport, alias string) *Store { return &Store{es: transport, alias: alias} }

// index ends in a number for the reason that package history has.
func (s *Store) index() string  { return "lock-" + s.alias + "-serve-1" }
func (s *Store) writer() string { return "lock-" + s.alias + ".serve-1" }

// PutServer writes that the server is up.
func (s *Store) PutServer(ctx context.Context, server Server) error {
	return s.put(ctx, "server-"+server.Name(), note{Server: &server})
}

// PutResult writes what a command found.
func (s *Store) PutResult(ctx context.Context, r Result) error {
	return s.put(ctx, "result-"+r.Command, note{Result: &r})
}

// PutStop writes that a run should end.
func (s *Store) PutStop(ctx context.Context, stop Stop) error {
	return s.put(ctx, "stop-"+stop.RunID, note{Stop: &stop})
}

// put writes one document; the index is made if it is missing. Each is written
// by one server or by the last one who has something to say, so that no
// version is needed.
func (s *Store) put(ctx context.Context, id string, n note) error {
	body, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("notes of %s: %w", s.alias, err)
	}
	path := "/" + s.writer() + "/_doc/" + url.PathEscape(id) + "?require_alias=true"
	err = es.Do(ctx, s.es, http.MethodPut, path, body, nil)
	if es.IsType(err, "index_not_found_exception") {
		if err := s.create(ctx); err != nil {
			return err
		}
		err = es.Do(ctx, s.es, http.MethodPut, path, body, nil)
	}
	if err != nil {
		return fmt.Errorf("notes of %s: %w", s.alias, err)
	}
	return nil
}

func (s *Store) create(ctx context.Context) error {
	body, err := json.Marshal(map[string]any{
		"settings": map[string]any{"index": map[string]any{
			"number_of_shards": 1, "auto_expand_replicas": "0-1", "hidden": true,
		}},
		"mappings": map[string]any{"dynamic": false, "properties": map[string]any{}},
		"aliases":  map[string]any{s.writer(): map[string]any{}},
	})
	if err != nil {
		return fmt.Errorf("create index %s: %w", s.index(), err)
	}
	err = es.Do(ctx, s.es, http.MethodPut, "/"+s.index(), body, nil)
	if es.IsRefused(err) && !es.IsType(err, "resource_already_exists_exception") {
		return fmt.Errorf("create index %s: %w", s.index(), err)
	}
	return nil
}

// forget is after how long an old note is deleted, and most how many are read.
const (
	forget = 7 * 24 * time.Hour
	most   = 500
)

// Read returns the board; empty if there is none. What is a week old is deleted
// on the way. Notes may be a second old.
func (s *Store) Read(ctx context.Context, now time.Time) (Board, error) {
	b := Board{Results: map[string]Result{}}
	var answer struct {
		Hits struct {
			Hits []struct {
				ID     string `json:"_id"`
				Source note   `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	body := fmt.Appendf(nil, `{"size":%d}`, most)
	err := es.Do(ctx, s.es, http.MethodPost, "/"+s.index()+"/_search", body, &answer)
	if es.IsType(err, "index_not_found_exception") {
		return b, nil
	}
	if err != nil {
		return b, fmt.Errorf("notes of %s: %w", s.alias, err)
	}
	for _, hit := range answer.Hits.Hits {
		switch n := hit.Source; {
		case n.Server != nil && now.Sub(n.Server.Seen) > forget, n.Stop != nil && now.Sub(n.Stop.At) > forget:
			path := "/" + s.writer() + "/_doc/" + url.PathEscape(hit.ID) + "?require_alias=true"
			_ = es.Do(ctx, s.es, http.MethodDelete, path, nil, nil) // the next one to read tries again
		case n.Server != nil:
			b.Servers = append(b.Servers, *n.Server)
		case n.Result != nil:
			b.Results[n.Result.Command] = *n.Result
		case n.Stop != nil:
			b.Stops = append(b.Stops, *n.Stop)
		}
	}
	slices.SortFunc(b.Servers, func(x, y Server) int { return strings.Compare(x.Name(), y.Name()) })
	return b, nil
}
