package sizing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/google/go-cmp/cmp"

	"example.com/reindex/internal/devstack/stacktest"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/es"
)

const body = `{"settings":{"number_of_shards":1},"mappings":{"dynamic":"strict","properties":{"n":{"type":"long"}}}}`

func sample(t *testing.T, documents int, text string) *Sample {
	t.Helper()
	s := NewSample(documents)
	for i := range documents {
		if err := s.Add(document.Document{ID: fmt.Appendf(nil, "%d", i), JSON: fmt.Appendf(nil, text, i)}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func client(t *testing.T) esapi.Transport {
	t.Helper()
	c, err := es.New(es.Config{Addresses: []string{stacktest.Elasticsearch(t)}, Connections: 8})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// left are the throw-away indices of a search.
func left(t *testing.T, c esapi.Transport, name string) []string {
	t.Helper()
	var answer map[string]json.RawMessage
	if err := es.Do(t.Context(), c, http.MethodGet, "/"+Prefix+name+"*/_settings", nil, &answer); err != nil {
		t.Fatal(err)
	}
	var names []string
	for index := range answer {
		names = append(names, index)
	}
	return names
}

func TestFindNamesASettingAndLeavesNothing(t *testing.T) {
	t.Parallel()
	c, name := client(t), stacktest.Prefix(t)
	loads := 0
	r, err := Find(t.Context(), c, sample(t, 300, `{"n":%d}`), Options{
		Name: name, Body: json.RawMessage(body), Rounds: 1, Observe: func(Setting, float64) { loads++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Best.Workers != 1 || r.Best.BatchBytes != 256<<10 {
		t.Errorf("chose %+v, want the only setting that so few documents allow", r.Best)
	}
	if loads != 2 || len(r.Skipped) != 8 {
		t.Errorf("%d loads and %d settings left out, want 2 and 8", loads, len(r.Skipped))
	}
	if names := left(t, c, name); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestFindLeavesNothingWhenInterrupted(t *testing.T) {
	t.Parallel()
	c, name := client(t), stacktest.Prefix(t)
	reason := errors.New("interrupted by a test")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := Find(ctx, &interrupting{Transport: c, end: func() { cancel(reason) }}, sample(t, 300, `{"n":%d}`),
		Options{Name: name, Body: json.RawMessage(body)})
	if !errors.Is(err, reason) {
		t.Errorf("got %v, want the cause", err)
	}
	if names := left(t, c, name); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// interrupting ends the search at its first bulk request.
type interrupting struct {
	esapi.Transport
	end func()
}

func (i *interrupting) Perform(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/_bulk") {
		i.end()
	}
	return i.Transport.Perform(req)
}

func TestFindStopsAtRejectedDocuments(t *testing.T) {
	t.Parallel()
	c, name := client(t), stacktest.Prefix(t)
	_, err := Find(t.Context(), c, sample(t, 10, `{"secret":%d}`), Options{Name: name, Body: json.RawMessage(body)})
	if err == nil || !strings.Contains(err.Error(), "strict_dynamic_mapping_exception") {
		t.Errorf("got %v, want the type of the error", err)
	}
	if names := left(t, c, name); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestFindRefusesAnIndexThatReadersWouldSee(t *testing.T) {
	t.Parallel()
	c, name := client(t), stacktest.Prefix(t)
	template := fmt.Sprintf(`{"index_patterns":["%s%s*"],"priority":900,"template":{"aliases":{"%s-live":{}}}}`, Prefix, name, name)
	path := "/_index_template/" + name
	if err := es.Do(t.Context(), c, http.MethodPut, path, []byte(template), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := es.Do(context.Background(), c, http.MethodDelete, path, nil, nil); err != nil {
			t.Error(err)
		}
	})
	_, err := Find(t.Context(), c, sample(t, 10, `{"n":%d}`), Options{Name: name, Body: json.RawMessage(body)})
	if err == nil || !strings.Contains(err.Error(), "index template") {
		t.Errorf("got %v, want a refusal", err)
	}
	if names := left(t, c, name); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestSampleIsFullWithEnoughDocuments(t *testing.T) {
	t.Parallel()
	s := sample(t, 3, `{"n":%d}`)
	if err := s.Add(document.Document{ID: []byte("4"), JSON: []byte("{}")}); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	large := document.Document{ID: []byte("1"), JSON: make([]byte, maxSampleBytes)}
	if err := NewSample(1).Add(large); err != nil {
		t.Errorf("one large document: %v", err)
	}
}

func TestBatchesArePiecesOfTheSample(t *testing.T) {
	t.Parallel()
	s := sample(t, 3, `{"n":%d}`)
	one := len(s.data) / 3
	for size, want := range map[int][]int{1: {one, one, one}, one: {one, one, one}, 2 * one: {2 * one, one}, 9 * one: {3 * one}} {
		var got []int
		for _, b := range s.batches(size) {
			got = append(got, len(b))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("batches of at most %d bytes (-want +got):\n%s", size, diff)
		}
	}
}

func TestChooseTakesTheLeastMemoryWithinATenth(t *testing.T) {
	t.Parallel()
	got, err := choose([]Trial{
		{Setting: Setting{1, 1 << 20}, Rounds: []float64{50}},
		{Setting: Setting{2, 1 << 20}, Rounds: []float64{91, 93}},
		{Setting: Setting{4, 1 << 20}, Rounds: []float64{100}},
		{Setting: Setting{8, 1 << 20}, Busy: true},
	})
	if want := (Setting{2, 1 << 20}); err != nil || got != want {
		t.Errorf("chose %+v, %v; want %+v", got, err, want)
	}
	if _, err := choose([]Trial{{Busy: true}}); err == nil {
		t.Error("chose a setting that was refused")
	}
}

func TestMatters(t *testing.T) {
	t.Parallel()
	current := Setting{Workers: 4, BatchBytes: 4 << 20}
	trial := func(workers, bytes int, speed float64) Trial {
		return Trial{Setting: Setting{workers, bytes}, Rounds: []float64{speed}}
	}
	for name, test := range map[string]struct {
		workers, sizes []Trial
		matters, known bool
	}{
		"the present settings are as fast": {
			[]Trial{trial(2, 1<<20, 100), trial(4, 1<<20, 95)}, []Trial{trial(2, 1<<20, 104), trial(2, 4<<20, 100)}, false, true,
		},
		"more workers pay": {
			[]Trial{trial(4, 1<<20, 100), trial(8, 1<<20, 130)}, []Trial{trial(8, 4<<20, 130)}, true, true,
		},
		"smaller batches pay": {
			[]Trial{trial(4, 1<<20, 100)}, []Trial{trial(4, 1<<20, 130), trial(4, 4<<20, 100)}, true, true,
		},
		"Elasticsearch refuses the present number": {
			[]Trial{trial(2, 1<<20, 100), {Setting: Setting{4, 1 << 20}, Busy: true}}, []Trial{trial(2, 4<<20, 100)}, true, true,
		},
		"the sample is too small for the present batch size": {
			[]Trial{trial(4, 1<<20, 100)}, []Trial{trial(4, 1<<20, 100)}, false, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Result{Workers: test.workers, Sizes: test.sizes, current: current}
			if matters, known := r.Matters(); matters != test.matters || known != test.known {
				t.Errorf("Matters = %t, %t; want %t, %t", matters, known, test.matters, test.known)
			}
		})
	}
}

func TestWithKeepsTheOrder(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]int{1, 2, 3, 4}, with(3, 1, 2, 4)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{1, 2, 4}, with(0, 1, 2, 4)); diff != "" {
		t.Error(diff)
	}
}
