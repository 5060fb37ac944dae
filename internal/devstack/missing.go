package devstack

import (
	"fmt"
	"strings"
)

// MissingError lists every program that the servers need and this machine
// lacks.
type MissingError struct {
	Programs []Program
}

// Program is something to install before a server can start.
type Program struct {
	Name    string // what is missing and what needs it
	Install string // the command that installs it on Debian and Ubuntu
}

func (e *MissingError) Error() string {
	var b strings.Builder
	b.WriteString("this machine lacks what the servers need:")
	for _, p := range e.Programs {
		fmt.Fprintf(&b, "\n  %s: %s", p.Name, p.Install)
	}
	return b.String()
}

// Missing looks for the programs of a PostgreSQL server and of an Elasticsearch
// node of each version, and returns a [*MissingError] that lists the lacking
// ones, or nil.
func Missing(versions ...string) error {
	var lacking []Program
	if _, err := postgresBin(); err != nil {
		lacking = append(lacking, postgresProgram())
	}
	for _, version := range versions {
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
	seen := map[Program]bool{}
	var once []Program
	for _, p := range programs {
		if !seen[p] {
			seen[p] = true
			once = append(once, p)
		}
	}
	if len(once) == 0 {
		return nil
	}
	return &MissingError{Programs: once}
}

func postgresProgram() Program {
	return Program{Name: "PostgreSQL (initdb and postgres)", Install: "apt-get install postgresql"}
}
