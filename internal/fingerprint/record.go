package fingerprint

import (
	"encoding/binary"
	"fmt"
)

// encoder writes the records of a range, one after the other: pass and form of
// the id (1 byte), id, hash (7 bytes), version. A number is written as its
// difference from the one before.
type encoder struct {
	buf     []byte
	records int
	number  int64 // the last id that is one
	version int64
}

func (e *encoder) reset() { *e = encoder{buf: e.buf[:0]} }

func (e *encoder) append(pass byte, id []byte, p Print) {
	e.records++
	pass <<= formBits
	head := func(form byte) []byte { return append(e.buf, pass|form) }
	if number, ok := canonicalInt(id); ok {
		e.buf = binary.AppendVarint(head(asNumber), number-e.number)
		e.number = number
	} else if raw, ok := canonicalUUID(id); ok {
		e.buf = append(head(asUUID), raw[:]...)
	} else {
		e.buf = binary.AppendUvarint(head(asText), uint64(len(id)))
		e.buf = append(e.buf, id...)
	}
	var hash [8]byte
	binary.LittleEndian.PutUint64(hash[:], p.Hash)
	e.buf = append(e.buf, hash[:hashBytes]...)
	e.buf = binary.AppendVarint(e.buf, p.Version-e.version) // wraps around, and back
	e.version = p.Version
}

const (
	formBits  = 2
	hashBytes = 7
)

// record is one document of a range. Its id lies in records.ids, so that it
// holds no pointer.
type record struct {
	start, end uint32
	pass       byte
	seen       bool // by the cursor that has it
	print      Print
}

// records are those of one range.
type records struct {
	list []record
	ids  []byte
}

func (r *records) reset() { r.list, r.ids = r.list[:0], r.ids[:0] }

func (r *records) id(i int) []byte { return r.ids[r.list[i].start:r.list[i].end] }

// decode replaces the records by those in data.
func (r *records) decode(data []byte) error {
	r.reset()
	var number, version int64
	for len(data) > 0 {
		head := data[0]
		start := len(r.ids)
		n := r.decodeID(head&(1<<formBits-1), data[1:], &number)
		if n < 0 || len(data) < 1+n+hashBytes {
			return fmt.Errorf("record %d is cut off", len(r.list))
		}
		data = data[1+n:]
		var hash [8]byte
		copy(hash[:hashBytes], data)
		difference, width := binary.Varint(data[hashBytes:])
		if width <= 0 {
			return fmt.Errorf("record %d is cut off", len(r.list))
		}
		data = data[hashBytes+width:]
		version += difference
		r.list = append(r.list, record{
			start: uint32(start), end: uint32(len(r.ids)), pass: head >> formBits, //nolint:gosec // 4 GiB are eight million ids of 512 bytes
			print: Print{Hash: binary.LittleEndian.Uint64(hash[:]), Version: version},
		})
	}
	return nil
}

// decodeID appends the id at the start of data and returns its width there, or
// -1 if data ends before.
func (r *records) decodeID(how byte, data []byte, number *int64) int {
	switch how {
	case asNumber:
		difference, width := binary.Varint(data)
		if width <= 0 {
			return -1
		}
		*number += difference
		r.ids = appendNumber(r.ids, *number)
		return width
	case asUUID:
		if len(data) < uuidBytes {
			return -1
		}
		r.ids = appendUUID(r.ids, data[:uuidBytes])
		return uuidBytes
	}
	n, width := binary.Uvarint(data)
	if width <= 0 || uint64(len(data)-width) < n { //nolint:gosec // width is at most len(data)
		return -1
	}
	end := width + int(n) //nolint:gosec // n is at most len(data)
	r.ids = append(r.ids, data[width:end]...)
	return end
}
