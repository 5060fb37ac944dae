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

// sameDocument reports whether two documents say the same: the order of
// fields, the spelling of numbers and strings and the order in the lists do
// not count.
func sameDocument(x, y []byte, lists []string) (bool, error) {
	if bytes.Equal(x, y) {
		return true, nil
	}
	a, err := canonical(x, lists)
	if err != nil {
		return false, err
	}
	b, err := canonical(y, lists)
	return bytes.Equal(a, b), err
}

// canonical writes a document in the one form that all equal ones have.
func canonical(text []byte, lists []string) ([]byte, error) {
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
	return appendCanonical(nil, document), nil
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
