package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/config"
	"example.com/reindex/internal/es"
	"example.com/reindex/internal/scaffold"
)

// initFlags are the flags of init.
type initFlags struct {
	scaffold.Options

	dir   string
	print bool
}

func (a *app) initCommand() *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init --table TABLE",
		Short: "Write a commented configuration from an existing table",
		Long: `Read a table and the foreign keys around it, and write a configuration that runs:
a document query, a list query for each table with many rows for a document, a
mapping, and reindex.yaml. No file is overwritten. Change them to what people
search; docs/documents.md says what becomes of each type.

A row that the table refers to becomes an object in the place of the key: country
"HR" becomes {code, name}. A table with at most one row for each document becomes
an object, one with many a list of objects, and a table that only joins two others
a list of what is on its other side. --depth 0 writes the columns of the table
only, --depth 2 follows the keys of those rows too.

A view, or a table without a primary key, needs --id. An id of several columns,
or of another type than an integer, uuid or text, becomes one text.

The database is DATABASE_URL, or what the PG* variables say. --config names the
file to write, and its folder; --dir names the folder alone.

` + exitStatusHelp,
		Example: `  DATABASE_URL=postgres://localhost/tis reindex init --table person --alias persons --dir persons
  reindex init --table sales.order_totals --id region,month
  reindex init --table person --exclude photo,audit_log --depth 2 --print`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.Table == "" {
				return usageError{err: fmt.Errorf("--table is missing"), command: cmd.CommandPath()}
			}
			if err := f.place(a.configPath, cmd); err != nil {
				return usageError{err: err, command: cmd.CommandPath()}
			}
			return a.init(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Table, "table", "", "the `table` or view with one row per document, named as in SQL")
	flags.StringVar(&f.ID, "id", "", "`columns` with commas between them, or an SQL expression (default: the primary key)")
	flags.StringVar(&f.Alias, "alias", "", "the name readers search (default: the table's)")
	flags.StringSliceVar(&f.Columns, "columns", nil, "the `columns` of the table that become fields (default: all)")
	flags.StringSliceVar(&f.Exclude, "exclude", nil, "`names` of columns, tables or table.column to leave out")
	flags.IntVar(&f.Depth, "depth", scaffold.DefaultDepth, "how many foreign keys from the table are followed")
	flags.StringVar(&f.dir, "dir", ".", "`folder` for the files")
	flags.BoolVar(&f.print, "print", false, "print the files on standard output and write none")
	return cmd
}

// place finds the folder and the name of the configuration. --config may name
// both; --dir and a folder in --config would be two.
func (f *initFlags) place(path string, cmd *cobra.Command) error {
	if f.Depth < 0 {
		return fmt.Errorf("--depth %d: want 0 or more", f.Depth)
	}
	f.Config = filepath.Base(path)
	folder := filepath.Dir(path)
	if info, err := os.Stat(path); strings.HasSuffix(path, "/") || err == nil && info.IsDir() {
		f.Config, folder = "reindex.yaml", filepath.Clean(path)
	}
	if folder == "." {
		return nil
	}
	if cmd.Flags().Changed("dir") && filepath.Clean(f.dir) != folder {
		return fmt.Errorf("--config names the folder %s and --dir %s; give one of them", folder, f.dir)
	}
	f.dir = folder
	return nil
}

func (a *app) init(cmd *cobra.Command, f initFlags) error {
	files, err := makeFiles(cmd.Context(), f.Options)
	if err != nil {
		return err
	}
	if err := esalias.ValidateAlias(files.Alias); err != nil {
		return usageError{err: fmt.Errorf("%w; --alias names another", err), command: cmd.CommandPath()}
	}
	if f.print {
		for i, file := range files.Texts {
			if i > 0 {
				fmt.Fprintln(a.out)
			}
			fmt.Fprintf(a.out, "==> %s <==\n%s", filepath.Join(f.dir, file.Name), file.Text)
		}
	} else {
		if err := scaffold.Write(f.dir, files.Texts); err != nil {
			return err
		}
		for _, file := range files.Texts {
			fmt.Fprintln(a.out, filepath.Join(f.dir, file.Name))
		}
	}
	for _, warning := range files.Warnings {
		fmt.Fprintf(a.err, "warning: %s\n", warning)
	}
	if !f.print {
		fmt.Fprintf(a.err, "next: reindex check --config %s\n", filepath.Join(f.dir, f.Config))
	}
	return nil
}

// makeFiles makes the files, and makes them again for what the Elasticsearch at
// ELASTICSEARCH_URL has and has not.
func makeFiles(ctx context.Context, options scaffold.Options) (scaffold.Files, error) {
	url := os.Getenv("DATABASE_URL")
	files, err := scaffold.Make(ctx, url, options)
	if err != nil || os.Getenv("ELASTICSEARCH_URL") == "" {
		return files, err
	}
	has := func(kind string) bool {
		return slices.ContainsFunc(files.Texts, func(f scaffold.File) bool { return strings.Contains(f.Text, `"type": "`+kind+`"`) })
	}
	again := false
	const shape = "geo_shape" // the one type that init writes and that is in a module of its own
	if has(shape) && answerTo(ctx, files.Texts, `{"mappings":{"properties":{"f":{"type":"`+shape+`"}}}}`) == http.StatusBadRequest {
		options.Lacks, again = []string{shape}, true
	}
	if has("dense_vector") && answerTo(ctx, files.Texts, `{"settings":{"`+scaffold.SourceVectors+`":false}}`) == http.StatusOK {
		options.SourceVectors, again = true, true
	}
	if !again {
		return files, nil
	}
	return scaffold.Make(ctx, url, options)
}

// answerTo asks Elasticsearch what it thinks of the body of an index, by
// simulating a template with it, and returns the status of the answer, or 0 if
// there was none.
func answerTo(ctx context.Context, files []scaffold.File, body string) int {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// The configuration knows how the environment says who asks.
	dir, err := os.MkdirTemp("", "reindex-init-")
	if err != nil {
		return 0
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder of small files in the temporary one
	if scaffold.Write(filepath.Join(dir, "new"), files) != nil {
		return 0
	}
	set, err := config.Load(filepath.Join(dir, "new", files[0].Name), os.LookupEnv, config.Flags{})
	if err != nil {
		return 0
	}
	transport, err := elasticsearch(set.Indices[0].Elasticsearch, 1)
	if err != nil {
		return 0
	}
	template := `{"index_patterns":["reindex-init-asks"],"template":` + body + `}`
	err = es.Do(ctx, transport, http.MethodPost, "/_index_template/_simulate", []byte(template), nil)
	if answer, refused := errors.AsType[*es.Error](err); refused {
		return answer.Status
	}
	if err != nil {
		return 0
	}
	return http.StatusOK
}
