package bulk

import "strconv"

// scanner walks over JSON without building values. After anything unexpected
// bad is set and every method returns at once.
type scanner struct {
	b     []byte
	i     int
	depth int
	bad   bool
}

// maxDepth is far above what a bulk reply nests (5) and keeps hostile input
// from exhausting the stack.
const maxDepth = 64

// peek returns the next byte that is not white space, or 0.
func (s *scanner) peek() byte {
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.bad || s.peek() != c || c == 0 {
		return false
	}
	s.i++
	return true
}

func (s *scanner) need(c byte) {
	if !s.take(c) {
		s.bad = true
	}
}

// end wants nothing but white space up to the end.
func (s *scanner) end() {
	s.peek()
	s.bad = s.bad || s.i != len(s.b)
}

// members calls visit for each member of an object; visit reads the value.
func (s *scanner) members(visit func(key []byte)) {
	s.list('{', '}', func() {
		key := s.text()
		s.need(':')
		if !s.bad {
			visit(key)
		}
	})
}

// elements calls visit for each element of an array; visit reads it.
func (s *scanner) elements(visit func()) {
	s.list('[', ']', visit)
}

func (s *scanner) list(open, end byte, visit func()) {
	s.need(open)
	s.depth++
	if s.depth > maxDepth {
		s.bad = true
	}
	for more := !s.take(end); more && !s.bad; {
		visit()
		if more = s.take(','); !more {
			s.need(end)
		}
	}
	s.depth--
}

// text reads a string and returns what is between its quotes, escapes and all.
func (s *scanner) text() []byte {
	s.need('"')
	if s.bad {
		return nil
	}
	for start := s.i; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[start : s.i-1]
		case c == '\\':
			s.i++
		case c < ' ':
			s.bad = true
			return nil
		}
	}
	s.bad = true
	return nil
}

// status reads a number from 100 to 599.
func (s *scanner) status() int {
	s.peek()
	start, n := s.i, 0
	for ; s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' && s.i-start < 4; s.i++ {
		n = n*10 + int(s.b[s.i]-'0')
	}
	if n < 100 || n > 599 {
		s.bad = true
	}
	return n
}

// integer reads a number of 64 bits, or null as 0.
func (s *scanner) integer() int64 {
	s.peek()
	start := s.i
	s.literal()
	if s.bad || string(s.b[start:s.i]) == "null" {
		return 0
	}
	n, err := strconv.ParseInt(string(s.b[start:s.i]), 10, 64)
	s.bad = s.bad || err != nil
	return n
}

// skip reads any value.
func (s *scanner) skip() {
	switch c := s.peek(); {
	case s.bad:
	case c == '{':
		s.members(func([]byte) { s.skip() })
	case c == '[':
		s.elements(s.skip)
	case c == '"':
		s.text()
	default:
		s.literal()
	}
}

// literal skips a number, true, false or null without judging its spelling.
func (s *scanner) literal() {
	start := s.i
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c == '-', c == '+', c == '.', c == 'E':
			continue
		}
		break
	}
	s.bad = s.bad || s.i == start
}
