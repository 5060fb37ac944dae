package fingerprint

import (
	"sync"

	"github.com/zeebo/xxh3"
)

// MaxPasses is the highest number of a pass.
const MaxPasses = 31

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

// short is the number of a pass as a record has it.
func short(pass int) byte { return byte(pass & MaxPasses) }

// shards keep streams that run at the same time out of each other's way.
const shards = 16

// Set records documents by id. It is safe for concurrent use, except
// [Set.Sweep].
type Set struct {
	shards [shards]struct {
		sync.Mutex
		table
	}
}

// Observe records that pass has seen a document, and returns what it was
// before. A version that changed with the same content is no change; the
// recorded version stays the one that was written.
func (s *Set) Observe(pass int, id []byte, p Print) (Change, Print) {
	var space [64]byte
	packed, how := pack(space[:0], id)
	hash := xxh3.Hash(packed)
	shard := &s.shards[hash%shards]
	shard.Lock()
	defer shard.Unlock()
	slot, found := shard.find(hash, packed, how)
	if !found {
		shard.insert(hash, record{pass: short(pass), how: how, id: packed, print: p})
		return New, Print{}
	}
	old := shard.read(shard.slots[slot])
	if old.print.Hash == p.Hash {
		shard.touch(shard.slots[slot], short(pass))
		return Same, old.print
	}
	shard.replace(slot, record{pass: short(pass), how: how, id: packed, print: p})
	return Changed, old.print
}

// Fail says that a document was not written. The next pass takes it as it does
// any other, so that what Elasticsearch rejected is sent again only when it has
// changed; until then it does not count in [Set.Len].
func (s *Set) Fail(id []byte) {
	var space [64]byte
	packed, how := pack(space[:0], id)
	hash := xxh3.Hash(packed)
	shard := &s.shards[hash%shards]
	shard.Lock()
	defer shard.Unlock()
	if slot, found := shard.find(hash, packed, how); found {
		shard.fail(shard.slots[slot])
	}
}

// Sweep calls gone for each document that pass did not see, and forgets it.
// id is valid until gone returns. The first error ends it; documents that were
// not passed to gone by then are still recorded.
func (s *Set) Sweep(pass int, gone func(id []byte, p Print) error) error {
	for i := range s.shards {
		if err := s.shards[i].sweep(short(pass), gone); err != nil {
			return err
		}
	}
	return nil
}

// Len is the number of documents recorded and written.
func (s *Set) Len() int64 {
	var n int64
	for i := range s.shards {
		shard := &s.shards[i]
		shard.Lock()
		n += int64(shard.live - shard.failed)
		shard.Unlock()
	}
	return n
}

// Bytes is the memory that the set takes.
func (s *Set) Bytes() int64 {
	var n int64
	for i := range s.shards {
		shard := &s.shards[i]
		shard.Lock()
		n += int64(4*cap(shard.slots)) + int64(len(shard.chunks))*chunkSize
		shard.Unlock()
	}
	return n
}
