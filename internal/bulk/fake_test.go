package bulk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/document"
)

// transport is an esapi.Transport made of a function.
type transport func(*http.Request) (*http.Response, error)

func (t transport) Perform(req *http.Request) (*http.Response, error) { return t(req) }

// reply is a response in the making, or the lack of one.
type reply struct {
	status     int // 0: the connection breaks
	text       string
	retryAfter string
}

func (r reply) send() (*http.Response, error) {
	if r.status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	header := http.Header{"Retry-After": {r.retryAfter}}
	return &http.Response{StatusCode: r.status, Header: header, Body: io.NopCloser(strings.NewReader(r.text))}, nil
}

// stored is a document of the fake index, or what is left of a deleted one.
type stored struct {
	json    string
	version int64
	deleted bool
}

// index answers bulk requests as Elasticsearch 8.19.7 does, as far as this
// package asks. It proves what this package does with answers, not what
// Elasticsearch answers: that is for server_test.go.
type index struct {
	mu   sync.Mutex
	docs map[string]stored
	// reject, if not nil, answers for a document instead of the index.
	reject func(id string) string
	writes map[string]int // how often an id was written
}

func newIndex() *index { return &index{docs: map[string]stored{}, writes: map[string]int{}} }

type action struct {
	name    string
	ID      string `json:"_id"`
	Version int64  `json:"version"`
	json    string
}

// parse reads a bulk body, strictly: the framing is what these tests check.
func parse(body []byte) ([]action, error) {
	lines := strings.Split(string(body), "\n")
	if lines[len(lines)-1] != "" {
		return nil, fmt.Errorf("the body does not end with a line break")
	}
	var actions []action
	for lines = lines[:len(lines)-1]; len(lines) > 0; {
		var line map[string]action
		if err := json.Unmarshal([]byte(lines[0]), &line); err != nil || len(line) != 1 {
			return nil, fmt.Errorf("action line %q: %w", lines[0], err)
		}
		lines = lines[1:]
		for name, a := range line {
			a.name = name
			if name != "delete" {
				a.json, lines = lines[0], lines[1:]
			}
			actions = append(actions, a)
		}
	}
	return actions, nil
}

func (x *index) Perform(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	return x.answer(body).send()
}

func (x *index) answer(body []byte) reply {
	actions, err := parse(body)
	if err != nil {
		return reply{status: http.StatusBadRequest, text: `{"error":{"type":"illegal_argument_exception","reason":"bad body"},"status":400}`}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	items := make([]string, 0, len(actions))
	for _, a := range actions {
		items = append(items, fmt.Sprintf(`{%q:{%s}}`, a.name, x.apply(a)))
	}
	return reply{status: http.StatusOK, text: `{"items":[` + strings.Join(items, ",") + `]}`}
}

func (x *index) apply(a action) string {
	old, found := x.docs[a.ID]
	if x.reject != nil {
		if answer := x.reject(a.ID); answer != "" {
			return answer
		}
	}
	if a.name == "update" { // the guard
		return itemError(http.StatusNotFound, "document_missing_exception", "")
	}
	if a.Version > 0 && a.Version < old.version {
		return itemError(http.StatusConflict, "version_conflict_engine_exception", "")
	}
	x.docs[a.ID] = stored{json: a.json, version: a.Version, deleted: a.name == "delete"}
	x.writes[a.ID]++
	there := found && !old.deleted
	switch {
	case a.name == "delete" && !there:
		return `"status":404`
	case a.name == "delete" || there:
		return `"status":200`
	}
	return `"status":201`
}

func itemError(status int, kind, reason string) string {
	return fmt.Sprintf(`"status":%d,"error":{"type":%q,"reason":%q}`, status, kind, reason)
}

// has counts the documents that are there.
func (x *index) has() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := 0
	for _, d := range x.docs {
		if !d.deleted {
			n++
		}
	}
	return n
}

// people produces n small documents with the ids first, first+1 and so on.
func people(first, n int, version int64) Producer {
	return func(_ context.Context, add func(document.Document) error) error {
		var id, body []byte
		for i := range n {
			id = strconv.AppendInt(id[:0], int64(first+i), 10)
			body = append(append(append(body[:0], `{"personId":`...), id...), '}')
			if err := add(document.Document{ID: id, Version: version, JSON: body}); err != nil {
				return err
			}
			clear(body) // whoever kept it instead of copying would notice
		}
		return nil
	}
}

func documents(docs ...document.Document) Producer {
	return func(_ context.Context, add func(document.Document) error) error {
		for _, doc := range docs {
			if err := add(doc); err != nil {
				return err
			}
		}
		return nil
	}
}

func doc(id, json string) document.Document {
	return document.Document{ID: []byte(id), JSON: []byte(json)}
}

func deletion(id string, version int64) document.Document {
	return document.Document{ID: []byte(id), Version: version}
}

func mustNew(tb testing.TB, es esapi.Transport, opts Options) *Loader {
	tb.Helper()
	if opts.Target == "" {
		opts.Target = "persons.w-42"
	}
	l, err := New(es, opts)
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	return l
}

// lines counts the line breaks of a request body.
func lines(body []byte) int { return bytes.Count(body, []byte{'\n'}) }
