// Package jobs runs commands as child processes: one at a time for an index.
//
// Promise: what a child does with its memory, or how it ends, never takes this
// process along; a stop is the SIGTERM that the command understands; a child
// outlives this process if that is killed. Limits: what is kept of a child's
// output is its last lines; only children of this process are known here, other
// runs are seen through Elasticsearch.
package jobs
