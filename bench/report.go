package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is everything that one run of this command measured.
type report struct {
	At        time.Time `json:"at"`
	Persons   int       `json:"persons"`
	Documents int       `json:"documents"`
	Bytes     int64     `json:"bytes"` // JSON of all documents
	CPUs      int       `json:"cpus"`
	Go        string    `json:"go"`
	Samples   []sample  `json:"samples"`
}

// sample is one way in one round. Times are in seconds.
type sample struct {
	Way           string  `json:"way"`
	Label         string  `json:"label"`
	Round         int     `json:"round"`
	Elapsed       float64 `json:"elapsed"`
	Load          float64 `json:"load"`
	DocsPerSecond float64 `json:"docs_per_second"`
	MBPerSecond   float64 `json:"mb_per_second"` // of JSON, 10^6 bytes
	CPU           float64 `json:"cpu_program"`
	Postgres      float64 `json:"cpu_postgres"`
	Elasticsearch float64 `json:"cpu_elasticsearch"`
	PeakBytes     int64   `json:"peak_bytes"`
	Latency       latency `json:"bulk_latency_ms"`
	Scale         float64 `json:"scale,omitempty"` // times are those of a part, times this
	Total         float64 `json:"total,omitempty"` // of the program, with what it does after the swap
	Edits         float64 `json:"edits_per_second,omitempty"`
	CatchUp       catchUp `json:"catch_up"`
	// Phases are the steps of a run of the program, milliseconds after its start.
	Phases map[string]int64 `json:"phase_after_ms,omitempty"`
}

// measure lets the ways take turns.
func measure(ctx context.Context, o options, s servers, log io.Writer) (report, error) {
	r, err := newRig(ctx, o, s, log)
	if err != nil {
		return report{}, err
	}
	out := report{
		At: time.Now().UTC(), Persons: o.persons, Documents: len(r.corpus.prints), Bytes: r.corpus.bytes,
		CPUs: runtime.NumCPU(), Go: runtime.Version(),
	}
	for round := 1; round <= o.rounds; round++ {
		for _, name := range o.ways {
			w, err := wayOf(name)
			if err != nil {
				return out, err
			}
			sample, err := r.measure(ctx, w)
			if err != nil {
				return out, fmt.Errorf("%s, round %d: %w", name, round, err)
			}
			sample.Round = round
			out.Samples = append(out.Samples, sample)
			fmt.Fprintf(log, "%d/%d %-28s %9.0f docs/s  %6.1f s  cpu %5.1f program %5.1f PostgreSQL %5.1f Elasticsearch  peak %d MB\n",
				round, o.rounds, w.label, sample.DocsPerSecond, sample.Elapsed, sample.CPU, sample.Postgres, sample.Elasticsearch,
				sample.PeakBytes>>20)
			if sample.CatchUp.LagMS > 0 {
				fmt.Fprintf(log, "    %.0f edits/s beside; %.1f s in all; %+v\n", sample.Edits, sample.Total, sample.CatchUp)
			}
		}
	}
	return out, nil
}

// measure runs one way once, proves what it did, and removes it.
func (r *rig) measure(ctx context.Context, w way) (sample, error) {
	index := r.prefix + w.index()
	before, err := r.usage()
	if err != nil {
		return sample{}, err
	}
	o, err := w.run(ctx, r, index)
	if err != nil {
		return sample{}, err
	}
	after, err := r.usage()
	if err != nil {
		return sample{}, err
	}
	if o.index == "" {
		o.index = index
	}
	if err := r.check(ctx, o.index, o.documents); err != nil {
		return sample{}, err
	}
	if o.scale == 0 {
		o.scale = 1
	}
	n := float64(len(r.corpus.prints))
	s := sample{
		Way: w.name, Label: w.label, Elapsed: o.elapsed.Seconds(), Load: o.load.Seconds(),
		DocsPerSecond: n / o.elapsed.Seconds(), MBPerSecond: float64(r.corpus.bytes) / 1e6 / o.elapsed.Seconds(),
		CPU: o.cpu.Seconds(), PeakBytes: o.peak, Latency: o.latency, CatchUp: o.catchUp, Total: o.total.Seconds(), Phases: o.phases,
		Postgres:      (after.postgres - before.postgres).Seconds() * o.scale,
		Elasticsearch: (after.elasticsearch - before.elasticsearch).Seconds() * o.scale,
	}
	if o.edits > 0 {
		s.Edits = float64(o.edits) / o.editing.Seconds()
	}
	if o.scale != 1 {
		s.Scale = o.scale
	}
	return s, r.remove(ctx, o.index)
}

// spread is a median with what it lies between.
type spread struct{ median, least, most float64 }

func (r report) spread(way string, of func(sample) float64) spread {
	var values []float64
	for _, s := range r.Samples {
		if s.Way == way {
			values = append(values, of(s))
		}
	}
	if len(values) == 0 {
		return spread{}
	}
	slices.Sort(values)
	return spread{median: values[len(values)/2], least: values[0], most: values[len(values)-1]}
}

// table prints the medians. Ratios are the medians of the rounds' own ratios.
func (r report) table(out io.Writer) {
	fmt.Fprintf(out, "%d documents, %.0f bytes each, %d cores, medians of all rounds (least-most)\n\n",
		r.Documents, float64(r.Bytes)/float64(r.Documents), r.CPUs)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "way\tdocs/s\t\tMB/s\tof ceiling\tCPU s: program\tPostgreSQL\tElasticsearch\tpeak MB\tbulk ms p50\tp99")
	for _, way := range r.ways() {
		docs := r.spread(way, func(s sample) float64 { return s.DocsPerSecond })
		m := func(of func(sample) float64) float64 { return r.spread(way, of).median }
		label := r.label(way)
		fmt.Fprintf(w, "%s\t%.0f\t(%.0f-%.0f)\t%.1f\t%.2f\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t%.0f\n", label,
			docs.median, docs.least, docs.most, m(func(s sample) float64 { return s.MBPerSecond }), r.ofCeiling(way),
			m(func(s sample) float64 { return s.CPU }), m(func(s sample) float64 { return s.Postgres }),
			m(func(s sample) float64 { return s.Elasticsearch }), m(func(s sample) float64 { return float64(s.PeakBytes) / (1 << 20) }),
			m(func(s sample) float64 { return s.Latency.P50 }), m(func(s sample) float64 { return s.Latency.P99 }))
	}
	_ = w.Flush() // to the terminal
	fmt.Fprintln(out)
	r.steps(out)
}

// steps prints when runs of the program reached their phases.
func (r report) steps(out io.Writer) {
	phases := []string{"locked", "loading", "first_document", "replicating", "catching-up", "verified", "swapped", "released"}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ms after the start\t"+strings.Join(phases, "\t"))
	found := false
	for _, way := range r.ways() {
		if r.spread(way, func(s sample) float64 { return float64(s.Phases["swapped"]) }).most == 0 {
			continue
		}
		found = true
		fmt.Fprint(w, r.label(way))
		for _, p := range phases {
			fmt.Fprintf(w, "\t%.0f", r.spread(way, func(s sample) float64 { return float64(s.Phases[p]) }).median)
		}
		fmt.Fprintln(w)
	}
	if found {
		_ = w.Flush() // to the terminal
		fmt.Fprintln(out)
	}
}

// ways are those measured, in their order.
func (r report) ways() []string {
	var names []string
	for _, s := range r.Samples {
		if !slices.Contains(names, s.Way) {
			names = append(names, s.Way)
		}
	}
	return names
}

func (r report) label(way string) string {
	for _, s := range r.Samples {
		if s.Way == way && s.Scale != 0 {
			return s.Label + " *"
		}
		if s.Way == way {
			return s.Label
		}
	}
	return way
}

// ofCeiling compares each round with the ceiling of the same round.
func (r report) ofCeiling(way string) float64 {
	return r.spread(way, func(s sample) float64 {
		for _, c := range r.Samples {
			if c.Way == "ceiling" && c.Round == s.Round {
				return s.DocsPerSecond / c.DocsPerSecond
			}
		}
		return 0
	}).median
}

func (r report) write(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o600)
}
