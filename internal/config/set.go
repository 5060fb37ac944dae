package config

import (
	"fmt"
	"slices"
	"strings"
)

// Set is all that one configuration holds: one index, as most files, or several.
type Set struct {
	// Path is the file or folder, as it was given to Load.
	Path string
	// Indices are in the order of the file, and of the names of the files of a
	// folder. There is at least one; no two have one name or one alias.
	Indices []*Config
	// Serve is for `reindex serve`.
	Serve Serve
}

// Names are the names of the indices.
func (s *Set) Names() []string {
	names := make([]string, len(s.Indices))
	for i, c := range s.Indices {
		names[i] = c.Name
	}
	return names
}

// SelectionError says that a command line does not say which index is meant.
type SelectionError struct {
	// Name is not one of Names; empty if no name was given where one has to be.
	Name  string
	Names []string // that there are
	// Suggestion is the one of Names that looks like Name; may be empty.
	Suggestion string
}

func (e *SelectionError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("the configuration has %d indices, and no name says which is meant", len(e.Names))
	}
	return fmt.Sprintf("the configuration has no index named %q", e.Name)
}

// Hint says what to write.
func (e *SelectionError) Hint() string {
	known := strings.Join(e.Names, ", ")
	switch {
	case e.Name == "":
		return "name one or more of " + known + "; where a command has --all, that is all of them"
	case e.Suggestion != "":
		return "did you mean " + e.Suggestion + "? There are " + known
	}
	return "there are " + known
}

// Select returns the indices with the names, in the order of the names and each
// once; all of them where all is true; and without a name the only one there
// is. The error is a [*SelectionError].
func (s *Set) Select(names []string, all bool) ([]*Config, error) {
	if all || len(names) == 0 && len(s.Indices) == 1 {
		return s.Indices, nil
	}
	if len(names) == 0 {
		return nil, &SelectionError{Names: s.Names()}
	}
	var selected []*Config
	for _, name := range names {
		at := slices.IndexFunc(s.Indices, func(c *Config) bool { return c.Name == name })
		if at < 0 {
			return nil, &SelectionError{Name: name, Names: s.Names(), Suggestion: closest(name, s.Names())}
		}
		if !slices.Contains(selected, s.Indices[at]) {
			selected = append(selected, s.Indices[at])
		}
	}
	return selected, nil
}
