// Package persons is the example source, complete: the tables of a register of
// people in training, the SQL that makes their documents, the index for them,
// and a seed of any size that holds what real registers hold: gaps in the ids,
// placeholders, people with two current placements, names that break careless
// code.
//
// The files speak for themselves; start with reindex.yaml, then persons.sql.
// The Go code only carries them into tests, benchmarks and the demo, as they
// are.
//
// Limits: the seed is for empty databases and wants a superuser, because it
// goes past triggers and foreign keys. The people in it are made up.
package persons
