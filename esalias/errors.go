package esalias

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/reindex/internal/es"
)

var (
	// ErrLeaseLost means that this run may no longer swap: its renewals
	// stopped, or another run took over. The alias was not moved by it.
	ErrLeaseLost = errors.New("lease lost")

	// ErrOutcomeUnknown means that a swap was sent, no answer told its
	// outcome, and another run has claimed the fence since. The alias is on
	// one complete index; which run put it there cannot be learnt.
	ErrOutcomeUnknown = errors.New("outcome of the swap is unknown")

	// ErrNotSwapped means that a swap was refused and, for certain, never
	// happened and never will.
	ErrNotSwapped = errors.New("not swapped")
)

type (
	// RequestError is an answer of Elasticsearch that refused a request, such as
	// the body of an index ([Lease.Create]).
	RequestError = es.Error

	// NoAnswerError means that the outcome of a request is not known: the
	// connection broke, time ran out, or something between the program and
	// Elasticsearch answered in its place.
	NoAnswerError = es.NoAnswerError
)

// HeldError means that a live run holds the lease. It was seen alive: its
// record changed while it was being watched.
type HeldError struct {
	Alias  string
	Record Record
}

func (e *HeldError) Error() string {
	r := e.Record
	s := fmt.Sprintf("alias %s is locked by another run: host %s, pid %d, run %s, trigger %s, token %d, since %s",
		e.Alias, r.Holder.Host, r.Holder.PID, r.Holder.RunID, r.Holder.Trigger, r.Token, r.Since.UTC().Format(time.RFC3339))
	if r.Phase != "" {
		s += ", phase " + r.Phase
	}
	if r.Documents > 0 || r.Total > 0 {
		s += fmt.Sprintf(", %d of about %d documents", r.Documents, r.Total)
	}
	return s
}

// ShapeError means that the alias, the indices or the lock index are in a
// shape that this package never makes; a person must decide.
type ShapeError struct {
	Alias   string
	Problem string
	Indices []string // what was found
	Advice  string   // what to do
}

// Hint says what to do.
func (e *ShapeError) Hint() string { return e.Advice }

func (e *ShapeError) Error() string {
	s := fmt.Sprintf("alias %s: %s", e.Alias, e.Problem)
	if len(e.Indices) > 0 {
		s += " (" + strings.Join(e.Indices, ", ") + ")"
	}
	return s
}

// lostError is ErrLeaseLost with the reason.
type lostError struct{ reason string }

func (e *lostError) Error() string        { return "lease lost: " + e.reason }
func (e *lostError) Is(target error) bool { return target == ErrLeaseLost }

func lost(format string, args ...any) error { return &lostError{reason: fmt.Sprintf(format, args...)} }
