// Package metrics tells Prometheus how a run ended: through a file for the node
// exporter's textfile collector, and through a Pushgateway.
//
// Promise: a run that did not swap never takes away what is known of the last
// one that did. Limit: the figures are of whole runs; how far a run is, is in
// the history.
package metrics
