// Package livewriter shows how a service that edits single documents stays
// correct while reindex rebuilds the index and swaps the alias.
//
// It is an example to copy from, and the live writer of this repository's own
// tests. docs/live-writers.md has the rules and their reasons:
//
//   - It reads the whole document from PostgreSQL after the edit was
//     committed, and never sends what it had in hand before.
//   - It writes through the alias, with require_alias, and never to an index
//     by its name.
//   - It sends the row's rev as an external version; a 409 means that
//     something newer is there already, and is no error.
//   - It deletes with the version too, in a bulk request with a guard, because
//     nothing else keeps a deletion by version from creating a missing index.
package livewriter
