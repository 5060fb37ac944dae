// Package scaffold writes a first configuration from the tables of a database:
// a document query, a list query per child table, a mapping and a commented
// reindex.yaml.
//
// Promise: what it writes runs as it is, for tables with a primary key of one
// column. It never overwrites a file.
//
// Limit: it is a start. Which columns people search, what a field should be
// called and which rows count are for a person to decide.
package scaffold
