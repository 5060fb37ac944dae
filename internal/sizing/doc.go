// Package sizing finds the batch size and the number of workers that pay on a
// cluster, by loading a sample of the user's own documents into throw-away
// indices.
//
// Promise: it writes to indices of its own only, whose names no run and no
// reader knows; each is checked to have no alias before the first document is
// sent and deleted when its trial ends, however it ends. Memory is bounded by
// the sample. It holds no lease and cannot swap.
//
// Limits: what is found is true for this cluster at this hour, with this
// sample. A sample of few bytes cannot fill many large batches; settings it is
// too small for are left out. An index is left behind if the program is killed
// or the cluster cannot be reached at the end; its name begins with [Prefix].
package sizing
