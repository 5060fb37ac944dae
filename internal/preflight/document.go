package preflight

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
)

// Limits of Elasticsearch's JSON parser that a simulation does not apply (seen on
// 8.11.0, 8.19.7 and 9.2.0).
const (
	mostDigits = 1000
	mostDepth  = 1000
	mostNested = 10_000 // index.mapping.nested_objects.limit, unless the body says otherwise
)

// fault says why the JSON of a document is refused whatever the mapping is, or "".
func fault(document []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var keys []map[string]bool // of the objects that are open; nil for an array
	expectKey := false
	for {
		token, err := decoder.Token()
		if err != nil {
			return "" // the end; whether it is JSON at all is Elasticsearch's to say
		}
		switch value := token.(type) {
		case json.Delim:
			switch value {
			case '{':
				keys = append(keys, map[string]bool{})
			case '[':
				keys = append(keys, nil)
			default:
				keys = keys[:len(keys)-1]
			}
			if len(keys) > mostDepth {
				return fmt.Sprintf("Document nesting depth (%d) exceeds the maximum allowed (%d)", len(keys), mostDepth)
			}
			expectKey = len(keys) > 0 && keys[len(keys)-1] != nil
			continue
		case json.Number:
			if digits := len(bytes.Trim([]byte(value), "-+.eE")); digits > mostDigits {
				return fmt.Sprintf("a number of %d digits exceeds the maximum allowed of %d", digits, mostDigits)
			}
		case string:
			if object := top(keys); expectKey && object != nil {
				if object[value] {
					return fmt.Sprintf("Duplicate field [%s]: cast json to jsonb, which keeps the last value", value)
				}
				object[value], expectKey = true, false
				continue
			}
		}
		expectKey = top(keys) != nil
	}
}

func top(keys []map[string]bool) map[string]bool {
	if len(keys) == 0 {
		return nil
	}
	return keys[len(keys)-1]
}

// tooManyNested says that a document has more nested objects than the index takes.
func (t Target) tooManyNested(document []byte) string {
	limit := mostNested
	if set, ok := t.settings()["index.mapping.nested_objects.limit"]; ok {
		if n, err := strconv.Atoi(fmt.Sprint(set)); err == nil {
			limit = n
		}
	}
	var body struct {
		Mappings property `json:"mappings"`
	}
	var value any
	if json.Unmarshal(t.Body, &body) != nil || json.Unmarshal(document, &value) != nil {
		return ""
	}
	if n := body.Mappings.nested(value); n > limit {
		return fmt.Sprintf("The number of nested documents has exceeded the allowed limit of [%d]: this one has %d (index.mapping.nested_objects.limit)", limit, n)
	}
	return ""
}

// nested counts the objects that become documents of their own.
func (p property) nested(value any) (n int) {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			n += p.nested(element)
		}
	case map[string]any:
		if p.Type == "nested" {
			n++
		}
		for name, inner := range v {
			n += p.Properties[name].nested(inner)
		}
	}
	return n
}

// judge adds what the simulation does not see, and returns the other documents.
func (t Target) judge(bad *refusals) (sound []Sample) {
	for _, s := range t.Samples {
		if why := cmp.Or(fault(s.JSON), t.tooManyNested(s.JSON)); why != "" {
			bad.say(s.ID, why)
			continue
		}
		sound = append(sound, s)
	}
	return sound
}
