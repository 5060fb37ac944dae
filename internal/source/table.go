package source

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
)

// maxLookupBytes is what the rows of one lookup may take. 64 MiB are some three
// million keys that share a few thousand rows of two numbers.
const maxLookupBytes = 64 << 20

var (
	errKeyTwice = advised("two rows have this key", "make it unique, or join it in the query of a list if both count")
	errKeyLong  = fmt.Errorf("a key has at most %d bytes", maxIDBytes)
	errTooLarge = advised(fmt.Sprintf("a lookup takes at most %d MiB of memory, and this one is larger", maxLookupBytes>>20), "join it in the query instead")
)

// table has rows by key. A row is kept as the JSON that it adds, and rows that
// add the same share it. Integers that lie close to each other, as those of a
// sequence do, are found by their value, at 4 bytes for each, or 2 where few rows
// differ: what is looked up millions of times should stay in the processor's caches.
// Other keys are found by their hash.
type table struct {
	// wide and narrow are of integers that are found by their value, by key - first; 0 for a key that has
	// no row. One of them is used, or none. wide has 1 + the position of a row, narrow
	// 1 + its number in starts, which has the positions.
	wide   []uint32
	narrow []uint16
	starts []uint32
	first  int64

	seed  maphash.Seed
	slots []uint32 // open addressing: 1 + position of an entry, or 0; its length is a power of two
	// entries is for each key the position of its row (4 bytes), its length (2) and
	// itself.
	entries []byte
	// rows is for each row its pieces, each with its length before it, and an
	// empty one. It is kept in chunks, because one slice that grows is up to a
	// quarter larger than what it holds.
	rows     [][]byte
	rowBytes int
}

// chunkBits says how large a chunk is, and which part of a position is that in
// the chunk. A row that is larger has a chunk of its own.
const chunkBits = 18

const entryHead = 6

// pieceHead is the size of a length before a piece.
const pieceHead = 4

// openPiece makes room for the length of the piece that is appended next.
func openPiece(row []byte) []byte { return append(row, 0, 0, 0, 0) }

// closePiece writes the length of the piece that was opened at start; a row ends
// with one that is empty, and no other is.
func closePiece(row []byte, start int) {
	binary.NativeEndian.PutUint32(row[start:], uint32(len(row)-start-pieceHead)) //nolint:gosec // a row is no longer than its table
}

// nextPiece splits the first piece off; it is nil behind the last.
func nextPiece(row []byte) (piece, rest []byte) {
	end := pieceHead + binary.NativeEndian.Uint32(row)
	if end == pieceHead {
		return nil, nil
	}
	return row[pieceHead:end], row[end:]
}

// find returns the pieces of the row with the key, or nil.
func (t *table) find(key []byte) []byte {
	if t.byValue() {
		return t.at(integer(key))
	}
	mask := len(t.slots) - 1
	for at := int(maphash.Bytes(t.seed, key)) & mask; t.slots[at] != 0; at = (at + 1) & mask { //nolint:gosec // only the low bits are used
		if row, found := t.entry(t.slots[at]-1, key); found {
			return t.row(row)
		}
	}
	return nil
}

// at finds an integer by its value.
func (t *table) at(key int64) []byte {
	i := uint64(key) - uint64(t.first) //nolint:gosec // wraps around where the key is smaller, and is too large then
	switch {
	case i < uint64(len(t.narrow)) && t.narrow[i] != 0:
		return t.row(t.starts[t.narrow[i]-1])
	case i < uint64(len(t.wide)) && t.wide[i] != 0:
		return t.row(t.wide[i] - 1)
	}
	return nil
}

func (t *table) byValue() bool { return t.wide != nil || t.narrow != nil }

// row returns what lies from a position on.
func (t *table) row(at uint32) []byte { return t.rows[at>>chunkBits][at&(1<<chunkBits-1):] }

// appendRow returns the position of a new row.
func (t *table) appendRow(row []byte) uint32 {
	last := len(t.rows) - 1
	if last < 0 || len(t.rows[last])+len(row) > cap(t.rows[last]) {
		t.rows = append(t.rows, make([]byte, 0, max(1<<chunkBits, len(row))))
		last++
	}
	at := uint32(last<<chunkBits | len(t.rows[last])) //nolint:gosec // bounded by the builder's limit
	t.rows[last] = append(t.rows[last], row...)
	t.rowBytes += len(row)
	return at
}

// entry returns the position of the row of the entry, and whether the key is its.
func (t *table) entry(at uint32, key []byte) (row uint32, found bool) {
	e := t.entries[at:]
	if int(binary.NativeEndian.Uint16(e[4:])) != len(key) || !bytes.Equal(e[entryHead:entryHead+len(key)], key) {
		return 0, false
	}
	return binary.NativeEndian.Uint32(e), true
}

// keyOf returns the key of an entry and the position behind it.
func (t *table) keyOf(at uint32) (key []byte, next uint32) {
	n := uint32(binary.NativeEndian.Uint16(t.entries[at+4:]))
	return t.entries[at+entryHead : at+entryHead+n], at + entryHead + n
}

// tableBuilder fills a table.
type tableBuilder struct {
	t     table
	n     int
	limit int
	// recent finds the rows that were added before, as long as not more than some
	// 100,000 differ: 1 + position, the newest last, in sets by some bits of their hash.
	recent [1 << 15][4]uint32
	// starts are the positions of the rows, ascending, as long as [table.narrow] can number them.
	starts []uint32
}

func newTableBuilder(limit int) *tableBuilder {
	return &tableBuilder{t: table{seed: maphash.MakeSeed(), slots: make([]uint32, 1024)}, limit: limit}
}

// add adds a row, which is copied.
func (b *tableBuilder) add(key, row []byte) error {
	t := &b.t
	if len(key) > maxIDBytes {
		return errKeyLong
	}
	if t.find(key) != nil {
		return errKeyTwice
	}
	if len(t.entries)+t.rowBytes+4*len(t.slots)+len(key)+len(row) > b.limit {
		return errTooLarge
	}
	if b.n++; 4*b.n > 3*len(t.slots) {
		b.grow()
	}
	entry := uint32(len(t.entries)) //nolint:gosec // bounded by limit
	t.entries = binary.NativeEndian.AppendUint32(t.entries, b.share(row))
	t.entries = binary.NativeEndian.AppendUint16(t.entries, uint16(len(key))) //nolint:gosec // checked above
	t.entries = append(t.entries, key...)
	t.place(entry)
	return nil
}

// share returns the position of an equal row, or that of a new one.
func (b *tableBuilder) share(row []byte) uint32 {
	t := &b.t
	set := &b.recent[maphash.Bytes(t.seed, row)%uint64(len(b.recent))]
	for _, at := range set {
		if at != 0 && bytes.HasPrefix(t.row(at-1), row) {
			return at - 1
		}
	}
	at := t.appendRow(row)
	if len(b.starts) <= math.MaxUint16 {
		b.starts = append(b.starts, at)
	}
	copy(set[:], set[1:])
	set[len(set)-1] = at + 1
	return at
}

// place enters an entry into the slots.
func (t *table) place(entry uint32) {
	key, _ := t.keyOf(entry)
	mask := len(t.slots) - 1
	at := int(maphash.Bytes(t.seed, key)) & mask //nolint:gosec // only the low bits are used
	for t.slots[at] != 0 {
		at = (at + 1) & mask
	}
	t.slots[at] = entry + 1
}

func (b *tableBuilder) grow() {
	t := &b.t
	t.slots = make([]uint32, 2*len(t.slots))
	for at := uint32(0); int(at) < len(t.entries); {
		t.place(at)
		_, at = t.keyOf(at)
	}
}

// table returns the table; integers says what its keys are.
func (b *tableBuilder) table(integers bool) *table {
	t := &b.t
	if !integers || b.n == 0 {
		return t
	}
	least, most := int64(math.MaxInt64), int64(math.MinInt64)
	t.each(func(key []byte, _ uint32) {
		least, most = min(least, integer(key)), max(most, integer(key))
	})
	const spread = 4                     // for each key; entries and slots take more than four times 4 bytes
	span := uint64(most) - uint64(least) //nolint:gosec // right for all pairs of int64
	if span >= uint64(spread*b.n) {      //nolint:gosec // n is not negative
		return t
	}
	d := &table{first: least, rows: t.rows, rowBytes: t.rowBytes}
	if len(b.starts) > math.MaxUint16 {
		d.wide = make([]uint32, span+1)
		t.each(func(key []byte, row uint32) { d.wide[integer(key)-least] = row + 1 })
		return d
	}
	d.starts, d.narrow = slices.Clone(b.starts), make([]uint16, span+1)
	t.each(func(key []byte, row uint32) {
		number, _ := slices.BinarySearch(d.starts, row)
		d.narrow[integer(key)-least] = uint16(number + 1) //nolint:gosec // checked above
	})
	return d
}

// each calls do for every entry.
func (t *table) each(do func(key []byte, row uint32)) {
	for at := uint32(0); int(at) < len(t.entries); {
		key, next := t.keyOf(at)
		do(key, binary.NativeEndian.Uint32(t.entries[at:]))
		at = next
	}
}
