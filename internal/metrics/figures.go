package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/reindex/pipeline"
)

// Run is one run that has ended.
type Run struct {
	Report pipeline.Report
	Host   string
	Ended  time.Time
}

// outcomes are the values of the label outcome: each run sets all of them, one
// to 1, so that a rule can ask for a certain one without it being absent.
func outcomes() []pipeline.Outcome {
	return []pipeline.Outcome{
		pipeline.OutcomeSwapped, pipeline.OutcomeSkipped, pipeline.OutcomeBuilt, pipeline.OutcomeLocked,
		pipeline.OutcomeRefused, pipeline.OutcomeFailed, pipeline.OutcomeLost, pipeline.OutcomeUnknown,
	}
}

// figures returns what is known of the run, with labels on everything. A
// figure that the run has nothing to say about is not there, so that the one
// of an earlier run stays.
func (r Run) figures(labels prometheus.Labels) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	to := prometheus.WrapRegistererWith(labels, registry)
	report := r.Report
	gauge(to, "reindex_last_run_timestamp_seconds", "When the last run ended, however it ended.", seconds(r.Ended))
	gauge(to, "reindex_run_duration_seconds", "How long the last run took.", report.Duration.Seconds())
	r.outcome(to)
	if report.Outcome == pipeline.OutcomeLocked || report.Outcome == pipeline.OutcomeSkipped {
		return registry
	}
	gauge(to, "reindex_load_duration_seconds", "How long the last run loaded documents.", report.Loading.Seconds())
	gauge(to, "reindex_documents_failed", "Documents that Elasticsearch rejected in the last run.", float64(report.Failed+report.PassFailed))
	gauge(to, "reindex_documents_retried", "Documents that were sent again in the last run.", float64(report.Retried))
	gauge(to, "reindex_bulk_bytes", "Bytes sent in bulk requests by the last run.", float64(report.Bytes))
	if report.Outcome != pipeline.OutcomeSwapped {
		return registry
	}
	gauge(to, "reindex_last_success_timestamp_seconds", "When the last run that swapped ended.", seconds(r.Ended))
	gauge(to, "reindex_last_success_snapshot_timestamp_seconds", "When the first snapshot of the last run that swapped was taken.", seconds(report.SnapshotAt))
	gauge(to, "reindex_documents", "Documents in the index that the last run swapped in.", float64(report.Documents))
	gauge(to, "reindex_lag_seconds", "Time from the last snapshot before the last swap to the swap.", report.Lag.Seconds())
	return registry
}

func (r Run) outcome(to prometheus.Registerer) {
	vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "reindex_last_run_outcome", Help: "1 for the outcome of the last run, 0 for the others.",
	}, []string{"outcome"})
	for _, o := range outcomes() {
		vec.WithLabelValues(string(o)).Set(0)
	}
	vec.WithLabelValues(string(r.Report.Outcome)).Set(1)
	to.MustRegister(vec) // panics on two figures of one name, which a test would find
}

func gauge(to prometheus.Registerer, name, help string, value float64) {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	g.Set(value)
	to.MustRegister(g)
}

// seconds is the Unix time, and 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
