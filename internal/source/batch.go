package source

import (
	"bytes"
	"errors"
	"hash/maphash"
	"slices"
)

// errRangeFull says that a range does not fit into its batch and has to be cut.
var errRangeFull = errors.New("range passes its memory limit")

// errTwice says that an id was added a second time.
var errTwice = errors.New("id occurs twice")

// batch joins the rows of one range: a slot per document, and for each slot a
// chain of encoded elements per list. All text lies in one arena, so that a
// range of thousands of documents costs no allocation once the buffers have
// grown.
type batch struct {
	family   idFamily
	limit    int // bytes that a range may take here
	lists    int
	arena    []byte
	slots    []slot
	ranks    []uint64 // of slots: what orders their ids, as far as eight bytes can
	elements []element
	chains   []chain // of slot s and list l: chains[s*lists+l]

	seed   maphash.Seed
	table  []int32 // open addressing, 1 + slot or 0; its length is a power of two
	last   int32   // the slot found last: rows of one id tend to come together
	sorted bool    // slots were added in ascending order
}

// slot is one document; its id and its fields lie one after the other.
type slot struct {
	id, body, end int32 // id is arena[id:body], the fields are arena[body:end]
	version       int64
	hash          uint64
}

type element struct{ start, end, next int32 } // next is 1 + position, or 0

type chain struct{ head, tail int32 } // 1 + position, or 0

// newBatch returns a batch for documents with that many lists. An arena never
// holds more than limit and one row, which keeps positions within int32.
func newBatch(family idFamily, lists int) *batch {
	return &batch{family: family, lists: lists, seed: maphash.MakeSeed(), table: make([]int32, 1024)}
}

// reserve makes room in the arena for a row of usual size. It doubles, up to a
// step of 4 MiB, where append adds a quarter: each step copies everything and wakes the
// garbage collector.
func (b *batch) reserve() {
	const row, step = 4 << 10, 4 << 20
	if cap(b.arena)-len(b.arena) < row {
		b.arena = slices.Grow(b.arena, min(max(len(b.arena), 16*row), step))
	}
}

// reset empties the batch and keeps its buffers.
func (b *batch) reset(limit int) {
	b.limit = limit
	b.arena, b.slots, b.ranks = b.arena[:0], b.slots[:0], b.ranks[:0]
	b.elements, b.chains = b.elements[:0], b.chains[:0]
	clear(b.table)
	b.last, b.sorted = -1, true
}

// size is what the batch holds, in bytes.
func (b *batch) size() int {
	const perSlot, perElement, perChain = 48, 12, 8 // a slot with its rank and its places in the table
	return len(b.arena) + perSlot*len(b.slots) + perElement*len(b.elements) + perChain*len(b.chains)
}

// check returns errRangeFull if the batch has outgrown its limit.
func (b *batch) check() error {
	if b.size() > b.limit {
		return errRangeFull
	}
	return nil
}

// addDocument makes a slot for id and opens its fields: the caller appends
// them to the arena and calls closeDocument.
func (b *batch) addDocument(id []byte) (*slot, error) {
	rank := b.family.rank(id)
	hash := b.hash(id, rank)
	at, found := b.probe(id, hash, rank)
	if found {
		return nil, errTwice
	}
	if 2*(len(b.slots)+1) > len(b.table) {
		b.grow()
		at, _ = b.probe(id, hash, rank)
	}
	b.reserve()
	start := int32(len(b.arena)) //nolint:gosec // bounded by limit, see newBatch
	b.arena = append(b.arena, id...)
	b.slots = append(b.slots, slot{
		id: start, body: int32(len(b.arena)), hash: hash, //nolint:gosec // as above
	})
	b.ranks = append(b.ranks, rank)
	n := len(b.slots)
	b.table[at] = int32(n) //nolint:gosec // fewer slots than bytes
	for range b.lists {
		b.chains = append(b.chains, chain{})
	}
	b.sorted = b.sorted && (n < 2 || b.compare(int32(n-2), int32(n-1)) < 0) //nolint:gosec // as above
	return &b.slots[n-1], nil
}

func (b *batch) closeDocument(s *slot) error {
	s.end = int32(len(b.arena)) //nolint:gosec // bounded by limit, see newBatch
	return b.check()
}

// find returns the slot of id, or -1.
func (b *batch) find(id []byte) int32 {
	rank := b.family.rank(id)
	if b.last >= 0 && b.same(b.last, id, rank) {
		return b.last
	}
	at, found := b.probe(id, b.hash(id, rank), rank)
	if !found {
		return -1
	}
	b.last = b.table[at] - 1
	return b.last
}

// compared is how many elements of a chain a new one is compared with.
const compared = 8

// addElement chains what was appended to the arena since start to a list of a
// slot. If the list is distinct, an element that equals one of the chain's
// first is dropped at once: what repeats tends to repeat often, and need not be
// held until the range is complete. The others are found when it is written.
func (b *batch) addElement(s int32, list, start int, distinct bool) error {
	c := &b.chains[int(s)*b.lists+list]
	if distinct && b.repeats(c.head, b.arena[start:]) {
		b.arena = b.arena[:start]
		return nil
	}
	return b.chain(c, start)
}

// addPiece adds an element that is ready, as addElement does.
func (b *batch) addPiece(s int32, list int, piece []byte, distinct bool) error {
	c := &b.chains[int(s)*b.lists+list]
	if distinct && b.repeats(c.head, piece) {
		return nil
	}
	b.reserve()
	start := len(b.arena)
	b.arena = append(b.arena, piece...)
	return b.chain(c, start)
}

// chain appends an element, from start to the end of the arena.
func (b *batch) chain(c *chain, start int) error {
	b.elements = append(b.elements, element{
		start: int32(start), end: int32(len(b.arena)), //nolint:gosec // bounded by limit, see newBatch
	})
	n := int32(len(b.elements)) //nolint:gosec // fewer elements than bytes
	if c.head == 0 {
		c.head = n
	} else {
		b.elements[c.tail-1].next = n
	}
	c.tail = n
	return b.check()
}

// repeats tells whether json is among the first elements of a chain.
func (b *batch) repeats(head int32, json []byte) bool {
	for n, i := head, 0; n != 0 && i < compared; n, i = b.elements[n-1].next, i+1 {
		if e := b.elements[n-1]; bytes.Equal(b.arena[e.start:e.end], json) {
			return true
		}
	}
	return false
}

// probe returns where id is in the table, or the free place where it belongs.
func (b *batch) probe(id []byte, hash, rank uint64) (int, bool) {
	mask := len(b.table) - 1
	for at := int(hash) & mask; ; at = (at + 1) & mask { //nolint:gosec // only the low bits are used
		n := b.table[at]
		if n == 0 {
			return at, false
		}
		if (b.family == idInteger || b.slots[n-1].hash == hash) && b.same(n-1, id, rank) {
			return at, true
		}
	}
}

// hash is where an id is looked for first. The rank of an integer is all of it; a
// multiplication spreads ids that lie at equal distances (Fibonacci hashing), and takes less than a hash of the text.
func (b *batch) hash(id []byte, rank uint64) uint64 {
	if b.family == idInteger {
		return rank * 0x9e3779b97f4a7c15 >> 32
	}
	return maphash.Bytes(b.seed, id)
}

// same tells whether id belongs to a slot. Arena and slots are larger than a
// processor's caches and ranks are not, so ids are compared by their text
// only where their rank does not tell all.
func (b *batch) same(s int32, id []byte, rank uint64) bool {
	return b.ranks[s] == rank && (b.family == idInteger || bytes.Equal(b.idOf(s), id))
}

func (b *batch) grow() {
	b.table = make([]int32, 2*len(b.table))
	mask := len(b.table) - 1
	for i := range b.slots {
		at := int(b.slots[i].hash) & mask //nolint:gosec // only the low bits are used
		for b.table[at] != 0 {
			at = (at + 1) & mask
		}
		b.table[at] = int32(i + 1)
	}
}

func (b *batch) idOf(s int32) []byte { return b.arena[b.slots[s].id:b.slots[s].body] }

// order fills dst with the slots in ascending order of their ids: integers by
// value, uuids and text by their bytes.
func (b *batch) order(dst []int32) []int32 {
	dst = dst[:0]
	for s := range b.slots {
		dst = append(dst, int32(s))
	}
	if !b.sorted {
		slices.SortFunc(dst, b.compare)
	}
	return dst
}

func (b *batch) compare(x, y int32) int {
	switch rx, ry := b.ranks[x], b.ranks[y]; {
	case rx < ry:
		return -1
	case rx > ry:
		return 1
	}
	return bytes.Compare(b.idOf(x), b.idOf(y))
}

// rank maps an id to a number of the same order: all of an integer, the first
// eight bytes of anything else.
func (f idFamily) rank(id []byte) uint64 {
	if f == idInteger {
		return uint64(integer(id)) ^ 1<<63 //nolint:gosec // moves the negative half below the other
	}
	var r uint64
	for i := range 8 {
		r <<= 8
		if i < len(id) {
			r |= uint64(id[i])
		}
	}
	return r
}
