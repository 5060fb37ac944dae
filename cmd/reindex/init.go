package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/scaffold"
	"example.com/reindex/internal/source"
)

func (a *app) initCommand() *cobra.Command {
	var table, alias, dir string
	cmd := &cobra.Command{
		Use:   "init --table TABLE",
		Short: "Write a commented configuration from an existing table",
		Long: `Read a table and the foreign keys to it, and write a configuration that runs: a
document query with its columns and those of tables with one row for each of its
rows, a list query for each table with many, a mapping, and reindex.yaml. Change
them to what people search. No file is overwritten.

The database is DATABASE_URL, or what the PG* variables say.

` + exitStatusHelp,
		Example: `  DATABASE_URL=postgres://localhost/tis reindex init --table person --alias persons --dir persons`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if table == "" {
				return usageError{err: fmt.Errorf("--table is missing"), command: cmd.CommandPath()}
			}
			found, err := source.ReadTable(cmd.Context(), os.Getenv("DATABASE_URL"), table)
			if err != nil {
				return err
			}
			if alias == "" {
				alias = found.Short
			}
			if err := esalias.ValidateAlias(alias); err != nil {
				return usageError{err: err, command: cmd.CommandPath()}
			}
			files, err := scaffold.Files(alias, found)
			if err != nil {
				return err
			}
			if err := scaffold.Write(dir, files); err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				fmt.Fprintln(a.out, filepath.Join(dir, name))
			}
			fmt.Fprintf(a.err, "next: reindex check --config %s\n", filepath.Join(dir, "reindex.yaml"))
			return nil
		},
	}
	cmd.Flags().StringVar(&table, "table", "", "the `table` with one row per document")
	cmd.Flags().StringVar(&alias, "alias", "", "the name readers search (default: the table's)")
	cmd.Flags().StringVar(&dir, "dir", ".", "`folder` for the files")
	return cmd
}
