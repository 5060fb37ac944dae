// Package redact passes on what servers say without the content of documents.
//
// Elasticsearch and PostgreSQL quote values in their refusals: the beginning of
// a field, a whole vector, the text that a cast could not read. Such a message ends in
// terminals, in the history, in a chat room and in log collectors, where personal
// data must not be. So nothing of a message is passed on unless its shape is known:
// the shapes are listed here, each with the places that hold names, types and limits;
// everything else of the text is left out. Of a message with an unknown shape nothing
// is left but its type and, where it stands in front of all values, the field.
//
// The full text stays in memory with the error, for the one file that a user may
// ask for (load.server_messages_file).
//
// The texts are those of Elasticsearch 8.11.0, 8.19.7 and 9.2.0, and of PostgreSQL
// 14 to 18 in English; in another language each message of PostgreSQL is an unknown one.
package redact
