package serve

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/reindex/internal/history"
)

// newMetrics returns the answer to Prometheus. Names that `run` writes or pushes
// too (package metrics) are not used again, so that both may be collected.
func (s *Server) newMetrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), figures{s})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// figures collects what the views hold. A figure that is not known is left out,
// never 0.
type figures struct{ server *Server }

// Describe says nothing in advance: which figures there are depends on what is known.
func (figures) Describe(chan<- *prometheus.Desc) {}

// Collect sends what is known now.
func (f figures) Collect(to chan<- prometheus.Metric) {
	send := func(name, help string, value float64, labels, values []string) {
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue, value, values...)
	}
	send("reindex_serve_streams", "Event streams that are open.", float64(f.server.hub.open()), nil, nil)
	for _, x := range f.server.order {
		v := f.server.indexView(x)
		one := func(name, help string, value float64) { send(name, help, value, []string{"alias"}, []string{x.Alias}) }
		one("reindex_serve_up", "1 while Elasticsearch answers this server.", truth(v.Known() && v.Problem == ""))
		if x.Plan != nil {
			one("reindex_serve_next_run_timestamp_seconds", "When this server starts the next run.", unix(x.Plan.Cron.Next(time.Now())))
		}
		if !v.Known() {
			continue
		}
		one("reindex_serve_seen_timestamp_seconds", "When what the other figures say was true.", unix(v.At))
		if v.Live != nil {
			one("reindex_serve_live_documents", "Documents in the live index.", float64(v.Status.LiveDocuments))
			one("reindex_serve_live_created_timestamp_seconds", "When the live index was created.", unix(v.Live.CreatedAt))
			one("reindex_serve_live_bytes", "Size of the live index with its replicas.", float64(v.Live.Bytes))
		}
		one("reindex_serve_generations", "Indices of the alias.", float64(len(v.Generation)))
		one("reindex_serve_lock_held", "1 while a run holds the lock.", truth(v.Lock.Held))
		one("reindex_serve_lock_silent", "1 while the holder has not renewed the lock for more than its lease.", truth(v.Lock.Dead))
		one("reindex_serve_run_documents", "Documents that the holder of the lock has loaded.", float64(held(v.Lock.Held, v.Status.Record.Documents)))
		for _, outcome := range []string{"swapped", "built", "refused", "failed", "lost", "unknown", history.Died} {
			is := v.Last != nil && v.Last.Outcome == outcome
			send("reindex_serve_last_run_outcome", "1 for the outcome of the last run on any server, 0 for the others.", truth(is),
				[]string{"alias", "outcome"}, []string{x.Alias, outcome})
		}
	}
}

func held(is bool, n int64) int64 {
	if is {
		return n
	}
	return 0
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
