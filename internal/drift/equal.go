package drift

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// firstDifference returns the first field, by name, in which two documents do not
// say the same; "" if they do. The order of fields, the spelling of numbers and
// strings and the order in the lists do not count, and numbers of vectors count
// with 32 bits.
func firstDifference(x, y []byte, lists []string, vectors [][]string) (string, error) {
	if bytes.Equal(x, y) {
		return "", nil
	}
	a, err := parsed(x, lists, vectors)
	if err != nil {
		return "", err
	}
	b, err := parsed(y, lists, vectors)
	if err != nil {
		return "", err
	}
	names := maps.Clone(a)
	maps.Copy(names, b)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		left, inLeft := a[name]
		right, inRight := b[name]
		if inLeft != inRight || !bytes.Equal(appendCanonical(nil, left), appendCanonical(nil, right)) {
			return name, nil
		}
	}
	return "", nil
}

// parsed reads a document, with its lists sorted and its vectors rounded.
func parsed(text []byte, lists []string, vectors [][]string) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var document map[string]any
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	for _, field := range lists {
		if list, ok := document[field].([]any); ok {
			document[field] = sortedList(list)
		}
	}
	for _, path := range vectors {
		round(document, path)
	}
	return document, nil
}

// round gives the numbers at path the precision of 32 bits.
func round(value any, path []string) {
	switch v := value.(type) {
	case map[string]any:
		if len(path) == 0 {
			return
		}
		round(v[path[0]], path[1:])
	case []any:
		for i, element := range v {
			number, ok := element.(json.Number)
			if !ok || len(path) > 0 {
				round(element, path)
				continue
			}
			if f, err := strconv.ParseFloat(string(number), 32); err == nil {
				v[i] = json.Number(strconv.FormatFloat(f, 'g', -1, 32))
			}
		}
	}
}

func sortedList(list []any) []any {
	slices.SortFunc(list, func(x, y any) int {
		return bytes.Compare(appendCanonical(nil, x), appendCanonical(nil, y))
	})
	return list
}

func appendCanonical(buf []byte, value any) []byte {
	switch v := value.(type) {
	case map[string]any:
		buf = append(buf, '{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			buf = append(strconv.AppendQuote(buf, name), ':')
			buf = append(appendCanonical(buf, v[name]), ',')
		}
		return append(buf, '}')
	case []any:
		buf = append(buf, '[')
		for _, element := range v {
			buf = append(appendCanonical(buf, element), ',')
		}
		return append(buf, ']')
	case json.Number:
		return append(buf, canonicalNumber(string(v))...)
	case string:
		return strconv.AppendQuote(buf, v)
	}
	return fmt.Append(buf, value) // true, false, <nil>
}

// canonicalNumber writes a JSON number as digits and a power of ten, exactly:
// 1.50 and 15e-1 are 15e-1, and no digit of a long integer is lost.
func canonicalNumber(number string) string {
	mantissa, power, _ := strings.Cut(strings.ToLower(number), "e")
	exponent := 0
	if power != "" {
		var err error
		if exponent, err = strconv.Atoi(power); err != nil {
			return number // beyond all use; equal only to itself
		}
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent -= len(fraction)
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	exponent += len(digits) - len(short)
	sign := ""
	if negative {
		sign = "-"
	}
	return sign + short + "e" + strconv.Itoa(exponent)
}
