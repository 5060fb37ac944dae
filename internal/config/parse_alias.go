package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAlias leaves room in the 255 bytes of an Elasticsearch name for what the
// program adds: a generation, a run id and the kind of name.
const maxAlias = 180

// alias takes a name that Elasticsearch accepts for an index and that cannot
// be taken for one of the names made from another alias.
// https://www.elastic.co/guide/en/elasticsearch/reference/8.19/indices-create-index.html#indices-create-api-path-params
func alias(to *string) parseFunc {
	return func(v value) error {
		name := strings.TrimSpace(v.text)
		if err := validName(name); err != nil {
			return err
		}
		if err := freeName(name); err != nil {
			return err
		}
		*to = name
		return nil
	}
}

func validName(name string) error {
	const forbidden = `\/*?"<>|,#:`
	odd := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(forbidden, r)
	}
	switch {
	case len(name) > maxAlias:
		return fmt.Errorf("want at most %d bytes, it has %d", maxAlias, len(name))
	case !utf8.ValidString(name) || strings.ContainsFunc(name, odd):
		return fmt.Errorf("want a name without blanks and without %s", forbidden)
	case strings.ContainsAny(name[:1], "-_+."):
		return errors.New("want a name that does not start with - _ + or a dot")
	case strings.ToLower(name) != name:
		return errors.New("want lower case, Elasticsearch accepts no other")
	}
	return nil
}

// freeName refuses the names that the program gives to its own indices and
// aliases: a generation of persons is persons-000042, its lock index is
// lock-persons, and its working aliases are persons.claim-42-<run>,
// persons.done-..., persons.swap-... and persons.w-....
func freeName(name string) error {
	if base := strings.TrimRight(name, "0123456789"); base != name && strings.HasSuffix(base, "-") && base != "-" {
		stem := strings.TrimSuffix(base, "-")
		return fmt.Errorf("want a name that does not end in - and digits: that is how the indices of alias %q are named", stem)
	}
	if stem, found := strings.CutPrefix(name, "lock-"); found {
		return fmt.Errorf("want a name that does not start with lock-: that is the lock of alias %q", stem)
	}
	for _, kind := range []string{".claim-", ".done-", ".swap-", ".w-"} {
		if stem, _, found := strings.Cut(name, kind); found {
			return fmt.Errorf("want a name without %s: that is a working alias of %q", kind, stem)
		}
	}
	return nil
}
