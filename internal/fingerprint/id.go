package fingerprint

import (
	"encoding/hex"
	"strconv"
)

// The forms of an id in a record: as it is, or, where that gives the same text
// back, as a number or as the 16 bytes of a uuid.
const (
	asText = iota
	asNumber
	asUUID
)

const uuidBytes = 16

func appendNumber(buf []byte, n int64) []byte { return strconv.AppendInt(buf, n, 10) }

// appendUUID appends a uuid as PostgreSQL prints it.
func appendUUID(buf, raw []byte) []byte {
	var text [36]byte
	hex.Encode(text[0:], raw[0:4])
	hex.Encode(text[9:], raw[4:6])
	hex.Encode(text[14:], raw[6:8])
	hex.Encode(text[19:], raw[8:10])
	hex.Encode(text[24:], raw[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return append(buf, text[:]...)
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
func canonicalUUID(id []byte) (raw [uuidBytes]byte, ok bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return raw, false
	}
	for i, at := 0, 0; i < len(id); i, at = i+2, at+1 {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			i++
		}
		high, low := lowerHex(id[i]), lowerHex(id[i+1])
		if high > 15 || low > 15 {
			return raw, false
		}
		raw[at] = high<<4 | low
	}
	return raw, true
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
