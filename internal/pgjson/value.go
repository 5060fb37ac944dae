package pgjson

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
)

// Kind is how a value in PostgreSQL's text form becomes JSON.
//
// Text form throughout, because for most types it is the JSON already or needs
// only quotes: the client copies it. Measured with 1.4 to 2 million rows of
// persons on PostgreSQL 15, processor time of client and server together, two
// rounds on a busy machine: text 1, binary results 0.7 to 1.0, COPY BINARY 0.75 to 1.05 (timestamps gain most),
// COPY text 0.8 to 1.1. BenchmarkWire measures the client's part.
type Kind uint8

// The kinds.
const (
	KindString      Kind = iota // a JSON string; every type without a better form
	KindInteger                 // digits
	KindDecimal                 // digits, or NaN and infinities that JSON has no form for
	KindBool                    // t or f
	KindDate                    // 2024-02-29
	KindTimestamp               // 2024-02-29 12:00:00.5
	KindTimestampTZ             // 2024-02-29 12:00:00.5+00
	KindJSON                    // JSON already
	KindBytes                   // \x0aff
	KindArray                   // {1,2,NULL}
)

// Type is the type of a column or of an array's elements.
type Type struct {
	Kind  Kind
	Elem  *Type // of KindArray
	Delim byte  // between the elements of KindArray
}

// SameForm tells whether values of two types become JSON in one form, as numbers
// of any size do.
func (t *Type) SameForm(other *Type) bool {
	number := func(t *Type) bool { return t.Kind == KindInteger || t.Kind == KindDecimal }
	if t.Kind == KindArray && other.Kind == KindArray {
		return t.Elem.SameForm(other.Elem)
	}
	return t.Kind == other.Kind || number(t) && number(other)
}

var (
	errNotFinite  = &FormError{"NaN and infinity have no form in JSON", "turn them into NULL or a number in the query"}
	errDateRange  = &FormError{"infinite, BC and five-digit years have no RFC 3339 form", "turn them into NULL or a date in the query"}
	errBadBytes   = errors.New("bytea is not in hex form")
	errBadBoolean = errors.New("boolean is neither t nor f")
	errBadArray   = errors.New("array text cannot be read")
)

// Append appends the JSON of the value v, which is PostgreSQL's text form
// or nil for NULL.
func Append(dst, v []byte, t *Type) ([]byte, error) {
	if v == nil {
		return append(dst, "null"...), nil
	}
	switch t.Kind {
	case KindString:
		return AppendString(dst, v), nil
	case KindInteger:
		return append(dst, v...), nil
	case KindDecimal:
		return appendDecimal(dst, v)
	case KindBool:
		return appendBool(dst, v)
	case KindDate:
		return appendDate(dst, v)
	case KindTimestamp:
		return appendTimestamp(dst, v, "", "")
	case KindTimestampTZ:
		return appendTimestamp(dst, v, "+00", "Z")
	case KindJSON:
		return appendJSON(dst, v), nil
	case KindBytes:
		return appendBytes(dst, v)
	case KindArray:
		return appendArray(dst, v, t)
	}
	return AppendString(dst, v), nil
}

// AppendString appends s as a JSON string. s is valid UTF-8, which PostgreSQL
// guarantees; only what RFC 8259 says must be escaped is escaped.
func AppendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i, c := range s {
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscape(dst, c)
		start = i + 1
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	const hexDigits = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// appendDecimal copies a number: PostgreSQL's text of numeric and of floats is
// JSON except for NaN, Infinity and -Infinity, which end in no digit.
func appendDecimal(dst, v []byte) ([]byte, error) {
	if len(v) == 0 || !digit(v[len(v)-1]) {
		return dst, errNotFinite
	}
	return append(dst, v...), nil
}

func appendBool(dst, v []byte) ([]byte, error) {
	switch string(v) {
	case "t":
		return append(dst, "true"...), nil
	case "f":
		return append(dst, "false"...), nil
	}
	return dst, errBadBoolean
}

func appendDate(dst, v []byte) ([]byte, error) {
	if len(v) != len("2024-02-29") || v[4] != '-' {
		return dst, errDateRange
	}
	dst = append(dst, '"')
	dst = append(dst, v...)
	return append(dst, '"'), nil
}

// appendTimestamp turns `2024-02-29 12:00:00.5` and a zone into RFC 3339. The
// zone is +00 always, because the session's TimeZone is UTC.
func appendTimestamp(dst, v []byte, zone, want string) ([]byte, error) {
	const blank = len("2024-02-29")
	v, ok := bytes.CutSuffix(v, []byte(zone))
	if !ok || len(v) <= blank || v[4] != '-' || v[blank] != ' ' || !digit(v[len(v)-1]) {
		return dst, errDateRange
	}
	dst = append(dst, '"')
	dst = append(dst, v[:blank]...)
	dst = append(dst, 'T')
	dst = append(dst, v[blank+1:]...)
	dst = append(dst, want...)
	return append(dst, '"'), nil
}

// appendJSON copies JSON, without its white space if it has line breaks: they
// can stand between tokens only, and a document must be one line.
func appendJSON(dst, v []byte) []byte {
	if bytes.IndexByte(v, '\n') < 0 && bytes.IndexByte(v, '\r') < 0 {
		return append(dst, v...)
	}
	inString := false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case inString && c == '\\' && i+1 < len(v):
			dst = append(dst, c)
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		dst = append(dst, v[i])
	}
	return dst
}

// appendBytes turns \x0aff into base64.
func appendBytes(dst, v []byte) ([]byte, error) {
	digits, ok := bytes.CutPrefix(v, []byte(`\x`))
	if !ok {
		return dst, errBadBytes
	}
	raw := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(raw, digits); err != nil {
		return dst, errBadBytes
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, raw)
	return append(dst, '"'), nil
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// FormError says that a value has no form in JSON.
type FormError struct{ reason, advice string }

// Error says why.
func (e *FormError) Error() string { return e.reason }

// Hint says what to do in the query.
func (e *FormError) Hint() string { return e.advice }
