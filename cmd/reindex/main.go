// Command reindex rebuilds an Elasticsearch index from PostgreSQL and makes it
// live in one atomic step. See `reindex --help`.
package main

import (
	"os"
)

func main() {
	os.Exit(execute(os.Args[1:], streams{out: os.Stdout, err: os.Stderr}))
}
