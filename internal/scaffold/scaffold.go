package scaffold

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"example.com/reindex/internal/source"
)

// Files makes the files for one table, by name.
func Files(alias string, table source.Table) (map[string]string, error) {
	mapping, err := mapping(table)
	if err != nil {
		return nil, err
	}
	document := table.Short + ".sql"
	files := map[string]string{
		document:              documentSQL(table),
		alias + ".index.json": mapping,
		"reindex.yaml":        configuration(alias, document, table),
	}
	for _, child := range lists(table) {
		files[child.file] = child.sql(table.ID)
	}
	return files, nil
}

// Write puts files into dir, which it makes. If one of them exists, nothing is
// written.
func Write(dir string, files map[string]string) error {
	for name := range files {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s exists; choose another folder with --dir, or move it away", path)
		}
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

// list is a child table that becomes an array in the document.
type list struct {
	source.Child
	field, file string
}

// lists names every child with many rows. Two keys of one table get the key
// into their name.
func lists(table source.Table) []list {
	times := map[string]int{}
	for _, child := range table.Children {
		times[child.Table.Short]++
	}
	var found []list
	for _, child := range table.Children {
		if child.Single {
			continue
		}
		name := child.Table.Short
		if times[name] > 1 {
			name += "_" + child.Key
		}
		found = append(found, list{Child: child, field: name, file: name + ".sql"})
	}
	return found
}

func (l list) sql(id string) string {
	columns := []string{"c." + quote(l.Key) + " AS " + quote(id)}
	for _, c := range l.Table.Columns {
		// A column with the name of the id would be two columns of one name.
		if c.Name != l.Key && c.Name != id {
			columns = append(columns, "c."+quote(c.Name))
		}
	}
	if hasColumn(l.Table, id) && id != l.Key {
		columns = append(columns, "c."+quote(id)+" AS "+quote(l.Table.Short+"_"+id))
	}
	return fmt.Sprintf("-- Many rows per document: each becomes an object of the array %q, without the column %s.\nSELECT %s\nFROM %s c\nWHERE c.%s IS NOT NULL\n",
		l.field, id, strings.Join(columns, ",\n       "), l.Table.Name, quote(l.Key))
}

// documentSQL selects every column of the table, and of the tables that have
// at most one row for each of its rows.
func documentSQL(table source.Table) string {
	var columns, joins []string
	for _, c := range table.Columns {
		columns = append(columns, "t."+quote(c.Name))
	}
	for i, child := range singles(table) {
		name := fmt.Sprintf("s%d", i+1)
		for _, c := range child.Table.Columns {
			if c.Name != child.Key {
				columns = append(columns, name+"."+quote(c.Name)+" AS "+quote(child.Table.Short+"_"+c.Name))
			}
		}
		joins = append(joins, fmt.Sprintf("LEFT JOIN %s %s ON %s.%s = t.%s", child.Table.Name, name, name, quote(child.Key), quote(table.ID)))
	}
	return fmt.Sprintf("-- One row per document. Column names are the names of the fields; rename them with AS.\nSELECT %s\n%s\n",
		strings.Join(columns, ",\n       "), strings.Join(append([]string{"FROM " + table.Name + " t"}, joins...), "\n"))
}

func singles(table source.Table) []source.Child {
	var found []source.Child
	for _, child := range table.Children {
		if child.Single {
			found = append(found, child)
		}
	}
	return found
}

func hasColumn(table source.Table, name string) bool {
	for _, c := range table.Columns {
		if c.Name == name {
			return true
		}
	}
	return false
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func mapping(table source.Table) (string, error) {
	properties := map[string]any{}
	for _, c := range table.Columns {
		properties[c.Name] = field(c.Type)
	}
	for _, child := range singles(table) {
		for _, c := range child.Table.Columns {
			if c.Name != child.Key {
				properties[child.Table.Short+"_"+c.Name] = field(c.Type)
			}
		}
	}
	for _, l := range lists(table) {
		nested := map[string]any{}
		for _, c := range l.Table.Columns {
			switch c.Name {
			case l.Key:
			case table.ID:
				nested[l.Table.Short+"_"+c.Name] = field(c.Type)
			default:
				nested[c.Name] = field(c.Type)
			}
		}
		properties[l.field] = map[string]any{"type": "nested", "properties": nested}
	}
	body, err := json.MarshalIndent(map[string]any{
		"settings": map[string]any{"number_of_shards": 1, "number_of_replicas": 1},
		"mappings": map[string]any{"dynamic": "strict", "properties": properties},
	}, "", "  ")
	return string(body) + "\n", err
}

// field is the Elasticsearch type for a PostgreSQL type. Text gets both: exact
// for filters and sorting, by words for searching.
func field(pgType string) map[string]any {
	switch strings.TrimPrefix(pgType, "_") { // arrays are mapped like their elements
	case "int2", "int4", "int8", "oid":
		return map[string]any{"type": "long"}
	case "float4", "float8", "numeric", "money":
		return map[string]any{"type": "double"}
	case "bool":
		return map[string]any{"type": "boolean"}
	case "date", "timestamp", "timestamptz":
		return map[string]any{"type": "date"}
	case "json", "jsonb":
		return map[string]any{"type": "object", "enabled": false}
	case "bytea":
		return map[string]any{"type": "binary"}
	case "text", "varchar", "bpchar", "citext", "name":
		return map[string]any{
			"type": "keyword", "ignore_above": 8000,
			"fields": map[string]any{"text": map[string]any{"type": "text"}},
		}
	}
	return map[string]any{"type": "keyword", "ignore_above": 8000}
}

func configuration(alias, document string, table source.Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Try it with: reindex check, then reindex run. Files are found beside this one.

alias: %s   # the name readers search; the indices behind it are %s-000001, ...

elasticsearch:
  url: http://localhost:9200   # or ELASTICSEARCH_URL; credentials belong into the environment

source:
  # url: postgres://...        # or DATABASE_URL, or the PG* variables
  id: %q   # becomes _id; a column of every query below
  document: %s   # one row per document
`, alias, alias, table.ID, document)
	if children := lists(table); len(children) > 0 {
		b.WriteString("  lists:                       # many rows per document; each becomes an array of objects\n")
		for _, l := range children {
			fmt.Fprintf(&b, "    %s: %s\n", l.field, l.file)
		}
	}
	fmt.Fprintf(&b, `  # version: rev               # a number that grows with each change; makes live edits safe during a swap

index:
  body: %s.index.json   # {settings, mappings}; strict, so a misspelt column is an error
  keep: 1                      # earlier generations kept for reindex rollback

gates:
  max_shrink: 10%%              # a larger loss of documents is refused
`, alias)
	return b.String()
}
