// Package compat proves, with the built program against servers of its own,
// what the other tests take for granted: that a run and every command around it
// work with authentication and TLS on and no more privileges than deploy/ hands
// out, that no secret comes out of the program, and that every supported
// PostgreSQL, and the oldest and the newest supported Elasticsearch, behave like
// the ones that all other tests use.
//
// Limit: the distribution that tests start cannot create API keys, and asks for
// no client certificates without further set-up. Both are proven at the wire,
// against a TLS server that is no Elasticsearch.
package compat
