// Package source reads documents from PostgreSQL: the rows of several queries,
// all in one snapshot, joined here into one JSON document per id.
//
// # Promise
//
// Everything that is read through a [Snapshot] is the state of one moment,
// however many connections read it. Every id of the document query is emitted
// exactly once, with all its list rows; what cannot be kept is an error that
// names query, column and id, never a document that is missing or half. The
// same rows make the same bytes in every session, so that documents of two
// snapshots can be compared; columns for which that is not so, such as now(), are found by reading some rows in
// two sessions, and documents are compared without them ([document.Document.Compared]).
//
// # Tables that are replaced
//
// TRUNCATE, an ALTER TABLE that rewrites, REFRESH MATERIALIZED VIEW, a swap by RENAME and DETACH PARTITION are not
// transactional for a snapshot that is older: it sees an empty table, or the new one. So the session that exports a
// snapshot first locks all tables of the queries, in ACCESS SHARE mode, and keeps them locked. Which they are,
// pg_locks says after EXPLAIN of each query, and pg_inherits has their children. When a stream ends, it
// compares what it has locked with what was locked beforehand, and with the catalog as the snapshot shows it: that finds tables
// of functions, attached partitions and renamed schemas.
//
// Who wants to change such a table waits, and everybody else behind them. No other session of a snapshot waits in that
// queue (its lock_timeout is 0.3 s), and after [Config.GiveWay] the snapshot ends for them with
// an [*InterruptedError]. The next snapshot has its locks before the last one lets go, unless somebody waits.
//
// A function or an enum that is replaced while a snapshot is read is not noticed.
//
// # How
//
// The id space is cut into ranges of about equally many documents. For every
// range each query runs once, inside SELECT ... FROM (query) q WHERE q."id" >= $1
// AND q."id" < $2, and the rows are grouped by id in memory, by hash: sorting in
// PostgreSQL or merging sorted streams costs more. No OFFSET, no cursor.
//
// Cuts come from an index where the id is a plain column of a table, and are
// read while the first ranges load: 0.2 s of one core for 350,000 ids, once for
// all snapshots of a source. They need not be good, only in order: all comparisons of ids are PostgreSQL's own, in
// one collation, the first range is open below and the last one above. A range
// whose documents pass 32 MiB is cut in two and read again, so memory does not
// grow with the number of rows; see [Snapshot.Stream] for the bounds.
//
// # Cost
//
// 350,000 persons, with 2,400,000 rows for their lists, take about 3 µs of the
// client's processor each (BenchmarkStream; 2.8 to 3.2 in single runs on a quiet
// machine) and one allocation per sixty. BenchmarkJoin, with made-up rows of a
// similar shape and no wire, takes 0.8 µs.
//
// PostgreSQL takes longer than the client; how long is up to the queries, see
// Ranges inside a query below and bench/README.md. A hash join reads its small
// table once per range, so larger ranges cost less, if it is no lookup. For the persons queries, which
// have none left, ranges of 8,192 documents take 5 % more of PostgreSQL's processor than
// such of 16,384, less than a hundredth of a run, and 14 MB less memory. Sending the queries of a range as one pipeline gave no
// difference beyond the noise of three rounds (12 to 21 s without, 14 to 25 s
// with), which would hide anything but a large gain.
//
// # Ranges inside a query
//
// PostgreSQL carries the condition around a query to the one table that the id
// comes from, and no further: that f.person_id = p.id and p.id < 5 imply
// f.person_id < 5 is beyond it. So a join looks its rows up one by one, or reads
// the whole other table for every range. A comment behind a condition helps:
//
//	LEFT JOIN contact c ON c.person_id = p.id /*range c.person_id*/
//
// becomes ON c.person_id = p.id AND c.person_id >= $1 AND c.person_id < $2. It
// has to hold names only, and promises that the column is the id in every row
// that matters. The promise is tested: the first [Snapshot.Count] reads 512
// documents or more from all over the ids with and without the comments and
// refuses a difference, by one prepared statement: 0.1 s of PostgreSQL's processor
// with the persons query. Where the planner finds no single document by indices, a
// stretch of them from the middle is compared instead, for which the query runs
// once as it is written.
//
// # Lookups
//
// A table that is small beside the rows that refer to it, such as 120,000 posts
// beside 2,000,000 placements, would be read by PostgreSQL for the join of every
// range again, and its columns sent with every row. [Config.Lookups] of the document
// and [List.Lookups] of a list are read once per snapshot instead and joined here, by
// the one column whose name they share with the query, as by LEFT JOIN: a key that is
// NULL or has no row adds NULLs, or with Unpivot nothing. Two rows of one key are an
// error, because a join would have doubled them. Keys are compared by their text, whatever
// their collation. All streams of a snapshot share the table: 4 bytes for a key
// from a sequence, or 2 if at most 65,535 rows differ, some 20 and the key itself for any other, and the JSON of each
// different row, in a lookup of the document with 4 bytes more for a value.
//
// What several lookups of the document add under one name is coalesced if
// [Config.Coalesce] has the name: an owner from the programme, else from the post.
// JSON's null counts as NULL there. The keys have to be columns of the document query,
// and need not be fields: [Config.Omit].
//
// # JSON
//
//	integers, numeric, floats     numbers, digit for digit as PostgreSQL prints them
//	boolean, NULL                 true, false, null
//	date                          "2024-02-29"
//	timestamp                     "2024-02-29T12:00:00.5"
//	timestamptz                   "2024-02-29T12:00:00.5Z", always UTC
//	json, jsonb                   as they are, on one line
//	bytea                         base64
//	arrays                        arrays, of arrays if they have more dimensions
//	domains                       like their base type
//	everything else               a string: the text form
//
// NaN, infinities, BC and years beyond 9999 have no form and are errors.
//
// A list without ORDER BY has its elements in the order of their JSON text.
// With ORDER BY they keep the query's order; ties are PostgreSQL's to order, so
// end it with a unique column. An ORDER BY counts if it is outside all
// parentheses.
//
// # Limits
//
// Sessions run with TimeZone UTC: current_date in a query changes at midnight
// UTC, and (now() AT TIME ZONE 'Europe/London')::date is how to say otherwise.
// An id is an integer, a uuid, text or varchar, 1 to 512 bytes long, and equal only to what has the same text: under a
// nondeterministic collation a row of a list without a document is refused. One document
// takes at most 64 MiB with its lists. PostgreSQL 12 or later, in any encoding but
// SQL_ASCII. A snapshot holds back VACUUM on the whole server until it is closed.
package source
