package fingerprint

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
)

// How an id is packed: as it is, or, where that gives the same text back, as a
// number or as the 16 bytes of a uuid.
const (
	packedText = iota
	packedInt
	packedUUID
)

// pack appends the short form of id to buf.
func pack(buf, id []byte) (packed []byte, how byte) {
	if n, ok := canonicalInt(id); ok {
		return binary.AppendVarint(buf, n), packedInt
	}
	if raw, ok := canonicalUUID(id); ok {
		return append(buf, raw[:]...), packedUUID
	}
	return append(buf, id...), packedText
}

// unpack appends the id that pack was given.
func unpack(buf, packed []byte, how byte) []byte {
	switch how {
	case packedInt:
		n, _ := binary.Varint(packed)
		return strconv.AppendInt(buf, n, 10)
	case packedUUID:
		var text [36]byte
		hex.Encode(text[0:], packed[0:4])
		hex.Encode(text[9:], packed[4:6])
		hex.Encode(text[14:], packed[6:8])
		hex.Encode(text[19:], packed[8:10])
		hex.Encode(text[24:], packed[10:16])
		text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
		return append(buf, text[:]...)
	}
	return append(buf, packed...)
}

// canonicalInt reads a number that strconv would write the same way: no
// leading zeros or plus sign.
func canonicalInt(id []byte) (int64, bool) {
	if len(id) == 0 || len(id) > 19 {
		return 0, false
	}
	digits := id
	if id[0] == '-' {
		digits = id[1:]
	}
	if len(digits) == 0 || len(digits) > 18 || (digits[0] == '0' && len(id) > 1) {
		return 0, false // 18 digits cannot overflow; longer ids stay text
	}
	var n int64
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	if id[0] == '-' {
		n = -n
	}
	return n, true
}

// canonicalUUID reads a uuid as PostgreSQL prints it: lower case, with dashes.
func canonicalUUID(id []byte) (raw [16]byte, ok bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return raw, false
	}
	at := 0
	for i := 0; i < 36; i += 2 {
		if id[i] == '-' {
			i--
			continue
		}
		high, low := lowerHex(id[i]), lowerHex(id[i+1])
		if high > 15 || low > 15 {
			return raw, false
		}
		raw[at] = high<<4 | low
		at++
	}
	return raw, at == 16
}

func lowerHex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}
