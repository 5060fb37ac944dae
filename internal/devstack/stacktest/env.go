package stacktest

import (
	"os"
	"testing"
)

// The environment of a test run, set by `devstack run`.
const (
	// ElasticsearchEnv names the variable with the URL of an Elasticsearch
	// node without security.
	ElasticsearchEnv = "REINDEX_TEST_ELASTICSEARCH_URL"
	// DatabaseEnv names the variable with the URL of a PostgreSQL database
	// whose role may create and drop databases.
	DatabaseEnv = "REINDEX_TEST_DATABASE_URL"
	// RequiredEnv names the variable that turns a missing server from a skip
	// into a failure when it is "1".
	RequiredEnv = "REINDEX_TEST_REQUIRED"
)

// Elasticsearch returns the URL of a running Elasticsearch node, or skips the
// test. The node is shared: use [Prefix] to name aliases and indices.
func Elasticsearch(tb testing.TB) string {
	tb.Helper()
	return fromEnv(tb, ElasticsearchEnv, "Elasticsearch")
}

func fromEnv(tb testing.TB, name, server string) string {
	tb.Helper()
	if url := os.Getenv(name); url != "" {
		return url
	}
	Missing(tb, "needs a real "+server+": run `make test`, or set "+name)
	return ""
}

// Missing skips the test because a server that it needs is not there, or fails it if
// the environment says that servers are required. It does not return.
func Missing(tb testing.TB, reason string) {
	tb.Helper()
	if os.Getenv(RequiredEnv) == "1" {
		tb.Fatal(reason)
	}
	tb.Skip(reason)
}
