// Package bulk turns documents into byte-bounded bulk requests and accounts
// for every document by the answer it got.
//
// It promises: each document that a producer adds ends in exactly one place,
// acknowledged or failed, or Load returns an error; memory is bounded by
// (workers + producers) * BatchBytes; and no goroutine of its own outlives
// Load.
//
// Requests are sent again when no answer came. That is safe because every
// document has an explicit id: a document written twice is the same document.
// With a version it is sent as external_gte, so that a late copy can neither
// be refused nor replace something newer.
//
// Limits: it knows one name, the writer alias it sends to, and nothing of what
// readers see. It checks neither that the documents can be searched nor that
// the index has nothing else; that is the caller's proof. Two documents with
// one id are noticed only where Options.Fresh allows it, and not when their
// request had to be sent again: count the index afterwards. Where a
// proxy repeats a request, or Elasticsearch does inside the cluster (a primary shard
// fails over in the middle of one), Options.Fresh reports a double that is none; the
// load then fails on the safe side.
package bulk
