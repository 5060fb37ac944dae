// Package fingerprint remembers which documents were sent, and what was in
// them, in a few bytes each: enough to tell later which ones are new, changed
// or gone, without a second copy of the data.
//
// Documents are recorded range by range, in the order in which they come. The next
// pass reads the same ranges in much the same order, so that it compares two
// sequences and looks nothing up as long as they agree. That is why a record costs
// no more than its bytes, why recording is an append, and why what does not fit
// into [MemoryBytes] can lie in a temporary file: whoever reads a range reads and
// writes one piece of it.
//
// Promise: a document that changed is taken for unchanged with a chance of 1 in
// 2^56; one that did not is never taken for changed, whatever the order. Vanished
// documents can be named, because ids are kept. A document costs 10 to 15 bytes if
// its id is an integer near the one before it, 27 if it is a uuid, and
// its length more if it is another text. The memory for them is MemoryBytes at most,
// however many there are, and what a cursor needs for the range that it reads: some
// 70 bytes a document. The file has no name any more when it is written to, so
// that nothing is left behind by whatever end. If none can be made, or the disk
// is full, all stays in memory and [Ranges.Unspilled] says why.
//
// Limits: at most 63 passes, and 4 GiB of ids in a range. A range that its reader
// had to cut is one range here: whoever reads a part reads and writes all of it, so
// ranges that are many times too large cost as many times the processor's time and
// a cursor's memory. That an id comes twice is noticed between parts of
// one range, not between ranges.
package fingerprint
