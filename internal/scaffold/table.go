package scaffold

import "strings"

// TypesTable is the table of docs/documents.md: what becomes of every type.
func TypesTable() string {
	var b strings.Builder
	b.WriteString("| PostgreSQL | JSON | Elasticsearch field | what to beware of | version and source |\n|---|---|---|---|---|\n")
	for _, r := range rules() {
		show := r.show
		if r.extension != "" {
			show += " (" + r.extension + ")"
		}
		cells := []string{show, r.json, r.fields, r.beware, r.source}
		for i, cell := range cells {
			cells[i] = strings.ReplaceAll(cell, "|", `\|`)
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	return b.String()
}
