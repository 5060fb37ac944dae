package esalias

import (
	"crypto/rand"
	"errors"
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

// ValidateAlias reports why alias cannot be managed by this package, or nil.
// The rules are those of Elasticsearch for index names, with less length (180
// bytes), and without names that this package would make from another alias.
func ValidateAlias(alias string) error {
	switch {
	case alias == "":
		return errors.New("alias is empty")
	case len(alias) > maxAlias:
		return fmt.Errorf("alias is %d bytes long, want at most %d", len(alias), maxAlias)
	case !utf8.ValidString(alias) || strings.ContainsFunc(alias, forbidden):
		return fmt.Errorf("alias %q: want no blanks and none of %s", alias, forbiddenInNames)
	case strings.ContainsAny(alias[:1], "-_+."):
		return fmt.Errorf("alias %q: want no - _ + or dot in front", alias)
	case strings.ToLower(alias) != alias:
		return fmt.Errorf("alias %q: want lower case", alias)
	case strings.HasPrefix(alias, "lock-"):
		return fmt.Errorf("alias %q: names in lock- are lock indices", alias)
	case regexp.MustCompile(`-[0-9]+$`).MatchString(alias):
		return fmt.Errorf("alias %q ends like an index of this package, want no number at the end", alias)
	case regexp.MustCompile(`\.(claim|done|swap|w)-`).MatchString(alias):
		return fmt.Errorf("alias %q reads like a working alias of this package", alias)
	}
	return nil
}

// forbiddenInNames is Elasticsearch's list and the percent sign, which would
// have to be escaped in a path.
const forbiddenInNames = `\/*?"<>|,#:%`

func forbidden(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(forbiddenInNames, r)
}
