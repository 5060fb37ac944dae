// Package stacktest hands real servers to tests: an Elasticsearch URL, a fresh
// PostgreSQL database and a prefix that no other test uses.
//
// It starts nothing. `make test` starts the servers and names them in the
// environment variables [ElasticsearchEnv] and [DatabaseEnv]. Where a variable
// is missing the test is skipped with one sentence that says how to get the
// servers, or fails if [RequiredEnv] is "1"; there is no fall-back to a fake.
// Everything a test gets here is removed when the test ends, so that tests run
// in parallel against the same servers without meeting.
package stacktest
