// Package crash kills, pauses and cuts off real runs of the built program, at
// exact requests and at random moments, while a reader searches the alias all
// the time and a writer edits the rows.
//
// Promise: it is a test suite and nothing else. `make crash SECONDS=600 SEED=7`
// runs it for as long as wanted. The seed decides which contender does what and
// which fault it meets; a violation prints the seed, what happened, and the
// requests that led to it.
//
// Limit: the same seed makes the same decisions, not the same interleaving.
package crash
