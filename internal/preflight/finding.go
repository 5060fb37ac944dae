package preflight

// Level is how much a finding matters.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // a run would work; read it
	Problem Level = "problem" // a run would fail, or do harm
)

// Finding is one precondition that was looked at.
type Finding struct {
	Subject string // such as "disk"; unique within a check
	Level   Level
	Text    string // what was found
	Hint    string // what to do; empty for OK
	Err     error  // why a server cannot be worked with; nil if it can
}

// Error is a finding that keeps a run from starting.
type Error struct{ Finding }

func (e *Error) Error() string { return e.Subject + ": " + e.Text }

// Hint says what to do.
func (e *Error) Hint() string { return e.Finding.Hint }

func ok(subject, text string) Finding { return Finding{Subject: subject, Level: OK, Text: text} }

func warning(subject, text, hint string) Finding {
	return Finding{Subject: subject, Level: Warning, Text: text, Hint: hint}
}

func problem(subject, text, hint string) Finding {
	return Finding{Subject: subject, Level: Problem, Text: text, Hint: hint}
}

// notAsked is a precondition that could not be looked at.
func notAsked(subject string, err error) Finding {
	return warning(subject, "could not be looked at: "+err.Error(), "look at it by hand, or give the user the privilege to ask")
}
