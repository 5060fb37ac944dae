// Package changes says which documents may differ between two snapshots of one
// PostgreSQL database, by SELECT alone: no trigger, no replication slot, no
// column in the tables, no right beyond SELECT.
//
// # Promise
//
// [Compare] answers with a [Verdict]. [Idle] means that every document is the
// same in both snapshots. [Some] names ids such that every document that
// differs has one of them; it may name a few more. [Full] means that this
// package cannot know, says why in words that a person can act on, and leaves
// the caller to compare everything. It never answers Idle or Some on a guess.
//
// # How
//
// S1 is the older snapshot, S2 the newer, x is the oldest transaction that S1
// saw running (pg_snapshot_xmin). T is the set of tables that the queries read.
//
//   - New row versions. A version that S2 shows and S1 does not was inserted
//     by a transaction of x or later, because every earlier one had ended
//     before S1. So one sequential scan under S2 finds all of them by
//     age(xmin) <= age(x). The lower bound age(xmin) >= 0 is needed because
//     ages wrap around after 2^31 transactions. Freezing keeps the raw xmin
//     (since 9.4), so it hides nothing.
//   - Vanished row versions. The rows that S2 shows and that are not new are a
//     subset of the rows of S1 that are not new. So if S2's rows less the new
//     ones are as many as all rows of S1, no row of S1 is gone, exactly. If
//     some are, S1, which is still open, shows them with an xmax: whoever
//     deleted them wrote it before S2 was taken, and VACUUM may neither remove
//     nor clean what S1 still sees. Those whose place (ctid) S2 does not show
//     with an old xmin are gone.
//   - Which documents. A table has a key if the planner shows, in the generic
//     plan for one id, that every scan of it is bound to that id by an
//     equality. The rows of such a table belong to the document whose id is in
//     that column. A change in a table without a key is a full pass; a lookup,
//     which its caller reads as a whole, is read again and compared.
//   - What is no row. TRUNCATE, ALTER, ATTACH and DETACH, REFRESH, new
//     functions, views, types and policies change documents without a new row
//     version. They leave other rows in the catalog, so a signature of the
//     catalog (oid and xmin of the rows that matter) has to be equal in S1, in
//     S2 and once more in a newer snapshot before the answer is used, because
//     functions and ATTACH act inside open snapshots.
//
// The session that holds a snapshot must have locked T (ACCESS SHARE) before
// the snapshot was taken, and S1's session must stay open until Compare
// returns: then TRUNCATE and rewriting ALTER TABLE wait, and a ctid means one
// row version in both snapshots.
//
// # What it refuses
//
// Clocks other than current_date, volatile functions, functions in SQL or
// PL/pgSQL that may read tables, row security that is active for the reader,
// tables that are foreign, system catalogs, not stored as heap, or parents in
// plain inheritance, tables whose xmin the role may not read, another server,
// a snapshot more than 2^30 transactions old, and more ids than
// [Options.MaxIDs].
//
// # Cost
//
// One scan of each table under S2, and one count(*) of each table under the
// first snapshot of a run. bench/README.md has the figures.
//
// # Limits
//
// PostgreSQL 13 or later. Large objects and what C functions do outside of
// tables are not seen. What an extension's C function says of itself
// (STABLE, IMMUTABLE) is believed.
package changes
