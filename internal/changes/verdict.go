package changes

import "fmt"

// Kind is what a comparison found.
type Kind int

// The kinds.
const (
	// Full: compare all documents, for [Verdict.Reason].
	Full Kind = iota
	// Idle: no document differs.
	Idle
	// Some: only the documents of [Verdict.IDs] may differ.
	Some
)

// Verdict is the answer of [Compare].
type Verdict struct {
	Kind Kind
	// Reason is set with Full.
	Reason Refusal
	// IDs are the ids, in text form as PostgreSQL prints them, each once, in
	// no order. Some may be of documents that exist in neither snapshot.
	IDs []string
}

// Refusal is why a comparison has to be a full one.
type Refusal struct {
	// Why names the table, function or setting.
	Why string
	// Remedy is what a person can do about it; "" if there is nothing to do.
	Remedy string
	// Always says that every comparison will be refused until then, so that it
	// can be said beforehand.
	Always bool
}

func (r Refusal) String() string {
	if r.Remedy == "" {
		return r.Why
	}
	return fmt.Sprintf("%s (%s)", r.Why, r.Remedy)
}

func full(format string, args ...any) Verdict {
	return Verdict{Kind: Full, Reason: Refusal{Why: fmt.Sprintf(format, args...)}}
}
