package fingerprint

import (
	"bytes"
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// table is a hash table of records. Records lie one after the other in chunks;
// slots hold where, so that a slot costs 4 bytes and growing moves no record.
// A record that is replaced stays behind as garbage: changes are few.
type table struct {
	slots  []uint32 // 0: never used; gone: used once; else 1 + position
	used   int      // slots that are not 0
	live   int      // records
	failed int      // of those, not written
	chunks [][]byte
	end    int // in the last chunk
}

const (
	chunkBits = 16
	chunkSize = 1 << chunkBits
	gone      = ^uint32(0)

	howBits   = 1<<2 - 1
	failedBit = 1 << 2
)

type record struct {
	pass   byte
	failed bool
	how    byte
	id     []byte // packed
	print  Print
}

// maxRecord: head, id length, id of at most 512 bytes, hash, version.
const maxRecord = 1 + 2 + 512 + 7 + binary.MaxVarintLen64

// A record is: pass (5 bits), failed (1 bit) and how (2 bits), length of the id, id, hash
// (7 bytes), version.
func appendRecord(buf []byte, r record) []byte {
	buf = append(buf, r.pass<<3|r.how) // a new record has not failed
	buf = binary.AppendUvarint(buf, uint64(len(r.id)))
	buf = append(buf, r.id...)
	var hash [8]byte
	binary.LittleEndian.PutUint64(hash[:], r.print.Hash)
	buf = append(buf, hash[:7]...)
	return binary.AppendUvarint(buf, uint64(r.print.Version)) //nolint:gosec // comes back with the same bits
}

func (t *table) at(position uint32) []byte {
	position--
	return t.chunks[position>>chunkBits][position&(chunkSize-1):]
}

// read returns the record at position; its id points into the chunk.
func (t *table) read(position uint32) record {
	b := t.at(position)
	r := record{pass: b[0] >> 3, failed: b[0]&failedBit != 0, how: b[0] & howBits}
	n, width := binary.Uvarint(b[1:])
	b = b[1+width:]
	r.id, b = b[:n:n], b[n:]
	var hash [8]byte
	copy(hash[:7], b)
	r.print.Hash = binary.LittleEndian.Uint64(hash[:])
	version, _ := binary.Uvarint(b[7:])
	r.print.Version = int64(version) //nolint:gosec // went in with the same bits
	return r
}

func (t *table) touch(position uint32, pass byte) {
	head := t.at(position)
	head[0] = pass<<3 | head[0]&(failedBit|howBits)
}

func (t *table) fail(position uint32) {
	if head := t.at(position); head[0]&failedBit == 0 {
		head[0] |= failedBit
		t.failed++
	}
}

// first is the slot where a hash belongs: its upper half, scaled to the number
// of slots, which need not be a power of two then. The low bits chose the shard.
func (t *table) first(hash uint64) int { return int((hash >> 32) * uint64(len(t.slots)) >> 32) }

func (t *table) next(slot int) int {
	if slot++; slot == len(t.slots) {
		return 0
	}
	return slot
}

// find returns the slot of a record, or the free one where the search ended.
func (t *table) find(hash uint64, id []byte, how byte) (slot int, found bool) {
	if len(t.slots) == 0 {
		return 0, false
	}
	for i := t.first(hash); ; i = t.next(i) {
		switch position := t.slots[i]; position {
		case 0:
			return i, false
		case gone:
		default:
			if r := t.read(position); r.how == how && bytes.Equal(r.id, id) {
				return i, true
			}
		}
	}
}

// insert adds a record that is not there.
func (t *table) insert(hash uint64, r record) {
	// At most three quarters full: beyond that, probes get long.
	if 4*(t.used+1) > 3*len(t.slots) {
		t.grow()
	}
	t.place(hash, t.write(r))
	t.live++
}

func (t *table) place(hash uint64, position uint32) {
	i := t.first(hash)
	for t.slots[i] != 0 {
		i = t.next(i)
	}
	t.slots[i] = position
	t.used++
}

// replace writes a new record for the id in slot.
func (t *table) replace(slot int, r record) {
	t.unfail(slot)
	t.slots[slot] = t.write(r)
}

func (t *table) unfail(slot int) {
	if t.read(t.slots[slot]).failed {
		t.failed--
	}
}

func (t *table) remove(slot int) {
	t.unfail(slot)
	t.slots[slot] = gone
	t.live--
}

// write appends a record and returns its position plus one.
func (t *table) write(r record) uint32 {
	if len(t.chunks) == 0 || t.end+len(r.id)+maxRecord-512 > chunkSize {
		t.chunks = append(t.chunks, make([]byte, chunkSize))
		t.end = 0
	}
	last := len(t.chunks) - 1
	start := t.end
	t.end = len(appendRecord(t.chunks[last][:start], r))
	return uint32(last<<chunkBits|start) + 1 //nolint:gosec // the limit in doc.go
}

// grow makes half as many slots again, so that few of them are idle, and drops
// those whose record is gone.
func (t *table) grow() {
	old := t.slots
	t.slots = make([]uint32, max(64, len(old)/2*3))
	t.used = 0
	for _, position := range old {
		if position != 0 && position != gone {
			t.place(xxh3.Hash(t.read(position).id), position)
		}
	}
}

func (t *table) sweep(pass byte, found func(id []byte, p Print) error) error {
	var id []byte
	for i, position := range t.slots {
		if position == 0 || position == gone {
			continue
		}
		r := t.read(position)
		if r.pass == pass {
			continue
		}
		id = unpack(id[:0], r.id, r.how)
		if err := found(id, r.print); err != nil {
			return err
		}
		t.remove(i)
	}
	return nil
}
