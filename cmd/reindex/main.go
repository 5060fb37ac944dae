// Command reindex rebuilds an Elasticsearch index from PostgreSQL and makes it
// live in one atomic step. See `reindex --help`.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	tune()
	// Who reads the output may leave, as head does; that must not end a run, nor
	// keep one that has swapped from writing down that it did.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(execute(os.Args[1:], streams{out: os.Stdout, err: os.Stderr}))
}
