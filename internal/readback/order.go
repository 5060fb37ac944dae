package readback

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"example.com/reindex/internal/es"
)

// Order is how Elasticsearch sorts an id field.
type Order int

// The orders.
const (
	ByValue Order = iota + 1 // integers
	ByBytes                  // keywords
)

// Key is an id as it is sorted.
type Key struct {
	number int64
	text   string
}

// Compare is -1, 0 or 1 as k is before, equal to or after other. Both must be
// of one Order.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.number, other.number), strings.Compare(k.text, other.text))
}

// String is the id.
func (k Key) String() string {
	if k.text != "" {
		return k.text
	}
	return strconv.FormatInt(k.number, 10)
}

// Key returns the place of an id, or an error if the order has none for it:
// the index has integers and the id is none.
func (o Order) Key(id []byte) (Key, error) {
	if o == ByBytes {
		return Key{text: string(id)}, nil
	}
	number, err := strconv.ParseInt(string(id), 10, 64)
	if err != nil {
		return Key{}, fmt.Errorf("id %q is no integer of 64 bits", id)
	}
	return Key{number: number}, nil
}

// FieldError means that an index cannot be read in the order of its id field
// as it is mapped. Trying again does not help.
type FieldError struct {
	Index, Field string
	Problem      string // what is wrong with the field
	Advice       string // what to do
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%s cannot be read in the order of %q: the field %s", e.Index, e.Field, e.Problem)
}

// Hint says what to do.
func (e *FieldError) Hint() string { return e.Advice }

const mapIt = "map it as long (integer ids) or keyword (all others) in index.body, and rebuild with `reindex run`"

// property is what matters of a field's mapping.
type property struct {
	Type       string `json:"type"`
	Normalizer string `json:"normalizer"`
	DocValues  *bool  `json:"doc_values"`
}

// orderOf looks at the mapping of a field at the top of the documents.
func orderOf(ctx context.Context, t esapi.Transport, index, field string) (Order, error) {
	var answer map[string]struct {
		Mappings struct {
			Properties map[string]property `json:"properties"`
		} `json:"mappings"`
	}
	if err := es.Send(ctx, t, esapi.IndicesGetMappingRequest{Index: []string{es.Part(index)}}, &answer); err != nil {
		return 0, err
	}
	// index may be an alias; the answer has the name of the one index behind.
	for name, found := range answer {
		p, mapped := found.Mappings.Properties[field]
		if problem := p.problem(mapped); problem != "" {
			return 0, &FieldError{Index: name, Field: field, Problem: problem, Advice: mapIt}
		}
		if p.Type == "keyword" {
			return ByBytes, nil
		}
		return ByValue, nil
	}
	return 0, fmt.Errorf("read the mapping of %s: the answer has none", index)
}

// problem says why documents cannot be sorted by the field, or "".
func (p property) problem(mapped bool) string {
	switch {
	case !mapped:
		return "is not mapped"
	case p.DocValues != nil && !*p.DocValues:
		return "is mapped without doc_values"
	case p.Normalizer != "":
		return "is mapped with a normalizer, which makes different ids equal"
	}
	switch p.Type {
	case "keyword", "long", "integer", "short", "byte":
		return ""
	case "":
		return "is an object"
	}
	return "is mapped as " + p.Type
}
