package main

import (
	"io"
	"os"
	"testing"
	"time"

	"example.com/reindex/internal/devstack/stacktest"
)

// TestBench runs every way once over few persons: that the ways still work and
// still make the same documents. Its figures mean nothing.
func TestBench(t *testing.T) {
	t.Parallel()
	s := servers{
		elasticsearch: stacktest.Elasticsearch(t), database: stacktest.Database(t),
		prefix: stacktest.Prefix(t), work: t.TempDir(),
	}
	args := []string{"-n", "2000", "-rounds", "1", "-warm", "0", "-pages", "2"}
	if testing.Short() {
		// Compiling the bulk indexer takes longer than all the rest.
		args = append(args, "-ways", "ceiling,pipeline")
	}
	o, err := parse(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	r, err := measure(t.Context(), o, s, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(r.Samples), len(o.ways); got != want {
		t.Errorf("%d samples, want %d", got, want)
	}
	for _, sample := range r.Samples {
		if sample.Elapsed <= 0 || sample.Elasticsearch < 0 {
			t.Errorf("%s: took %.3f s and %.3f s of Elasticsearch's time", sample.Way, sample.Elapsed, sample.Elasticsearch)
		}
	}
}

func TestMeaningOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		a, b string
		same bool
	}{
		{"fields have no order", `{"a":1,"b":2}`, `{"b":2, "a":1}`, true},
		{"elements of a list have no order", `{"a":[{"x":1},{"x":2}]}`, `{"a":[{"x":2},{"x":1}]}`, true},
		{"elements are counted", `{"a":[{"x":1},{"x":1}]}`, `{"a":[{"x":1}]}`, false},
		{"null is not the empty string", `{"a":null}`, `{"a":""}`, false},
		{"large numbers stay exact", `{"a":9007199254740993}`, `{"a":9007199254740992}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, err := meaningOf([]byte(tt.a))
			if err != nil {
				t.Fatal(err)
			}
			b, err := meaningOf([]byte(tt.b))
			if err != nil {
				t.Fatal(err)
			}
			if (a == b) != tt.same {
				t.Errorf("meanings of %s and %s equal: %t, want %t", tt.a, tt.b, a == b, tt.same)
			}
		})
	}
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	var ms []float64
	for i := 100; i >= 1; i-- {
		ms = append(ms, float64(i))
	}
	if got, want := percentiles(ms), (latency{P50: 50, P90: 90, P99: 99, Max: 100}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := percentiles([]float64{7}); got.P50 != 7 || got.Max != 7 {
		t.Errorf("of one value: %+v", got)
	}
}

func TestCPUOf(t *testing.T) {
	t.Parallel()
	before, err := cpuOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for ownCPU() < before+100*time.Millisecond {
	}
	after, err := cpuOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after <= before {
		t.Errorf("processor time went from %s to %s", before, after)
	}
	if peakOf(os.Getpid()) <= 0 {
		t.Error("no peak memory")
	}
}
