package redact

import (
	"regexp"
	"strings"
)

// shape is a message that is known. Its text says what of it is passed on: $1
// and so on are the groups of the pattern, none of which can hold a value.
type shape struct {
	pattern *regexp.Regexp
	text    string
}

// Parts of patterns. A name is one of a field, an index or a pipeline; those of
// other characters are not passed on, because nobody can tell them from a value.
const (
	name   = `([\pL\pN_.@$#:/ *-]{1,200})`
	typ    = `([A-Za-z_0-9]{1,60})`
	number = `(\d{1,10})`
	value  = `(?s:.*)` // a value: it may hold brackets, quotes and line breaks
)

// known returns the shapes of Elasticsearch's messages.
//
// A pattern is anchored in front. Where a group follows a value, it is anchored
// at the end too, and the value is matched greedily, so that a value that imitates the
// rest of the message is taken for a value.
func known() []shape {
	table := [][2]string{
		// The outer message of most refusals; the cause follows it.
		{`^failed to parse field \[` + name + `\] of type \[` + typ + `\]`, "failed to parse field [$1] of type [$2]"},
		{`^failed to parse$`, "failed to parse"},

		// Fields and mappings.
		{`^mapping set to strict, dynamic introduction of \[` + name + `\] within \[` + name + `\] is not allowed`, "mapping set to strict, dynamic introduction of [$1] within [$2] is not allowed"},
		{`^object mapping for \[` + name + `\] tried to parse field \[` + name + `\] as object, but found a concrete value`, "object mapping for [$1] tried to parse field [$2] as object, but found a concrete value"},
		{`^object mapping \[` + name + `\] can't be changed from nested to non-nested`, "object mapping [$1] can't be changed from nested to non-nested"},
		{`^Field \[` + name + `\] is a metadata field and cannot be added inside a document`, "Field [$1] is a metadata field and cannot be added inside a document"},
		{`^Field \[` + name + `\] is defined more than once`, "Field [$1] is defined more than once"},
		{`^mapper \[` + name + `\] cannot be changed from type \[` + typ + `\] to \[` + typ + `\]`, "mapper [$1] cannot be changed from type [$2] to [$3]"},
		{`^can't merge a non object mapping \[` + name + `\] with an object mapping`, "can't merge a non object mapping [$1] with an object mapping"},
		{`^(field name cannot be an empty string)`, "$1"},
		{`^(?i:field name cannot contain only whitespace)`, "field name cannot contain only whitespace, nor an empty part between dots"},
		{`^field name cannot contain only dots`, "field name cannot contain only dots"},
		{`^Inconsistency of field data structures across documents for field \[` + name + `\]`, "Inconsistency of field data structures across documents for field [$1]"},
		{`^field \[` + name + `\] not supported - must be one of: ([a-z, ]{1,80})`, "field [$1] not supported - must be one of: $2"},
		{`^Copy-to currently only works for value-type fields, not objects`, "Copy-to currently only works for value-type fields, not objects"},
		{`^Duplicate field '` + name + `'`, "Duplicate field [$1]"},

		// Limits.
		{`^The number of nested documents has exceeded the allowed limit of \[` + number + `\]`, "The number of nested documents has exceeded the allowed limit of [$1]. This limit can be set by changing the [index.mapping.nested_objects.limit] index level setting."},
		{`^Limit of total fields \[` + number + `\] has been exceeded`, "Limit of total fields [$1] has been exceeded (index.mapping.total_fields.limit)"},
		{`^Limit of nested fields \[` + number + `\] has been exceeded`, "Limit of nested fields [$1] has been exceeded (index.mapping.nested_fields.limit)"},
		{`^Limit of mapping depth \[` + number + `\] has been exceeded`, "Limit of mapping depth [$1] has been exceeded (index.mapping.depth.limit)"},
		{`^Number (?:value )?length \(` + number + `\) exceeds the maximum (?:allowed|length) \(` + number, "a number of $1 digits exceeds the maximum allowed of $2"},
		{`^Document nesting depth \(` + number + `\) exceeds the maximum allowed \(` + number, "Document nesting depth ($1) exceeds the maximum allowed ($2)"},
		{`^Depth \(` + number + `\) exceeds the maximum allowed nesting depth \(` + number, "Document nesting depth ($1) exceeds the maximum allowed ($2)"},
		{`^String (?:value )?length \(` + number + `\) exceeds the maximum (?:allowed|length) \(` + number, "a text of $1 characters exceeds the maximum allowed of $2"},
		{`^Document contains at least one immense term in field="` + name + `" \(whose UTF8 encoding is longer than the max length ` + number, "Document contains at least one immense term in field [$1], longer than $2 bytes"},
		{`^Flattened field \[` + name + `\] contains one immense field whose keyed encoding is longer than the allowed max length of ` + number + ` bytes`, "Flattened field [$1] contains one immense field whose keyed encoding is longer than the allowed max length of $2 bytes"},
		{`^The provided JSON field exceeds the maximum depth limit of \[` + number + `\]`, "the field exceeds the maximum depth limit of [$1]"},
		{`^(?:this action would add|Validation Failed: 1: this action would add) \[` + number + `\] shards, but this cluster currently has \[(\d+)\]/\[(\d+)\] maximum`, "this action would add [$1] shards, but this cluster currently has [$2]/[$3] maximum"},
		{`^Result window is too large, from \+ size must be less than or equal to: \[` + number + `\]`, "Result window is too large, from + size must be less than or equal to [$1] (index.max_result_window)"},

		// Vectors.
		{`^The \[` + typ + `\] field \[` + name + `\] in doc \[` + value + `\] has a different number of dimensions \[` + number + `\] than defined in the mapping \[` + number + `\]$`, "The [$1] field [$2] has a different number of dimensions [$3] than defined in the mapping [$4]"},
		{`^The \[` + typ + `\] field \[` + name + `\] in doc \[` + value + `\] has more dimensions than defined in the mapping \[` + number + `\]$`, "The [$1] field [$2] has more dimensions than defined in the mapping [$3]"},
		{`^The \[` + typ + `\] similarity does not support vectors with zero magnitude`, "The [$1] similarity does not support vectors with zero magnitude"},
		{`^The \[` + typ + `\] similarity can only be used with unit-length vectors`, "The [$1] similarity can only be used with unit-length vectors"},
		{`^element_type \[` + typ + `\] vectors only support integers between \[-128, 127\]`, "element_type [$1] vectors only support integers between [-128, 127]"},
		{`^element_type \[` + typ + `\] vectors only support non-decimal values`, "element_type [$1] vectors only support non-decimal values"},
		{`^element_type \[` + typ + `\] vectors do not support (NaN|infinite) values`, "element_type [$1] vectors do not support $2 values"},
		{`^Failed to parse object: expecting token of type \[([A-Z_]+)\] but found \[([A-Z_]+)\]`, "expecting token of type [$1] but found [$2]"},
		{`^\[sparse_vector\] fields must be json objects, expected a ([A-Z_]+) but got: ([A-Z_]+)`, "[sparse_vector] fields must be json objects, expected a $1 but got: $2"},
		{`^\[sparse_vector\] fields do not support dots in feature names`, "[sparse_vector] fields do not support dots in feature names"},
		{`^\[sparse_vector\] fields take hashes that map a feature to a strictly positive float`, "[sparse_vector] fields take objects that map a feature to a strictly positive float"},
		{`^featureValue must be a positive normal float, got: `, "the weight of a feature must be a positive normal float"},

		// Values of the wrong kind: what came, never the value.
		{`^(?:For input string: "|multiple points$)`, "a text that is no number"},
		{`^(Long|Integer|Double|Float) value passed as String`, "a text, where a number is expected (coerce is off)"},
		{`^Cannot write to a field alias \[` + name + `\]`, "Cannot write to a field alias [$1]"},
		{`^empty String$`, "an empty text"},
		{`^Cannot parse object as number`, "an object, where a number is expected"},
		{`^Can't get text on a ([A-Z_]+)`, "a text is expected, found $1"},
		{`^Expected text at ` + value + ` but found ([A-Z_]+)$`, "a text is expected, found $1"},
		{`^Current token \(([A-Z_]+)\) not (?:numeric|of boolean type)`, "found $1, which is of another kind"},
		{`^Failed to parse value \[` + value + `\] as only \[true\] or \[false\] are allowed\.?$`, "a value that is neither [true] nor [false]"},
		{`^'[0-9a-fA-F.:]{2,45}/\d{1,3}' is not an IP string literal`, "an address with a netmask, which is no IP address"},
		{`^'` + value + `' is not an IP string literal\.?$`, "a text that is no IP address"},
		{`^Expected \[ip/prefix\] but was \[`, "a text that is no network: [ip/prefix] is expected"},
		{`^CIDR notation is not allowed with IPv6-mapped IPv4 address`, "CIDR notation is not allowed with an IPv6-mapped IPv4 address"},
		{`^failed to parse date field \[` + value + `\] with format \[([A-Za-z_|.:/' ,-]{1,200})\]$`, "a text that is no date of the format [$1]"},
		{`^cannot parse empty date(?:time)?$`, "an empty text, which is no date"},
		{`^date\[` + value + `\] is before the epoch in 1970 and cannot be stored in nanosecond resolution$`, "a date before 1970, which cannot be stored in nanosecond resolution"},
		{`^date\[` + value + `\] is after 2262-04-11T23:47:16\.854775807 and cannot be stored in nanosecond resolution$`, "a date after 2262-04-11, which cannot be stored in nanosecond resolution"},
		{`^Value \[` + value + `\] is out of range for an? (long|integer|short|byte)$`, "a number that is out of range for $1"},
		{`^Numeric value \(` + value + `\) out of range of (long|int)`, "a number that is out of range of $1"},
		{`^Value \[` + value + `\] has a decimal part$`, "a number with a decimal part"},
		{`^Value \[` + value + `\] cannot be converted to (Long|Integer|Short|Byte) without data loss`, "a number that cannot be converted to $1 without data loss"},
		{`^\[` + typ + `\] supports only finite values, but got \[`, "[$1] supports only finite values"},
		{`^error parsing field \[` + name + `\], expected an object but got `, "field [$1] takes an object, something else came"},
		{`^error parsing field \[` + name + `\], with unknown parameter \[`, "field [$1] takes an object with gt, gte, lt and lte; it has another key"},
		{`^min value \(`, "the lower bound is greater than the upper bound"},
		{`^illegal (latitude|longitude) value \[` + value + `\] for ` + name + `$`, "illegal $1 value for [$2]"},
		{`^(latitude|longitude) must be a number`, "$1 must be a number"},
		{`^unsupported symbol \[`, "a text that is no geohash (unsupported symbol)"},
		{`^empty geohash`, "an empty text, which is no geohash"},
		{`^Unknown geometry type`, "Unknown geometry type"},
		{`^Invalid WKT format`, "Invalid WKT format"},
		{`^field must be either lat/lon or type/coordinates`, "field must be either lat/lon or type/coordinates"},
		{`^Required \[type\]`, "Required [type]"},
		{`^Illegal base64 character`, "a text that is no base64"},
		{`^geo_point expected`, "geo_point expected"},
		{`^ignore_malformed`, "ignore_malformed"},

		// JSON.
		{`^Unrecognized token`, "the JSON is not valid (Unrecognized token)"},
		{`^Unexpected (character|end-of-input|close marker)`, "the JSON is not valid (Unexpected $1)"},
		{`^Invalid numeric value`, "the JSON is not valid (Invalid numeric value)"},
		{`^Malformed content, must start with an object`, "Malformed content, must start with an object"},
		{`^found extra data after parsing`, "found extra data after parsing"},
		{`^document is empty`, "document is empty"},
		{`^(?:Invalid UTF-8|Unpaired surrogate|Illegal unquoted character|Unrecognized character escape)`, "the JSON is not valid (a character that it may not hold)"},

		// Not about one document.
		{`^pipeline with id \[` + name + `\] does not exist`, "pipeline with id [$1] does not exist"},
		{`^no such index \[` + name + `\]`, "no such index [$1]"},
		{`^no write index is defined for alias \[` + name + `\]`, "no write index is defined for alias [$1]"},
		{`^routing is required for \[` + name + `\]/\[`, "routing is required for [$1]"},
		{`^(index \[` + name + `\] blocked by: (?:\[(?:FORBIDDEN|TOO_MANY_REQUESTS|SERVICE_UNAVAILABLE)/\d+/[A-Za-z /()_,-]+\];?)+)`, "$1"},
		{`^(blocked by: (?:\[(?:FORBIDDEN|TOO_MANY_REQUESTS|SERVICE_UNAVAILABLE)/\d+/[A-Za-z /()_,-]+\];?)+)`, "$1"},
		{`^(all shards failed|closed|no permissions|rejected execution of [a-z ]{1,40})`, "$1"},
		{`^action \[([a-z:/\[\]_*]{1,80})\] is unauthorized for `, "action [$1] is unauthorized"},
		{`^(unable to authenticate user|missing authentication credentials|failed to authenticate)`, "$1"},
		{`^(Data too large)`, "$1"},
	}
	shapes := make([]shape, len(table))
	for i, one := range table {
		shapes[i] = shape{regexp.MustCompile(one[0]), one[1]}
	}
	return shapes
}

// positions are "[1:6] ", the line and column of a parse error, which differ
// for equal faults.
const positions = `^(?:\[\d+:\d+\] )+`

// Elasticsearch returns what may be passed on of a reason and of the reasons that
// caused it, outermost first; "" if nothing may. The id of the document, which many
// reasons name, is left out: callers know it.
func (r *Redactor) Elasticsearch(reasons ...string) string {
	var kept []string
	for _, reason := range reasons {
		reason = r.positions.ReplaceAllString(strings.TrimSpace(reason), "")
		// "failed to parse: " stands in front of what its cause says once more.
		inner, wrapped := strings.CutPrefix(reason, "failed to parse: ")
		text := r.first(r.positions.ReplaceAllString(inner, ""))
		if text == "" && wrapped {
			text = "failed to parse"
		}
		if text != "" && !contains(kept, text) {
			kept = append(kept, text)
		}
	}
	if len(kept) > 1 && kept[0] == "failed to parse" {
		kept = kept[1:]
	}
	return shorten(strings.Join(kept, ": "))
}

func (r *Redactor) first(reason string) string {
	for _, s := range r.elasticsearch {
		if m := s.pattern.FindStringSubmatchIndex(reason); m != nil {
			return string(s.pattern.ExpandString(nil, s.text, reason, m))
		}
	}
	return ""
}

// contains reports whether one of the texts says what another does.
func contains(texts []string, text string) bool {
	for _, one := range texts {
		if strings.Contains(one, text) {
			return true
		}
	}
	return false
}
