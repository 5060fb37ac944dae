// Package sqltext reads the text of a query file: where its one statement ends, whether that is ordered, and which
// comments in it say something to this program.
//
// It knows PostgreSQL's lexical rules and no grammar, and needs no server.
package sqltext
