package fingerprint

import "github.com/zeebo/xxh3"

// MaxPasses is the highest number of a pass.
const MaxPasses = 63

// short is the number of a pass as a record has it.
func short(pass int) byte { return byte(pass & MaxPasses) }

// Change is what a pass learns about one document.
type Change int

// The changes.
const (
	Same    Change = iota // as it was recorded
	New                   // was not recorded
	Changed               // has other content than was recorded
)

// Print is what is recorded of a document: 56 bits of a hash of its JSON, and
// its version.
type Print struct {
	Hash    uint64
	Version int64
}

// hashBits is the part of a hash that is recorded.
const hashBits = 1<<56 - 1

// Of returns the print of a document.
func Of(json []byte, version int64) Print {
	return Print{Hash: xxh3.Hash(json) & hashBits, Version: version}
}
