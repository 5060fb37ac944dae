package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"example.com/reindex/internal/config"
	"example.com/reindex/internal/source"
)

// DefaultDepth is how many foreign keys are followed if nobody says.
const DefaultDepth = 1

// Options say which documents are wanted.
type Options struct {
	Table   string   // as in SQL
	ID      string   // columns with commas between them, or an expression; "" for the primary key
	Alias   string   // "" for the table's name in the form of an alias
	Config  string   // file name of the configuration; "" for reindex.yaml
	Columns []string // of the table; none for all
	Exclude []string // columns, tables, or table.column
	Depth   int      // how many foreign keys from the table are followed
	// Lacks has the types of fields that the Elasticsearch in use does not have.
	Lacks []string
	// SourceVectors says that it has the setting of that name.
	SourceVectors bool
}

// SourceVectors is the setting by which Elasticsearch 9.2 and later, unless it is
// false, leaves vectors out of the documents that it returns, and writes their
// numbers in another way, so that no document is what was sent.
const SourceVectors = "index.mapping.exclude_source_vectors"

// Files are what is to be written.
type Files struct {
	Alias string
	// Texts has the files by name, in the order in which a person reads them.
	Texts    []File
	Warnings []string // what a person should look at, one sentence each
}

// File is one of them.
type File struct{ Name, Text string }

// Make reads the table and what is around it, and makes the files for it. Its
// errors are [*source.ConfigError] where the options are to blame.
func Make(ctx context.Context, url string, options Options) (Files, error) {
	catalog, err := source.OpenCatalog(ctx, url)
	if err != nil {
		return Files{}, err
	}
	files, err := makeFiles(ctx, catalog, options)
	return files, errors.Join(err, catalog.Close())
}

func makeFiles(ctx context.Context, catalog *source.Catalog, options Options) (Files, error) {
	table, keywords, err := read(ctx, catalog, options.Table, options.Depth)
	if err != nil {
		return Files{}, err
	}
	w := &writer{catalog: catalog, options: options, table: table, keywords: keywords, rules: rules(), lacks: map[string]bool{}, excluded: map[string]bool{}}
	for _, kind := range options.Lacks {
		w.lacks[kind] = true
	}
	for _, name := range options.Exclude {
		w.excluded[name] = false
	}
	if !table.readable {
		return Files{}, &source.ConfigError{Reason: "this role may not read " + table.sql, Advice: "GRANT SELECT ON " + table.sql + " TO the role"}
	}
	lookAt(catalog, w.around())
	if w.id, err = w.identify(table, options.ID); err != nil {
		return Files{}, err
	}
	if err := w.checkColumns(); err != nil {
		return Files{}, err
	}
	return w.files()
}

// around is every table that may be in a document.
func (w *writer) around() map[*relation]bool {
	found := map[*relation]bool{}
	var visit func(r *relation)
	visit = func(r *relation) {
		if found[r] || !r.readable {
			return
		}
		found[r] = true
		for _, k := range r.parents {
			visit(k.to)
		}
	}
	visit(w.table)
	for _, k := range w.table.children {
		visit(k.from)
	}
	return found
}

// checkColumns makes sure that every chosen column is one.
func (w *writer) checkColumns() error {
	for _, name := range w.options.Columns {
		if w.table.named(name) == nil {
			return &source.ConfigError{Reason: fmt.Sprintf("--columns: %s has no column %s", w.table.sql, name), Advice: "it has " + w.table.names()}
		}
	}
	return nil
}

func (r *relation) names() string {
	names := make([]string, len(r.columns))
	for i, c := range r.columns {
		names[i] = c.sql
	}
	return comment(strings.Join(names, ", "))
}

func (w *writer) files() (Files, error) {
	out := Files{Alias: w.options.Alias}
	if out.Alias == "" {
		out.Alias = aliasOf(w.table.name)
	}
	names := newNames()
	config := w.options.Config
	if config == "" {
		config = "reindex.yaml"
	}
	names.taken[strings.ToLower(config)] = true
	document := w.document()
	body := names.file(out.Alias, ".index.json")
	documentFile := names.file(w.table.name, ".sql")
	taken := newNames()
	for _, o := range document.outputs {
		taken.taken[o.field] = true
	}
	lists := w.lists(taken, names)
	for _, name := range w.options.Exclude {
		if !w.excluded[name] {
			return out, &source.ConfigError{
				Reason: fmt.Sprintf("--exclude %s: there is no such column of %s, and no such table around it", name, w.table.sql),
				Advice: "name a column, a table or table.column, as they are spelt",
			}
		}
	}
	var keys []*foreignKey
	for _, l := range lists {
		keys = append(keys, l.key)
	}
	index := newIndex(document, lists, mostElements(w.catalog, keys))
	index.keepVectors(w.options.SourceVectors)
	if index.elements > nestedPossible {
		w.warn("one document has %s elements in its lists, more than the %s that Elasticsearch takes by default; the limit is raised", count(index.elements), count(nestedPossible))
	}
	yaml, err := w.configuration(out.Alias, documentFile, body, lists, index)
	if err != nil {
		return out, err
	}
	out.Texts = []File{{config, yaml}, {documentFile, document.text()}}
	for _, l := range lists {
		out.Texts = append(out.Texts, File{l.file, l.query.text()})
	}
	out.Texts = append(out.Texts, File{body, index.text()})
	out.Warnings = slices.Compact(w.warnings)
	return out, nil
}

// Write puts files into dir, which it makes. If one of them exists, nothing is
// written.
func Write(dir string, files []File) error {
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s exists; choose another folder with --dir, or move it away", path)
		}
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	for _, f := range files {
		if err := create(filepath.Join(dir, f.Name), f.Text); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

// create writes a file that must not exist: not even one of another process, or
// one whose name is the same to this file system, is overwritten.
func create(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the user names the folder
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// aliasOf makes a table's name a name that Elasticsearch takes for an alias.
func aliasOf(table string) string {
	alias := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + ('a' - 'A')
		}
		return '-'
	}, table)
	alias = strings.Trim(alias, "-_")
	// A name that ends in a number looks like that of an index.
	if cut := strings.TrimRight(alias, "0123456789"); strings.HasSuffix(cut, "-") && cut != alias {
		alias = strings.TrimRight(cut, "-") + "_" + alias[len(cut):]
	}
	if alias == "" || strings.HasPrefix(alias, "lock-") {
		return "documents"
	}
	return alias
}

// configuration writes reindex.yaml. The comments are on keys that are the same
// in every file; names of the database are keys and values, which the encoder
// quotes where they need it.
func (w *writer) configuration(alias, document, body string, lists []*list, index *index) (string, error) {
	src := yaml.MapSlice{{Key: "id", Value: config.Literal(w.id.name)}, {Key: "document", Value: config.Literal(document)}}
	if len(lists) > 0 {
		var entries yaml.MapSlice
		for _, l := range lists {
			entries = append(entries, yaml.MapItem{Key: l.field, Value: config.Literal(l.file)})
		}
		src = append(src, yaml.MapItem{Key: "lists", Value: entries})
	}
	file := yaml.MapSlice{
		{Key: "alias", Value: alias},
		{Key: "elasticsearch", Value: yaml.MapSlice{{Key: "url", Value: "http://localhost:9200"}}},
		{Key: "source", Value: src},
		{Key: "index", Value: yaml.MapSlice{{Key: "body", Value: config.Literal(body)}, {Key: "keep", Value: 1}}},
		{Key: "gates", Value: yaml.MapSlice{{Key: "max_shrink", Value: "10%"}}},
	}
	bodyComment := []string{" {settings, mappings} as the create-index API takes them; strict, so that a misspelt column is an error"}
	for _, line := range index.comments {
		bodyComment = append(bodyComment, " "+line)
	}
	comments := yaml.CommentMap{
		"$.alias":             {yaml.HeadComment(" Try it with reindex check, then reindex run. Files are found in the folder of this one.", "", " the name readers search; the indices behind it are "+alias+"-000001, ...")},
		"$.elasticsearch.url": {yaml.LineComment(" or ELASTICSEARCH_URL; credentials belong in the environment")},
		"$.source":            {yaml.HeadComment(" the database: DATABASE_URL, the PG* variables, or url: postgres://... here")},
		"$.source.id":         {yaml.LineComment(" becomes _id; a column of every query below")},
		"$.source.document":   {yaml.LineComment(" one row per document")},
		"$.source.lists":      {yaml.HeadComment(" many rows per document; each list becomes an array of objects")},
		"$.index.body":        {yaml.HeadComment(bodyComment...)},
		"$.index.keep":        {yaml.LineComment(" earlier generations kept for reindex rollback")},
		"$.gates.max_shrink":  {yaml.LineComment(" a larger loss of documents is refused")},
	}
	text, err := yaml.MarshalWithOptions(file, yaml.WithComment(comments), yaml.IndentSequence(true))
	if err != nil {
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	return string(text), nil
}
