package redact

import (
	"regexp"
	"sync"
	"unicode/utf8"
)

// maxText keeps one message on one or two lines of a terminal.
const maxText = 300

// Redactor knows the shapes of messages. Get it with [Default].
type Redactor struct {
	positions     *regexp.Regexp
	elasticsearch []shape
	postgres      map[string][]shape // by SQLSTATE
}

// Default returns the redactor, compiled once: a run whose servers refuse nothing
// does not pay for it.
func Default() *Redactor { return compiled() }

//nolint:gochecknoglobals // a table that never changes
var compiled = sync.OnceValue(func() *Redactor {
	return &Redactor{positions: regexp.MustCompile(positions), elasticsearch: known(), postgres: states()}
})

func shorten(text string) string {
	if len(text) <= maxText {
		return text
	}
	cut := maxText
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}
