package sqltext

import (
	"errors"
	"regexp"
	"strings"
)

// Statement is the part of a query file that goes into a subquery.
type Statement struct {
	// SQL is the file's text up to its last token or hint: without the semicolon and
	// without what follows it. Only the end is cut off, so that a position
	// reported by PostgreSQL is a position in the file.
	SQL string
	// Ordered says that the statement has an ORDER BY of its own, outside all
	// parentheses.
	Ordered bool
	// Hints are the /*range ...*/ comments, in the order of the text.
	Hints []Hint
}

// Hint is a comment such as /*range f.person_id*/ behind a condition of a
// query. It promises that the column is the id in every row that matters, and
// for each range it becomes "AND f.person_id >= $1 AND f.person_id < $2".
// PostgreSQL carries the condition around the query to one table by itself, and
// never from p.id to an f.person_id that must be equal to it.
type Hint struct {
	Start, End int // of the comment
	Column     string
}

// parseHint reads a block comment.
func parseHint(comment string) (column string, ok bool) {
	const name = `(?:[A-Za-z_][A-Za-z_0-9]*|"[^"]+")`
	match := regexp.MustCompile(`^/\*\s*range\s+(` + name + `(?:\.` + name + `)*)\s*\*/$`).FindStringSubmatch(comment)
	if match == nil {
		return "", false
	}
	return match[1], true
}

// What a text may lack.
var (
	ErrNoStatement   = errors.New("holds no statement")
	ErrTwoStatements = errors.New("holds more than one statement")
)

// Parse finds the end of the one statement in text and whether it is
// ordered. It understands where SQL's words and semicolons are not words and
// semicolons (strings, quoted names, dollar quotes, comments) and nothing
// else; whether the statement is valid is for PostgreSQL to say.
func Parse(text string) (Statement, error) {
	var st Statement
	var end, depth int
	var ended, afterOrder bool
	s := lexer{text: text}
	s.block = func(start int) {
		column, ok := parseHint(text[start:s.pos])
		if ok && end > 0 && !ended { // the last one may be behind the last token
			st.Hints = append(st.Hints, Hint{Start: start, End: s.pos, Column: column})
			end = s.pos
		}
	}
	for t := s.next(); t.kind != tokenEnd; t = s.next() {
		if t.is(text, ";") {
			ended = end > 0
			continue
		}
		if ended {
			return Statement{}, ErrTwoStatements
		}
		end = t.end
		depth += t.depth(text)
		st.Ordered = st.Ordered || afterOrder && t.isWord(text, "by")
		afterOrder = depth == 0 && t.isWord(text, "order")
	}
	if end == 0 {
		return Statement{}, ErrNoStatement
	}
	st.SQL = text[:end]
	return st, nil
}

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a keyword, an unquoted name or a number
	tokenQuoted           // a string or a quoted name
	tokenSign             // one byte of anything else
)

type token struct {
	kind       tokenKind
	start, end int
}

func (t token) is(text, sign string) bool {
	return t.kind == tokenSign && text[t.start:t.end] == sign
}

func (t token) isWord(text, word string) bool {
	return t.kind == tokenWord && strings.EqualFold(text[t.start:t.end], word)
}

// depth tells by how much the token changes the depth of parentheses.
func (t token) depth(text string) int {
	switch {
	case t.is(text, "("):
		return 1
	case t.is(text, ")"):
		return -1
	}
	return 0
}

// lexer cuts SQL into tokens by the lexical rules of PostgreSQL with
// standard_conforming_strings on. A quote or a comment without its end goes to
// the end of the text; PostgreSQL reports that better than this could.
type lexer struct {
	text  string
	pos   int
	block func(start int) // called after a block comment, if not nil
}

func (s *lexer) next() token {
	s.skipBlank()
	start := s.pos
	if start >= len(s.text) {
		return token{tokenEnd, start, start}
	}
	kind := tokenQuoted
	switch c := s.text[start]; {
	case c == '\'':
		s.quoted('\'', false)
	case c == '"':
		s.quoted('"', false)
	case (c == 'e' || c == 'E') && s.at(start+1) == '\'':
		s.pos++
		s.quoted('\'', true)
	case c == '$' && s.dollarQuoted():
	case wordByte(c):
		kind = tokenWord
		s.word()
	default:
		kind = tokenSign
		s.pos++
	}
	return token{kind, start, s.pos}
}

// at returns the byte at i, or 0 beyond the end.
func (s *lexer) at(i int) byte {
	if i >= len(s.text) {
		return 0
	}
	return s.text[i]
}

// skipBlank moves over white space and comments.
func (s *lexer) skipBlank() {
	for s.pos < len(s.text) {
		rest := s.text[s.pos:]
		switch {
		case strings.HasPrefix(rest, "--"):
			s.pos += lineLength(rest)
		case strings.HasPrefix(rest, "/*"):
			start := s.pos
			s.comment()
			if s.block != nil {
				s.block(start)
			}
		case strings.IndexByte(" \t\r\n\f\v", rest[0]) >= 0:
			s.pos++
		default:
			return
		}
	}
}

func lineLength(text string) int {
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		return i
	}
	return len(text)
}

// comment moves over a block comment; they nest in PostgreSQL.
func (s *lexer) comment() {
	depth := 0
	for s.pos < len(s.text) {
		switch rest := s.text[s.pos:]; {
		case strings.HasPrefix(rest, "/*"):
			depth++
			s.pos += 2
		case strings.HasPrefix(rest, "*/"):
			depth--
			s.pos += 2
		default:
			s.pos++
		}
		if depth == 0 {
			return
		}
	}
}

// quoted moves over a quoted string or name. A doubled quote is two strings in
// a row here, which makes no difference.
func (s *lexer) quoted(quote byte, backslash bool) {
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == '\\' && backslash:
			s.pos++
		case c == quote && backslash && s.at(s.pos+1) == quote:
			s.pos++ // the second half is still a string with backslashes
		case c == quote:
			s.pos++
			return
		}
	}
	s.pos = len(s.text)
}

// dollarQuoted moves over $$...$$ or $tag$...$tag$ and tells whether there was one.
func (s *lexer) dollarQuoted() bool {
	end := s.pos + 1
	for wordByte(s.at(end)) {
		end++
	}
	if s.at(end) != '$' || digit(s.at(s.pos+1)) {
		return false
	}
	tag := s.text[s.pos : end+1]
	if i := strings.Index(s.text[end+1:], tag); i >= 0 {
		s.pos = end + 1 + i + len(tag)
	} else {
		s.pos = len(s.text)
	}
	return true
}

func (s *lexer) word() {
	number := digit(s.text[s.pos])
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		// A name may contain a dollar sign; after a number one begins a quote.
		if !wordByte(c) && (c != '$' || number) {
			return
		}
		s.pos++
	}
}

func wordByte(c byte) bool {
	return c == '_' || digit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
