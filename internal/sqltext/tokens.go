package sqltext

import "iter"

// Kind is what a [Token] is.
type Kind int

// The kinds.
const (
	Word   Kind = iota // a keyword, an unquoted name or a number
	Name               // a quoted name, quotes included
	String             // a string of any kind, quotes included
	Sign               // one byte of anything else
)

// Token is the smallest part of SQL that means something by itself.
type Token struct {
	Kind Kind
	Text string
}

// Tokens returns the tokens of a text, without white space and comments.
func Tokens(text string) iter.Seq[Token] {
	return func(yield func(Token) bool) {
		s := lexer{text: text}
		for t := s.next(); t.kind != tokenEnd; t = s.next() {
			// A doubled quote ends one token and begins the next; both are one name or string.
			for quote := s.text[t.end-1]; t.kind == tokenQuoted && (quote == '"' || quote == '\'') && s.at(t.end) == quote; {
				t.end = s.next().end
			}
			out := Token{Kind: Word, Text: text[t.start:t.end]}
			switch {
			case t.kind == tokenSign:
				out.Kind = Sign
			case t.kind == tokenQuoted && out.Text[0] == '"':
				out.Kind = Name
			case t.kind == tokenQuoted:
				out.Kind = String
			}
			if !yield(out) {
				return
			}
		}
	}
}
