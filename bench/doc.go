// Command bench measures the pipeline beside its ceiling and its alternatives,
// on real servers and in one run:
//
//	make bench                       # 350,000 persons, 3 rounds
//	cd bench && go run . -n 35000 -ways ceiling,pipeline
//
// The ceiling is what this Elasticsearch takes at best: the same documents,
// ready made, from memory. The alternatives are what is written in an hour:
// one big query into a bulk indexer, and the pages of LIMIT and OFFSET that the
// nightly job used to read.
//
// # Promise
//
// The ways take turns, round by round, so that what drifts drifts for all of
// them. Each starts with an empty index and ends with its refresh. After each
// the whole index is read back and compared with what oracle.sql, a query that
// none of them uses, says about every person: a fast wrong run is a failure,
// not a figure.
//
// The command is a module of its own, so that the go.mod of the program names
// nothing that only draws charts.
//
// # Limits
//
// Everything shares one machine, this program's replay of the ceiling included.
// Figures of two runs of this command do not compare; ratios within one do, to
// about a tenth. Processor times come from Linux's /proc.
package main
