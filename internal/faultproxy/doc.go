// Package faultproxy stands between a test and a real Elasticsearch and breaks
// single requests in the ways a network and a busy cluster do.
//
// Promise: a request that a rule does not touch passes unchanged, once; what a
// rule forwards is applied whether or not the client waits for it; every
// request is logged before anything is done with it. When the test ends all
// held requests are let go and nothing is left running.
//
// Limit: bodies are read whole before they are forwarded, so it is for tests,
// not for measurements.
package faultproxy
