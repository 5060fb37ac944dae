// Package pipeline is one run: it takes the lease, fills a fresh index from one
// snapshot, proves it complete, and swaps the alias to it.
//
// Promise: there is one way to the swap, [Run], and it goes through the lease.
// A run ends in one of the [Outcome] values, and for every one of them but
// [OutcomeSwapped] and [OutcomeUnknown] the alias is where it was. Every
// document of the snapshot is accounted for by arithmetic that is checked
// before the swap: snapshot count = read, read = acknowledged + failed,
// acknowledged = what a search of the new index counts.
//
// A run that catches up compares further snapshots with what it has sent: all
// contents at first and at the end, versions in between, which is quicker
// ([CatchUp], comparing in catchup.go).
//
// Limit: it orders the steps and speaks neither SQL nor HTTP. What documents
// look like is for the source to say, how they travel for internal/bulk, and
// whether an alias may move for esalias.
package pipeline
