package esalias

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// names makes and reads every name that belongs to one alias.
type names struct{ alias string }

func (n names) lockIndex() string { return "lock-" + n.alias }

// lockAlias is where the lease document is written: a write through an alias
// with require_alias cannot create a lock index that has no fence.
func (n names) lockAlias() string { return n.lockIndex() + ".doc" }

func (n names) index(token int64) string { return fmt.Sprintf("%s-%06d", n.alias, token) }

func (n names) indexPattern() string { return n.alias + "-*" }

// token returns the number in an index name that index made.
func (n names) token(index string) (int64, bool) {
	digits, ok := strings.CutPrefix(index, n.alias+"-")
	if !ok {
		return 0, false
	}
	token, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || token < 0 || n.index(token) != index {
		return 0, false
	}
	return token, true
}

// tag is the part of an alias name that belongs to one claim: token and run.
type tag struct {
	token int64
	run   string
}

func (t tag) String() string { return fmt.Sprintf("%d-%s", t.token, t.run) }

func (n names) claim(t tag) string  { return n.alias + ".claim-" + t.String() }
func (n names) done(t tag) string   { return n.alias + ".done-" + t.String() }
func (n names) writer(t tag) string { return n.alias + ".w-" + t.String() }
func (n names) mark(t tag) string   { return n.alias + ".swap-" + t.String() }

// kind is which of the four aliases of a run a name is.
type kind int

const (
	kindOther kind = iota
	kindClaim
	kindDone
	kindWriter
	kindMark
)

// parse tells which alias of this package a name is. Only a name that would be
// made again exactly is taken for one: "007" is not a token.
func (n names) parse(name string) (kind, tag) {
	rest, ok := strings.CutPrefix(name, n.alias+".")
	if !ok {
		return kindOther, tag{}
	}
	for _, k := range []struct {
		prefix string
		kind   kind
		make   func(tag) string
	}{
		{"claim-", kindClaim, n.claim},
		{"done-", kindDone, n.done},
		{"w-", kindWriter, n.writer},
		{"swap-", kindMark, n.mark},
	} {
		if t, ok := parseTag(rest, k.prefix); ok && k.make(t) == name {
			return k.kind, t
		}
	}
	return kindOther, tag{}
}

func parseTag(s, prefix string) (tag, bool) {
	s, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return tag{}, false
	}
	number, run, ok := strings.Cut(s, "-")
	if !ok || run == "" {
		return tag{}, false
	}
	token, err := strconv.ParseInt(number, 10, 64)
	if err != nil || token < 0 {
		return tag{}, false
	}
	return tag{token: token, run: run}, true
}

// NewRunID returns a random run id: 12 characters of a-z and 2-7, 60 bits.
func NewRunID() string { return strings.ToLower(rand.Text()[:12]) }

// A run id is part of alias names.
func validRunID(id string) bool {
	return regexp.MustCompile(`^[a-z0-9]{8,32}$`).MatchString(id)
}

// maxAlias leaves room in the 255 bytes of an Elasticsearch name for the
// longest name made from an alias: ".claim-", 19 digits, "-", 32 of a run id.
const maxAlias = 180

// AliasNameError means that a name cannot be that of an alias of this package.
type AliasNameError struct {
	Alias   string
	Problem string // begins with "want"
}

func (e *AliasNameError) Error() string { return fmt.Sprintf("alias %q: %s", e.Alias, e.Problem) }

// ValidateAlias reports why alias cannot be managed by this package, as an
// [*AliasNameError], or nil. The rules are those of Elasticsearch for index
// names, with less length (180 bytes), without the percent sign, and without
// names that this package would make from another alias.
// https://www.elastic.co/guide/en/elasticsearch/reference/8.19/indices-create-index.html#indices-create-api-path-params
func ValidateAlias(alias string) error {
	if problem := cmp.Or(badName(alias), takenName(alias)); problem != "" {
		return &AliasNameError{Alias: alias, Problem: problem}
	}
	return nil
}

func badName(alias string) string {
	switch {
	case alias == "":
		return "want a name"
	case len(alias) > maxAlias:
		return fmt.Sprintf("want at most %d bytes, it has %d", maxAlias, len(alias))
	case !utf8.ValidString(alias) || strings.ContainsFunc(alias, forbidden):
		return "want a name without blanks and without " + forbiddenInNames
	case strings.ContainsAny(alias[:1], "-_+."):
		return "want a name that does not start with - _ + or a dot"
	case strings.ToLower(alias) != alias:
		return "want lower case, Elasticsearch accepts no other"
	}
	return ""
}

// takenName refuses the names that this package gives to its own indices and
// aliases: a generation of persons is persons-000042, its lock index is
// lock-persons, and its working aliases are persons.claim-42-<run>,
// persons.done-..., persons.swap-... and persons.w-....
func takenName(alias string) string {
	if base := strings.TrimRight(alias, "0123456789"); base != alias && strings.HasSuffix(base, "-") && base != "-" {
		return fmt.Sprintf("want a name that does not end in - and digits: that is how the indices of alias %q are named", strings.TrimSuffix(base, "-"))
	}
	if stem, found := strings.CutPrefix(alias, "lock-"); found {
		return fmt.Sprintf("want a name that does not start with lock-: that is the lock of alias %q", stem)
	}
	for _, kind := range []string{".claim-", ".done-", ".swap-", ".w-"} {
		if stem, _, found := strings.Cut(alias, kind); found {
			return fmt.Sprintf("want a name without %s: that is a working alias of %q", kind, stem)
		}
	}
	return ""
}

// forbiddenInNames is Elasticsearch's list and the percent sign: the client
// library puts names into a path as they are.
const forbiddenInNames = `\/*?"<>|,#:%`

func forbidden(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(forbiddenInNames, r)
}
