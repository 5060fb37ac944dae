package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// reader is a user: it searches the alias all the time, and looks at the
// aliases themselves.
type reader struct {
	client *http.Client
	server func() string // to ask next
	alias  string
	base   []int64

	lagging bool // nodes may answer from an older cluster state: no order is expected

	searches  int
	newest    int64           // token of the newest mark seen on a live index
	fences    map[string]bool // seen before; false: and gone since
	fence     string
	fenceSeen int64
	promises  interface{ Load(any) (any, bool) }
}

func newReader(s *world, server func() string, promises interface{ Load(any) (any, bool) }) *reader {
	return &reader{
		client: &http.Client{Transport: new(http.Transport), Timeout: time.Minute},
		server: server, alias: s.alias, base: s.base, fences: map[string]bool{}, promises: promises,
	}
}

// unansweredError means that no answer came, which shows nothing.
type unansweredError struct{ error }

func unanswered(err error) bool {
	_, ok := errors.AsType[unansweredError](err)
	return ok
}

func (r *reader) get(ctx context.Context, method, path, body string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, r.server()+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := r.client.Do(req)
	if err != nil {
		return unansweredError{err}
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return unansweredError{err}
	}
	if res.StatusCode >= http.StatusInternalServerError || res.StatusCode == http.StatusTooManyRequests {
		return unansweredError{fmt.Errorf("%s %s: %d %.300s", method, path, res.StatusCode, answer)}
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %d %.300s", method, path, res.StatusCode, answer)
	}
	return json.Unmarshal(answer, into)
}

// everyone asks for every person and every index that a search meets.
const everyone = `{"size":0,"track_total_hits":true,"aggs":{` +
	`"persons":{"terms":{"field":"personId","size":10000}},"indices":{"terms":{"field":"_index","size":10}}}}`

type bucket struct {
	Key   json.RawMessage `json:"key"`
	Count int             `json:"doc_count"`
}

type found struct {
	TimedOut bool `json:"timed_out"`
	Shards   struct{ Failed int }
	Hits     struct {
		Total struct{ Value int }
	}
	Aggregations struct {
		Persons, Indices struct{ Buckets []bucket }
	}
}

// search is one search, and what is wrong with its answer.
func (r *reader) search(ctx context.Context) error {
	var f found
	if err := r.get(ctx, http.MethodPost, "/"+r.alias+"/_search", everyone, &f); err != nil {
		return err
	}
	r.searches++
	if f.Shards.Failed > 0 || f.TimedOut {
		return unansweredError{fmt.Errorf("%d shards failed, timed out: %t", f.Shards.Failed, f.TimedOut)}
	}
	indices := f.Aggregations.Indices.Buckets
	if len(indices) != 1 {
		return fmt.Errorf("a search met %d indices, want 1; %d documents", len(indices), f.Hits.Total.Value)
	}
	seen := make(map[string]bool, len(r.base))
	for _, person := range f.Aggregations.Persons.Buckets {
		if person.Count != 1 {
			return fmt.Errorf("person %s was found %d times in %s", person.Key, person.Count, indices[0].Key)
		}
		seen[string(person.Key)] = true
	}
	if f.Hits.Total.Value != len(seen) {
		return fmt.Errorf("%d documents of %d persons in %s", f.Hits.Total.Value, len(seen), indices[0].Key)
	}
	return r.missing(seen, string(indices[0].Key))
}

func (r *reader) missing(seen map[string]bool, index string) error {
	var missing []string
	for _, id := range r.base {
		if id := strconv.FormatInt(id, 10); !seen[id] {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%d of %d persons were not found in %s: %.100s", len(missing), len(r.base), index, strings.Join(missing, " "))
	}
	return nil
}

// look reads all aliases of the live index and of the lock index in one cluster
// state.
func (r *reader) look(ctx context.Context) error {
	var state map[string]struct{ Aliases map[string]any }
	path := "/" + r.alias + ",lock-" + r.alias + "/_alias?expand_wildcards=all"
	if err := r.get(ctx, http.MethodGet, path, "", &state); err != nil {
		return err
	}
	var live []string
	for index := range state {
		if index != "lock-"+r.alias {
			live = append(live, index)
		}
	}
	if len(live) != 1 {
		return fmt.Errorf("the alias is on %d indices: %s", len(live), live)
	}
	if err := r.marks(live[0], state[live[0]].Aliases); err != nil {
		return err
	}
	return r.oneFence(state["lock-"+r.alias].Aliases)
}

// tagOf is the token in the name of a working alias.
var tagOf = regexp.MustCompile(`\.(claim|done|swap|w)-(\d+)-`)

func (r *reader) token(name string) int64 {
	m := tagOf.FindStringSubmatch(strings.TrimPrefix(name, r.alias))
	if m == nil {
		return 0
	}
	token, _ := strconv.ParseInt(m[2], 10, 64)
	return token
}

// marks proves that swaps come in the order of their tokens, and that no run
// has swapped that promised not to.
func (r *reader) marks(index string, aliases map[string]any) error {
	newest := int64(0)
	for name := range aliases {
		if !strings.HasPrefix(name, r.alias+".swap-") {
			continue
		}
		newest = max(newest, r.token(name))
		if _, never := r.promises.Load(name); never {
			return fmt.Errorf("%s is live by %s, of a run that said it had not swapped", index, name)
		}
	}
	if newest == 0 {
		return fmt.Errorf("%s is live without a mark: %v", index, aliases)
	}
	if newest < r.newest && !r.lagging {
		return fmt.Errorf("%s is live by token %d after a swap with token %d", index, newest, r.newest)
	}
	r.newest = newest
	return nil
}

// oneFence proves that there is one fence, that its tokens only rise, and that
// no name comes back.
func (r *reader) oneFence(aliases map[string]any) error {
	var fences []string
	for name := range aliases {
		if strings.HasPrefix(name, r.alias+".claim-") || strings.HasPrefix(name, r.alias+".done-") {
			fences = append(fences, name)
		}
	}
	if len(fences) != 1 {
		return fmt.Errorf("%d fences: %v", len(fences), fences)
	}
	fence := fences[0]
	if fence == r.fence || r.lagging {
		return nil
	}
	if r.fences[fence] {
		return fmt.Errorf("the fence %s came back after %s", fence, r.fence)
	}
	if token := r.token(fence); token < r.fenceSeen {
		return fmt.Errorf("the fence %s came after %s", fence, r.fence)
	}
	r.fences[fence], r.fence, r.fenceSeen = true, fence, r.token(fence)
	return nil
}
