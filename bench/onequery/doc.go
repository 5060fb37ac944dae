// Command onequery is the yardstick of bench: what a Go developer writes in an
// hour to fill an index. One query makes the whole documents, with jsonb_agg
// in subqueries, and [esutil.BulkIndexer] sends them. With -pages it reads the
// query in pages of LIMIT and OFFSET instead, and sends one request per page,
// as the nightly job did that reindex replaces.
//
// It is a program of its own so that its memory and processor time are its own,
// and because the packages that esutil brings take minutes to compile with the
// race detector, under which it is empty.
package main
