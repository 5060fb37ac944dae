package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"example.com/reindex/internal/devstack"
)

// missingCommand is for scripts, such as .ci/setup.
func missingCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "missing",
		Short: "Print what this machine lacks to start the servers, as packages of Debian and Ubuntu",
		Long: `Print what this machine lacks to start the servers: one program a line, as the packages
of Debian and Ubuntu any of which has it, the preferred one first. Nothing is printed if
nothing is missing.`,
		Args: cobra.NoArgs,
	}
	versions := cmd.Flags().StringSlice("version", []string{devstack.Version8}, "versions of Elasticsearch")
	postgres := cmd.Flags().String("postgres", "", "major version of PostgreSQL (default: the installed one, or 17)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		err := devstack.Missing(*postgres, *versions...)
		lacking, ok := errors.AsType[*devstack.MissingError](err)
		if !ok {
			return err
		}
		for _, program := range lacking.Programs {
			fmt.Fprintln(cmd.OutOrStdout(), strings.Join(program.Packages, " "))
		}
		return nil
	}
	return cmd
}
