package source

import (
	"fmt"
	"strconv"

	"example.com/reindex/internal/pgjson"
)

// The types that matter here, from PostgreSQL's pg_type.dat. Everything else
// is looked up in the catalogue.
const (
	oidBool        = 16
	oidBytea       = 17
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidJSON        = 114
	oidFloat4      = 700
	oidFloat8      = 701
	oidVarchar     = 1043
	oidDate        = 1082
	oidTimestamp   = 1114
	oidTimestampTZ = 1184
	oidNumeric     = 1700
	oidUUID        = 2950
	oidJSONB       = 3802
)

// scalarKind returns how a type that is known without the catalogue becomes JSON.
func scalarKind(oid uint32) (pgjson.Kind, bool) {
	switch oid {
	case oidInt2, oidInt4, oidInt8:
		return pgjson.KindInteger, true
	case oidNumeric, oidFloat4, oidFloat8:
		return pgjson.KindDecimal, true
	case oidBool:
		return pgjson.KindBool, true
	case oidText, oidVarchar, oidUUID:
		return pgjson.KindString, true
	case oidDate:
		return pgjson.KindDate, true
	case oidTimestamp:
		return pgjson.KindTimestamp, true
	case oidTimestampTZ:
		return pgjson.KindTimestampTZ, true
	case oidJSON, oidJSONB:
		return pgjson.KindJSON, true
	case oidBytea:
		return pgjson.KindBytes, true
	}
	return pgjson.KindString, false
}

const typeQuery = `
SELECT typtype, typbasetype, typelem, typdelim, typoutput = 'pg_catalog.array_out'::pg_catalog.regproc
FROM pg_catalog.pg_type WHERE oid = $1::pg_catalog.oid`

// types resolves types by the catalogue and remembers them.
type types struct {
	session *session
	known   map[uint32]*pgjson.Type
	names   map[uint32]string
}

// resolve returns how values of a type become JSON: a domain like its base
// type, an array by its elements, what it does not know as a string.
func (t *types) resolve(oid uint32) (*pgjson.Type, error) {
	if known := t.known[oid]; known != nil {
		return known, nil
	}
	resolved, err := t.look(oid)
	if err != nil {
		return nil, fmt.Errorf("look up type %d: %w", oid, err)
	}
	t.known[oid] = resolved
	return resolved, nil
}

func (t *types) look(oid uint32) (*pgjson.Type, error) {
	if k, ok := scalarKind(oid); ok {
		return &pgjson.Type{Kind: k}, nil
	}
	row, err := t.session.row(typeQuery, fmt.Append(nil, oid))
	if err != nil {
		return nil, err
	}
	if row == nil {
		return &pgjson.Type{Kind: pgjson.KindString}, nil
	}
	switch {
	case string(row[0]) == "d":
		return t.resolve(parseOID(row[1]))
	case string(row[4]) == "t":
		elem, err := t.resolve(parseOID(row[2]))
		if err != nil {
			return nil, err
		}
		return &pgjson.Type{Kind: pgjson.KindArray, Elem: elem, Delim: row[3][0]}, nil
	}
	return &pgjson.Type{Kind: pgjson.KindString}, nil
}

// nameOnce is name, remembered.
func (t *types) nameOnce(oid uint32) string {
	if t.names == nil {
		t.names = map[uint32]string{}
	}
	if _, known := t.names[oid]; !known {
		t.names[oid] = t.name(oid)
	}
	return t.names[oid]
}

// name returns the SQL name of a type, for messages.
func (t *types) name(oid uint32) string {
	row, err := t.session.row("SELECT pg_catalog.format_type($1::pg_catalog.oid, NULL)", fmt.Append(nil, oid))
	if err != nil || row == nil {
		return fmt.Sprintf("type %d", oid)
	}
	return string(row[0])
}

func parseOID(v []byte) uint32 {
	oid, _ := strconv.ParseUint(string(v), 10, 32) // an oid column prints nothing else
	return uint32(oid)
}

// integer reads what PostgreSQL prints for an integer of at most 64 bits, and
// checks nothing: every row has several. strconv.ParseInt took 5 % of the program's
// processor time.
func integer(text []byte) int64 {
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	var n int64
	for _, digit := range text {
		n = 10*n - int64(digit-'0') // below zero, where there is room for the least one
	}
	if negative {
		return n
	}
	return -n
}
