package config

import (
	"fmt"
	"strings"
)

// expand puts the values of variables in place of ${NAME} in a text of the
// file; $${ stands for ${ itself, and any other $ for itself, so that a
// password with a dollar sign and a path need no care. A block of SQL is taken
// as it is, because ${ and $$ have a meaning of their own there.
//
// A variable that is not set, or empty, is an error: an empty host name or
// password would fail later and elsewhere.
func (l *loader) expand(field string, v value) (value, bool) {
	if v.file == "" || v.block || !strings.Contains(v.text, "${") {
		return v, true
	}
	v.written = v.text
	var out strings.Builder
	for rest := v.text; ; {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			out.WriteString(rest)
			v.text = out.String()
			return v, true
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			out.WriteString(escaped + "${")
			rest = after
			continue
		}
		name, after, closed := strings.Cut(after, "}")
		if !closed || !isVariable(name) {
			l.reportAt(v, field, "has ${ without the name of a variable and }", "write ${NAME}, or $${ for the text ${")
			return v, false
		}
		text, _ := l.env(name)
		if text == "" {
			l.reportAt(v, field, fmt.Sprintf("needs the variable %s, which is not set", name),
				fmt.Sprintf("set %s, or write $${%s} if that text is meant", name, name))
			return v, false
		}
		v.variables = append(v.variables, variable{name: name, text: text})
		out.WriteString(before + text)
		rest = after
	}
}

// Literal is text as the file has to have it, so that no variable is put into it.
func Literal(text string) string { return strings.ReplaceAll(text, "${", "$${") }

// variable is one that a text of the file was made with.
type variable struct{ name, text string }

// isVariable tells a name that a shell can set.
func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || '9' < r) {
			return false
		}
	}
	return name != ""
}

// conceal takes out of a message what came from variables: whether one of them
// is a secret cannot be known here. Messages about paths may have a part of one,
// so each goes by itself. What is shorter than a secret stays, so that a message
// does not lose its digits.
func (v value) conceal(message string) string {
	const shortest = 4
	for _, used := range v.variables {
		for _, text := range append([]string{used.text}, strings.Split(used.text, "/")...) {
			if len(text) >= shortest {
				message = strings.ReplaceAll(message, text, "${"+used.name+"}")
			}
		}
	}
	return message
}
