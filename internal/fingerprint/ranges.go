package fingerprint

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// MemoryBytes is what records may take in memory; what is beyond lies in a
// temporary file. 4 MiB are some 350,000 documents.
const MemoryBytes = 4 << 20

// ErrTwice means that a pass has seen an id twice.
var ErrTwice = errors.New("the id came twice in one pass")

// Ranges records documents by range and id. The zero value is ready. It is safe
// for concurrent use, except [Ranges.Sweep] and [Ranges.Close].
type Ranges struct {
	memory int64 // defaults to MemoryBytes; tests make it small

	mu     sync.Mutex
	blocks map[int]*block
	failed map[string]struct{} // not written; few, or the run fails

	records  atomic.Int64
	inMemory atomic.Int64
	spill    spill
}

// block is what is recorded of one range. Its lock is held by whoever reads or
// writes it.
type block struct {
	sync.Mutex

	data  []byte // nil if it is in the file
	place place
	pass  byte // that wrote it last
	stale int  // records that this pass has not seen
}

func (r *Ranges) block(number int) *block {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blocks == nil {
		r.blocks = map[int]*block{}
	}
	b := r.blocks[number]
	if b == nil {
		b = new(block)
		r.blocks[number] = b
	}
	return b
}

// Fail says that a document was not written. The next pass takes it as it does
// any other, so that what Elasticsearch rejected is sent again only when it has
// changed; until then it does not count in [Ranges.Len]. It must be recorded, or
// about to be.
func (r *Ranges) Fail(id []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = map[string]struct{}{}
	}
	r.failed[string(id)] = struct{}{}
}

// unfail says that a document is written anew, or is recorded no longer.
func (r *Ranges) unfail(id []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.failed, string(id))
}

// Failed is the number of documents that are recorded and were not written.
func (r *Ranges) Failed() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(len(r.failed))
}

// Len is the number of documents recorded and written.
func (r *Ranges) Len() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.records.Load() - int64(len(r.failed))
}

// Sweep calls gone for each document that pass did not see, and forgets it.
// id is valid until gone returns. The first error ends it; documents that were
// not passed to gone by then are still recorded.
func (r *Ranges) Sweep(pass int, gone func(id []byte, p Print) error) error {
	r.mu.Lock()
	numbers := slices.Sorted(maps.Keys(r.blocks))
	r.mu.Unlock()
	var s sweeper
	for _, number := range numbers {
		b := r.block(number)
		if b.pass == short(pass) && b.stale == 0 {
			continue
		}
		if err := s.sweep(r, b, short(pass), gone); err != nil {
			return err
		}
	}
	return nil
}

// sweeper has what sweeping a block needs.
type sweeper struct {
	raw  []byte
	old  records
	kept encoder
}

func (s *sweeper) sweep(r *Ranges, b *block, pass byte, gone func(id []byte, p Print) error) (err error) {
	if err := r.load(b, &s.raw, &s.old); err != nil {
		return err
	}
	s.kept.reset()
	stale := 0
	for i, old := range s.old.list {
		id := s.old.id(i)
		if old.pass != pass && err == nil {
			if err = gone(id, old.print); err == nil {
				r.unfail(id)
				continue
			}
		}
		if old.pass != pass {
			stale++
		}
		s.kept.append(old.pass, id, old.print)
	}
	r.records.Add(int64(s.kept.records - len(s.old.list)))
	b.pass, b.stale = pass, stale
	r.store(b, s.kept.buf)
	return err
}

// load reads what a block holds.
func (r *Ranges) load(b *block, raw *[]byte, to *records) (err error) {
	data := b.data
	if data == nil {
		if *raw, err = r.spill.read(b.place, *raw); err != nil {
			return fmt.Errorf("read fingerprints back: %w", err)
		}
		data = *raw
	}
	if err := to.decode(data); err != nil {
		return fmt.Errorf("read fingerprints back: %w", err)
	}
	return nil
}

// store keeps data for a block, in memory or in the file.
func (r *Ranges) store(b *block, data []byte) {
	memory := r.memory
	if memory == 0 {
		memory = MemoryBytes
	}
	grown := int64(len(data) - len(b.data))
	if r.inMemory.Add(grown) > memory && r.spill.write(&b.place, data) {
		r.inMemory.Add(-grown - int64(len(b.data)))
		b.data = nil
		return
	}
	b.data = append(make([]byte, 0, len(data)), data...)
}

// Unspilled is why records beyond MemoryBytes are in memory all the same; nil
// if they are not.
func (r *Ranges) Unspilled() error { return r.spill.failure() }

// Close gives the file up. Ranges cannot be used any more.
func (r *Ranges) Close() error { return r.spill.close() }
