package pgjson

import "bytes"

// appendArray turns the text form of an array, `{1,NULL,"a \"b\""}` or
// `[0:1]={{1},{2}}`, into a JSON array of arrays. Lower bounds are dropped.
func appendArray(dst, v []byte, t *Type) ([]byte, error) {
	if len(v) > 0 && v[0] == '[' {
		// Dimensions that do not begin at 1 are written in front.
		_, body, ok := bytes.Cut(v, []byte("="))
		if !ok {
			return dst, errBadArray
		}
		v = body
	}
	var err error
	depth := 0
	for i := 0; i < len(v); {
		switch c := v[i]; c {
		case '{':
			depth++
			dst = append(dst, '[')
			i++
		case '}':
			depth--
			dst = append(dst, ']')
			i++
		case t.Delim:
			dst = append(dst, ',')
			i++
		default:
			if dst, i, err = appendElement(dst, v, i, t); err != nil {
				return dst, err
			}
		}
	}
	if depth != 0 || len(v) == 0 {
		return dst, errBadArray
	}
	return dst, nil
}

// appendElement appends the element that begins at v[i] and returns where it ends.
func appendElement(dst, v []byte, i int, t *Type) ([]byte, int, error) {
	element, end, err := cutElement(v, i, t.Delim)
	if err != nil {
		return dst, 0, err
	}
	if v[i] != '"' && string(element) == "NULL" {
		element = nil
	}
	dst, err = Append(dst, element, t.Elem)
	return dst, end, err
}

// cutElement returns the element that begins at v[i], without quotes and
// escapes, and where it ends.
func cutElement(v []byte, i int, delim byte) ([]byte, int, error) {
	if v[i] == '"' {
		return cutQuoted(v, i+1)
	}
	for end := i; end < len(v); end++ {
		if v[end] == delim || v[end] == '}' {
			return v[i:end], end, nil
		}
	}
	return nil, 0, errBadArray
}

func cutQuoted(v []byte, start int) ([]byte, int, error) {
	var plain []byte // allocated only if something is escaped
	escaped, from := false, start
	for i := start; i < len(v); i++ {
		switch v[i] {
		case '"':
			if !escaped {
				return v[start:i], i + 1, nil
			}
			return append(plain, v[from:i]...), i + 1, nil
		case '\\':
			plain = append(plain, v[from:i]...)
			escaped, from = true, i+1
			i++
		}
	}
	return nil, 0, errBadArray
}
