// Package scaffold writes a first configuration from the tables of a database:
// a document query, a list query for each table with many rows for a document,
// a mapping and a commented reindex.yaml.
//
// Promise: what it writes passes check, runs and is in sync by verify, for every
// table and view that PostgreSQL allows. It never overwrites a file, and asks
// the catalog as many questions for 200 tables as for two.
//
// Limits: it is a start. Which columns people search, what a field should be
// called and which rows are wanted is for a person to decide. Values that have
// no form in JSON, such as NaN and infinity, are errors of the run that name the
// row. Data that come after the look at them may not fit: a scalar in a column
// of JSON that held objects is refused by name.
package scaffold
