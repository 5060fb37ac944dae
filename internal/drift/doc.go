// Package drift compares the live index with its source, document by document,
// and brings it back in line without a rebuild.
//
// Promise: both sides are read in the order of their ids, one page of each at a
// time, so memory does not grow with the number of documents. What differs is
// looked at again in a newer snapshot, and counts only if it still does. A
// repair holds the lease, passes the gates of a run before its first write, and
// leaves to a live writer what that has touched meanwhile.
//
// Limit: it compares what Elasticsearch gives back as _source. Where a mapping
// changes that, contents cannot be compared.
package drift
