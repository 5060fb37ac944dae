// Package readback reads documents of one index: by id as they are at this
// moment, or in the order of the id field as a search sees them.
//
// Promise: it writes nothing, and what it holds in memory is one page. Sources
// are handed on as Elasticsearch returned them.
//
// Limit: reading in order needs the id field mapped as a number or a keyword.
package readback
