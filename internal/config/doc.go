// Package config turns a YAML file, the environment and command-line flags
// into a [Set] of one plain [Config] for each index, checked in full before anything is opened.
//
// Promise: a flag wins over a variable, a variable over the file, the file
// over the default. Every problem is reported, not only the first; each is an
// [Error] that names the file and line (or the variable or flag), the field,
// and what to write instead. Files named by a setting are read here, so that a
// missing query is found before the lock is taken. No password, API key or
// webhook is ever part of an error, a log line or a printed Config.
//
// Limit: it opens no connection. Whether Elasticsearch accepts the mapping or
// PostgreSQL the SQL is for others to ask. YAML anchors, aliases, tags and
// several documents in one file are refused: each would let one line mean
// something that is written elsewhere.
//
// # Environment
//
// A value of the file may have ${NAME} for a variable; $${ stands for ${ itself.
// A variable that is not set is an error, and what came from one is never shown.
//
// Every single-valued setting has one variable. Where other tools already have
// a name for it, that name is used: ELASTICSEARCH_URL, _API_KEY, _USERNAME,
// _PASSWORD, _CA_CERT, _CLIENT_CERT, _CLIENT_KEY, _CERT_FINGERPRINT and
// DATABASE_URL. All others are REINDEX_<SECTION>_<FIELD>, such as
// REINDEX_LOAD_WORKERS or REINDEX_ALIAS; only source.lists and what source.document has
// beside its query have none. A variable that is set but empty counts as not set.
//
// A secret can be kept in a file instead: <variable>_FILE names it, and line
// ends at its end are dropped. Setting both is an error. Secrets have no flags,
// because every user of a machine can read the arguments of its processes.
// Without any database URL the PG* variables are left to pgx.
//
// # Files
//
// A relative path in the YAML file starts at the folder of that file; one in a
// variable or flag starts at the current folder.
package config
