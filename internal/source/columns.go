package source

// Column is a field of the documents and the PostgreSQL type that it comes from.
type Column struct {
	Query string // its file
	Field string // as a mapping names it: "born", or "trusts.name" in a list
	Type  string // as format_type prints it, such as "timestamp with time zone"
}

// Columns are the fields that the queries make; those of lookups are left out.
func (s *Source) Columns() []Column {
	var all []Column
	for _, q := range s.queries() {
		prefix := ""
		if q.field != "" {
			prefix = q.field + "."
		}
		for _, c := range q.columns {
			if c.prefix != "" {
				all = append(all, Column{Query: q.name, Field: prefix + c.name, Type: c.typeName})
			}
		}
	}
	return all
}
