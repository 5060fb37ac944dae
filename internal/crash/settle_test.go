package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"example.com/reindex/examples/persons"
)

// attempts is how many runs may be needed once nothing disturbs them any more.
// One is enough unless the machine is so busy that it loses a lease of 2 s.
const attempts = 3

// settle proves, after the last fault, that the next run swaps, that it cleans
// up what the dead ones left, and that the index is what the rows say.
func (s *suite) settle(ctx context.Context, t *testing.T) {
	t.Helper()
	s.note("no more faults")
	for _, p := range s.proxies {
		p.Clear() // whatever was still on its way arrives now
	}
	for range 2 { // the second one retires what arrived during the first
		if !s.swaps(t) {
			return
		}
	}
	if err := s.tidy(ctx); err != nil {
		s.violate("%v", err)
	}
	if diff := s.compare(ctx, t); diff != "" {
		s.violate("the index differs from the rows (-rows +index):\n%.4000s", diff)
	}
}

func (s *suite) swaps(t *testing.T) bool {
	t.Helper()
	for range attempts {
		p := s.mustRun(t, s.server, "run", "--json")
		r, _ := p.summary()
		s.note("undisturbed run: status %d, outcome %s, index %s %s", p.Status(), r.Outcome, r.Index, p.lastWords())
		if r.Outcome == "swapped" {
			return true
		}
	}
	s.violate("no run has swapped in %d attempts after the last fault", attempts)
	return false
}

// tidy wants the live index and the one kept for rollback, both with marks, and
// nothing else.
func (s *suite) tidy(ctx context.Context) error {
	var state map[string]struct{ Aliases map[string]any }
	r := newReader(s.world, func() string { return s.server }, &s.promises)
	defer r.client.CloseIdleConnections()
	if err := r.get(ctx, http.MethodGet, "/"+s.alias+"-*/_alias?expand_wildcards=all", "", &state); err != nil {
		return err
	}
	var left []string
	for index, found := range state {
		marked := false
		for name := range found.Aliases {
			marked = marked || strings.HasPrefix(name, s.alias+".swap-")
			if strings.HasPrefix(name, s.alias+".w-") {
				return fmt.Errorf("%s still has the writer alias %s", index, name)
			}
		}
		left = append(left, fmt.Sprintf("%s (once live: %t)", index, marked))
		if !marked {
			return fmt.Errorf("%s was left behind", index)
		}
	}
	if len(left) != 2 {
		slices.Sort(left)
		return fmt.Errorf("want the live index and one that is kept, got %v", left)
	}
	return nil
}

// compare holds every document against the oracle: the same document, built by
// one other statement.
func (s *suite) compare(ctx context.Context, t *testing.T) string {
	t.Helper()
	r := newReader(s.world, func() string { return s.server }, &s.promises)
	defer r.client.CloseIdleConnections()
	var page struct {
		Hits struct {
			Hits []struct {
				ID     string          `json:"_id"`
				Source json.RawMessage `json:"_source"`
			}
		}
	}
	if err := r.get(ctx, http.MethodPost, "/"+s.alias+"/_search", `{"size":10000}`, &page); err != nil {
		t.Error(err)
	}
	got := map[string]any{}
	for _, hit := range page.Hits.Hits {
		got[hit.ID] = normal(t, hit.Source)
	}
	return cmp.Diff(s.oracle(ctx, t), got)
}

func (w *world) oracle(ctx context.Context, t *testing.T) map[string]any {
	t.Helper()
	query, err := persons.SQL("oracle.sql")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := connect(t, w.db).Query(ctx, query)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{}
	var id, rev int64
	var doc string
	if _, err := pgx.ForEachRow(rows, []any{&id, &doc, &rev}, func() error {
		want[fmt.Sprint(id)] = normal(t, []byte(doc))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return want
}

// normal parses a document and puts its lists, which are sets, in order.
func normal(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for _, value := range doc {
		if list, ok := value.([]any); ok {
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	}
	return doc
}
