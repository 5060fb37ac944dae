package scaffold

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
)

// names makes names of fields and files that are fit and that no other has.
type names struct{ taken map[string]bool }

func newNames() *names { return &names{taken: map[string]bool{}} }

// unique takes the first of several candidates that is free, or the last with a
// number.
func (n *names) unique(candidates ...string) string {
	for _, c := range candidates {
		if !n.taken[c] {
			n.taken[c] = true
			return c
		}
	}
	last := candidates[len(candidates)-1]
	for i := 2; ; i++ {
		if c := last + "_" + strconv.Itoa(i); !n.taken[c] {
			n.taken[c] = true
			return c
		}
	}
}

// field returns a free name for a field that comes from such a name.
func (n *names) field(name string) string { return n.unique(fieldName(name)) }

// file returns a free name for a file. Two names that differ in case only are
// one file on some systems.
func (n *names) file(name, ending string) string {
	base := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_+=@", r) {
			return r
		}
		return '_'
	}, name)
	const most = 60 // letters, of four bytes at most: file names have 255 bytes
	if letters := []rune(base); len(letters) > most {
		base = string(letters[:most])
	}
	if strings.Trim(base, "_-") == "" {
		base = "table"
	}
	for i := 1; ; i++ {
		file := base
		if i > 1 {
			file += "_" + strconv.Itoa(i)
		}
		if folded := strings.ToLower(file + ending); !n.taken[folded] {
			n.taken[folded] = true
			return file + ending
		}
	}
}

// metadata are names that Elasticsearch 8.11 to 9.2 refuses as fields at the
// top of a document, or takes for something else: _doc_count multiplies the
// counts of aggregations.
func metadata(name string) bool {
	return slices.Contains([]string{
		"_id", "_source", "_routing", "_version", "_index", "_seq_no", "_field_names", "_ignored", "_tier", "_nested_path",
		"_primary_term", "_doc_count", "_type", "_size", "_score", "_feature", "_data_stream_timestamp", "_ignored_source",
		"_ts_routing_hash", "_tsid", "_inference_fields", "_recovery_source",
	}, name)
}

// fieldName makes a name fit for a field. A dot would make an object of it, a
// star a pattern; Elasticsearch refuses blank names.
func fieldName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '.' || r == '*' || r == unicode.ReplacementChar || unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) {
			return '_'
		}
		return r
	}, name)
	name = strings.TrimSpace(name)
	if metadata(name) {
		name = strings.TrimLeft(name, "_")
	}
	if !fitsYAML(name) {
		name = strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_- ", r) {
				return r
			}
			return '_'
		}, name)
	}
	if strings.Trim(name, "_") == "" {
		name = "field"
	}
	return name
}

var ordinaryName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// fitsYAML tells whether the encoder writes the name so that it is read again:
// it does not quote every key that needs it, such as "? a" and "<<".
func fitsYAML(name string) bool {
	if ordinaryName.MatchString(name) {
		return true // asking the encoder took half of the time for 200 tables
	}
	written, err := yaml.Marshal(map[string]string{name: name})
	if err != nil {
		return false
	}
	var read map[string]string
	return yaml.Unmarshal(written, &read) == nil && len(read) == 1 && read[name] == name
}

// renamed returns the name of the field for each column. A column whose name is
// fit keeps it, whichever comes first; one whose name is taken gets the prefix.
func (n *names) renamed(columns []*column, prefix string) map[*column]string {
	fields := make(map[*column]string, len(columns))
	for _, c := range columns {
		if fieldName(c.name) == c.name && !n.taken[c.name] {
			fields[c] = n.unique(c.name)
		}
	}
	for _, c := range columns {
		name := fieldName(c.name)
		switch {
		case fields[c] != "":
		case prefix != "":
			fields[c] = n.unique(name, prefix+"_"+name)
		default:
			fields[c] = n.unique(name)
		}
	}
	return fields
}

var keySuffix = regexp.MustCompile(`(?i:_(id|uuid|code|key|no|fk|ref))$|([a-z0-9])(Id|ID|Uuid|UUID|Code|Key|No|Ref)$`)

// objectName is what a row is called that a column refers to: country for
// country_id and countryCode.
func objectName(column string) string {
	if base := keySuffix.ReplaceAllString(column, "$2"); base != "" {
		return fieldName(base)
	}
	return fieldName(column)
}

var secret = regexp.MustCompile(`(?i)passw(or)?d|passphrase|secret|private_?key|api_?key`)

// comment makes text fit for a comment of SQL: names may hold line breaks, and
// the beginning of a block comment.
func comment(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, text)
	return strings.ReplaceAll(text, "/*", "/ *")
}

// count writes a number with commas.
func count(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
