package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// cluster is the URL of an Elasticsearch, asked as any reader would.
type cluster string

// try sends one request.
func (c cluster) try(ctx context.Context, method, path, body string) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, string(c)+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // leaves no goroutine behind
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// ask wants a 2xx answer.
func (c cluster) ask(t *testing.T, method, path, body string) []byte {
	t.Helper()
	status, answer, err := c.try(t.Context(), method, path, body)
	if err != nil || status/100 != 2 {
		t.Fatalf("%s %s: %d %v %s", method, path, status, err, answer)
	}
	return answer
}

// indices are the names of all indices that pattern matches.
func (c cluster) indices(t *testing.T, pattern string) []string {
	t.Helper()
	var found map[string]json.RawMessage
	answer := c.ask(t, http.MethodGet, "/"+pattern+"/_settings?expand_wildcards=all&allow_no_indices=true&filter_path=*.settings.index.uuid", "")
	if err := json.Unmarshal(answer, &found); err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// carriers are the indices that alias is on.
func (c cluster) carriers(t *testing.T, alias string) []string {
	t.Helper()
	var found map[string]json.RawMessage
	if err := json.Unmarshal(c.ask(t, http.MethodGet, "/_alias/"+alias, ""), &found); err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	return names
}

// hit is a document as a search returns it.
type hit struct {
	ID     string          `json:"_id"`
	Index  string          `json:"_index"`
	Source json.RawMessage `json:"_source"`
}

// maxHits is the largest page of a search unless an index says otherwise.
const maxHits = 10_000

// search returns all documents behind a name. (No filter_path: it makes
// Elasticsearch parse sources and write numbers in another way.)
func (c cluster) search(ctx context.Context, name, query string) ([]hit, error) {
	status, answer, err := c.try(ctx, http.MethodPost, fmt.Sprintf("/%s/_search?size=%d%s", name, maxHits, query), "")
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("search %s: %d %s", name, status, answer)
	}
	var found struct {
		Shards struct{ Failed int } `json:"_shards"`
		Hits   struct{ Hits []hit }
	}
	if err := json.Unmarshal(answer, &found); err != nil {
		return nil, err
	}
	if found.Shards.Failed > 0 {
		return nil, fmt.Errorf("search %s: %d shards failed", name, found.Shards.Failed)
	}
	return found.Hits.Hits, nil
}

// documents returns the source of every document behind a name, by id.
func (c cluster) documents(t *testing.T, name string) map[string]any {
	t.Helper()
	c.ask(t, http.MethodPost, "/"+name+"/_refresh", "")
	hits, err := c.search(t.Context(), name, "")
	if err != nil {
		t.Fatal(err)
	}
	documents := make(map[string]any, len(hits))
	for _, h := range hits {
		if _, twice := documents[h.ID]; twice {
			t.Errorf("id %s is in %s twice", h.ID, name)
		}
		documents[h.ID] = parseJSON(t, h.Source)
	}
	return documents
}

// equal compares what is behind the alias with the oracle, field by field.
func (p *project) equal(t *testing.T, query string) {
	t.Helper()
	want := oracle(t, p.db, query)
	if diff := cmp.Diff(want, p.documents(t, p.alias)); diff != "" {
		t.Errorf("the index differs from the source (-source +index):\n%.4000s", diff)
	}
}

// reader searches an alias until it is stopped, and complains whenever it does
// not see every document once, all in one index.
type reader struct {
	cancel context.CancelFunc
	done   chan struct{}
	last   func() error // one more look
	looks  int
	seen   []string // indices, in the order they were seen; one it went back to is there again
	query  string   // of documents that must be there
	err    error
}

// read starts a reader that must see exactly n documents at every look, the
// first of which is over when it returns.
func (p *project) read(t *testing.T, n int) *reader {
	t.Helper()
	return p.readWhere(t, n, "*")
}

// readWhere starts a reader that must see exactly n documents that match a query, such as tags.tag:*, at every look.
func (p *project) readWhere(t *testing.T, n int, query string) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &reader{cancel: cancel, done: make(chan struct{}), query: query}
	r.last = func() error { return r.look(t.Context(), p, n) }
	r.err = r.look(ctx, p, n)
	go func() { // ends with ctx; stop waits for it
		defer close(r.done)
		for ctx.Err() == nil && r.err == nil {
			if err := r.look(ctx, p, n); ctx.Err() == nil {
				r.err = err
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	t.Cleanup(func() { cancel(); <-r.done })
	return r
}

func (r *reader) look(ctx context.Context, p *project, n int) error {
	hits, err := p.search(ctx, p.alias, "&_source=false&q="+url.QueryEscape(r.query))
	if err != nil {
		return err
	}
	ids, indices := map[string]bool{}, map[string]bool{}
	for _, h := range hits {
		if ids[h.ID] {
			return fmt.Errorf("document %s is there twice", h.ID)
		}
		ids[h.ID], indices[h.Index] = true, true
	}
	if len(ids) != n || len(indices) != 1 {
		return fmt.Errorf("%d documents in %d indices, want %d in one", len(ids), len(indices), n)
	}
	if index := hits[0].Index; len(r.seen) == 0 || r.seen[len(r.seen)-1] != index {
		r.seen = append(r.seen, index)
	}
	r.looks++
	return nil
}

// stop ends the reader after a last look and returns the indices it saw, in
// order.
func (r *reader) stop(t *testing.T) []string {
	t.Helper()
	r.cancel()
	<-r.done
	if r.err == nil {
		r.err = r.last()
	}
	if r.err != nil {
		t.Errorf("reader, after %d good looks: %v", r.looks, r.err)
	}
	return r.seen
}

// lockIsFree wants that nobody has the lock, or that there never was one.
func (p *project) lockIsFree(t *testing.T) {
	t.Helper()
	status, answer, err := p.try(t.Context(), http.MethodGet, "/lock-"+p.alias+"/_doc/lock", "")
	if err != nil {
		t.Fatal(err)
	}
	if status == http.StatusOK && !bytes.Contains(answer, []byte(`"state":"free"`)) {
		t.Errorf("the lock is not free: %s", answer)
	}
}
