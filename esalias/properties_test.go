package esalias

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A later Elasticsearch may give aliases properties that this package has never
// heard of: to remove such an alias and add it again would lose them.
func TestPropertyThatIsNotKnownIsNotLost(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, Options{Lease: 5 * time.Minute})
	first := acquired(t, c)
	before := swapped(t, first).Index
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	holder := blue()
	holder.RunID = "runbbbbb"
	l := acquiredBy(t, c, holder)
	build := created(t, l)
	w.on(func(_ *http.Request, _ string, pass func() (*http.Response, error)) (*http.Response, error) {
		res, err := pass()
		if err != nil {
			return nil, err
		}
		answer, err := io.ReadAll(res.Body)
		if err != nil {
			return nil, err
		}
		answer = bytes.ReplaceAll(answer, []byte(`"persons":{`), []byte(`"persons":{"no_such_property":[1],`))
		res.Body = io.NopCloser(bytes.NewReader(bytes.ReplaceAll(answer, []byte(`[1],}`), []byte(`[1]}`))))
		return res, nil
	})
	var shape *ShapeError
	if _, err := l.Swap(t.Context(), build); !errors.As(err, &shape) || !errors.Is(err, ErrNotSwapped) || !strings.Contains(shape.Problem, "no_such_property") {
		t.Errorf("swap: %v", err)
	}
	if _, err := c.Live(t.Context()); !errors.As(err, &shape) {
		t.Errorf("before the load: %v", err)
	}
	w.on(nil)
	wantLive(t, c, before)
}

func TestSightingsOfSeveralRequests(t *testing.T) {
	t.Parallel()
	a3, a5, b4 := sighting{"a", 3}, sighting{"a", 5}, sighting{"b", 4}
	for name, tt := range map[string]struct {
		first, second, want sighting
	}{
		"the first":                               {sighting{}, a5, a5},
		"the oldest count of one index":           {a5, a3, a3},
		"the oldest count, seen first":            {a3, a5, a3},
		"a count that could not be read":          {sighting{"a", -1}, a5, sighting{"a", -1}},
		"two indices, so that it is not known":    {a3, b4, sighting{"b", -1}},
		"and stays so when the index is the same": {sighting{"b", -1}, b4, sighting{"b", -1}},
	} {
		if got := tt.first.oldest(tt.second); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
	}
}
