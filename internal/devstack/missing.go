package devstack

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MissingError lists every program that the servers need and this machine
// lacks.
type MissingError struct {
	Programs []Program
}

// Program is something to install before a server can start.
type Program struct {
	Name string // what is missing and what needs it
	// Packages of Debian and Ubuntu, any of which has it; the preferred one first.
	Packages []string
}

func (e *MissingError) Error() string {
	var b strings.Builder
	b.WriteString("this machine lacks what the servers need (.ci/setup installs it):")
	for _, p := range e.Programs {
		fmt.Fprintf(&b, "\n  %s: apt-get install %s", p.Name, strings.Join(p.Packages, ", or "))
	}
	return b.String()
}

// Missing looks for the programs of a PostgreSQL server of the given version
// ("" is the default) and of an Elasticsearch node of each version, and returns
// a [*MissingError] that lists the lacking ones, or nil.
func Missing(postgres string, elasticsearch ...string) error {
	var lacking []Program
	source, err := postgresSourceOf(postgres)
	if none := (*MissingError)(nil); errors.As(err, &none) {
		lacking = append(lacking, none.Programs...)
	} else if err != nil {
		return err
	} else {
		lacking = append(lacking, source.lacking()...)
	}
	for _, version := range elasticsearch {
		d, err := distributionOf(version)
		if err != nil {
			return err
		}
		lacking = append(lacking, d.lacking()...)
	}
	return missing(lacking)
}

// missing returns an error for the programs, each named once, or nil.
func missing(programs []Program) error {
	var once []Program
	for _, p := range programs {
		if !slices.ContainsFunc(once, func(seen Program) bool { return seen.Name == p.Name }) {
			once = append(once, p)
		}
	}
	if len(once) == 0 {
		return nil
	}
	return &MissingError{Programs: once}
}
