package bulk

import (
	"encoding/json"
	"errors"
)

// answer is what a bulk reply says about one document. The slices are raw JSON
// strings without their quotes and point into the reply.
type answer struct {
	status int // HTTP-like: 201 created, 200 updated or deleted, 404 nothing to delete
	failed bool
	kind   []byte
	reason []byte
	// Where it was written, if that was asked for.
	seqNo, term int64
	causes      [][]byte // reasons of what caused it, outermost first
}

// errReply means that a reply cannot be understood. It is treated like a reply
// that never came.
var errReply = errors.New("the reply is not a bulk reply")

// parseReply appends what b says about each document, in the order sent.
// Unknown fields are skipped. encoding/json takes 0.6 µs for each document, and 1.4 µs
// where the reply has all fields; this takes 0.05 and 0.2 µs (BenchmarkReply).
func parseReply(b []byte, answers []answer) ([]answer, error) {
	s := scanner{b: b}
	seen := 0
	s.members(func(key []byte) {
		if string(key) != "items" {
			s.skip()
			return
		}
		seen++
		s.elements(func() { answers = append(answers, s.item()) })
	})
	s.end()
	if s.bad || seen != 1 {
		return answers, errReply
	}
	return answers, nil
}

// item reads {"index": {...}}; the name of the action is that which was sent.
func (s *scanner) item() answer {
	var a answer
	actions := 0
	s.members(func([]byte) {
		actions++
		a = s.action()
	})
	if actions != 1 || a.status == 0 {
		s.bad = true
	}
	return a
}

func (s *scanner) action() answer {
	var a answer
	s.members(func(key []byte) {
		switch string(key) {
		case "status":
			a.status = s.status()
		case "_seq_no":
			a.seqNo = s.integer()
		case "_primary_term":
			a.term = s.integer()
		case "error":
			a.failed = true
			s.failure(&a)
		default:
			s.skip()
		}
	})
	return a
}

// failure reads an error, which is an object with a type and a reason; from
// before Elasticsearch 5 and from some proxies it is only a text.
func (s *scanner) failure(a *answer) {
	if s.peek() != '{' {
		s.skip()
		return
	}
	s.members(func(key []byte) {
		switch {
		case string(key) == "type" && s.peek() == '"':
			a.kind = s.text()
		case string(key) == "reason" && s.peek() == '"':
			a.reason = s.text()
		case string(key) == "caused_by" && s.peek() == '{':
			s.cause(a, 1)
		default:
			s.skip()
		}
	})
}

// mostCauses bounds the depth of a chain; Elasticsearch's have one to four.
const mostCauses = 10

// cause reads an error that caused another one.
func (s *scanner) cause(a *answer, depth int) {
	s.members(func(key []byte) {
		switch {
		case string(key) == "reason" && s.peek() == '"':
			a.causes = append(a.causes, s.text())
		case string(key) == "caused_by" && s.peek() == '{' && depth < mostCauses:
			s.cause(a, depth+1)
		default:
			s.skip()
		}
	})
}

// reasons are those of the error and of its causes.
func (a answer) reasons() []string {
	texts := []string{plain(a.reason)}
	for _, raw := range a.causes {
		texts = append(texts, plain(raw))
	}
	return texts
}

// plain undoes the escapes of a raw JSON string.
func plain(raw []byte) string {
	var text string
	quoted := append(append([]byte{'"'}, raw...), '"')
	if err := json.Unmarshal(quoted, &text); err != nil {
		return ""
	}
	return text
}
