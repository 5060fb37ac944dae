package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is one problem of a configuration. [Load] joins as many as it finds;
// use errors.As to tell that an error is about the configuration.
type Error struct {
	// File is the configuration file, as it was given to Load.
	File string
	// Line is where in File the problem is, counted from 1; 0 when no line is to
	// blame, for instance when a setting is missing.
	Line int
	// Origin is the variable or flag (REINDEX_LOAD_WORKERS, --workers) that the
	// value came from; empty when it came from File.
	Origin string
	// Field is the dotted name of the setting, such as load.batch_bytes or, with
	// several indices, indices.persons.source.id; empty when the problem is the
	// file as a whole.
	Field string
	// Problem says what is wrong and Advice what to write instead. Neither holds a
	// secret. Advice may be empty.
	Problem, Advice string
}

// Error returns one line, such as
//
//	reindex.yaml:14: load.batch_bytes is "4XB"
func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.Origin != "":
		b.WriteString(e.Origin)
	case e.Line > 0:
		fmt.Fprintf(&b, "%s:%d", e.File, e.Line)
	default:
		b.WriteString(e.File)
	}
	b.WriteString(": ")
	if e.Field != "" {
		b.WriteString(e.Field)
		b.WriteByte(' ')
	}
	b.WriteString(e.Problem)
	return b.String()
}

// Hint says what to write instead, such as "want a size such as 4MiB".
func (e *Error) Hint() string { return e.Advice }

// join puts problems in the order of the file; those without a line follow.
// What is wrong with a setting that several indices share is said once.
func join(problems []*Error) error {
	var once []*Error
	seen := map[Error]bool{}
	for _, p := range problems {
		if !seen[*p] {
			seen[*p] = true
			once = append(once, p)
		}
	}
	problems = once
	slices.SortStableFunc(problems, func(a, b *Error) int {
		if a.File != b.File {
			return 0 // files come one after the other
		}
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Compare(a.Line, b.Line)
	})
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}
