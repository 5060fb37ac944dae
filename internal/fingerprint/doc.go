// Package fingerprint remembers which documents were sent, and what was in
// them, in a few bytes each: enough to tell later which ones are new, changed
// or gone, without a second copy of the data.
//
// Promise: a document that changed is taken for unchanged with a chance of 1 in
// 2^56; one that did not is never taken for changed. Vanished documents can be
// named, because ids are kept. The cost is [Set.Bytes]: 20 to 24 bytes for a
// document with an integer id of up to 10 digits and a version below 16,384;
// a uuid takes 16 bytes more than such an integer's 4 to 5, a text id its length.
//
// Limit: at most 2^32 bytes of records in each of the 16 shards, far above what
// one process can load; and at most 31 passes.
package fingerprint
