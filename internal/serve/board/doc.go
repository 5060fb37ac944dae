// Package board is where the servers that run `reindex serve` leave messages for
// each other, in an index of Elasticsearch next to the lock of an alias: which of them
// are up and when each starts its next run, what the last verify and check found,
// and which run a person wants stopped.
//
// Promise: nothing decides by it who may swap; that is the lock's alone. Limits:
// a server that was killed stays until it has been silent for a week, with the
// time when it was last heard; the times in it are those of the machine that
// wrote them.
package board
