// Command reindex rebuilds an Elasticsearch index from PostgreSQL and makes it
// live in one atomic step. See `reindex --help`.
package main

import (
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	// Nearly all memory is buffers that live as long as the run and hold no
	// pointers, so collecting more often costs a tenth of a second and keeps the
	// peak below 120 MB at 3,500,000 documents without catch-up (bench/README.md).
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(10)
	}
	// Who reads the output may leave, as head does; that must not end a run, nor
	// keep one that has swapped from writing down that it did.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(execute(os.Args[1:], streams{out: os.Stdout, err: os.Stderr}))
}
