package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Table is what the catalog says of one table, for writing first queries.
type Table struct {
	Name    string // schema and name, quoted where they need it
	Short   string // name without schema, not quoted
	ID      string // the one column of its primary key
	Columns []TableColumn
	// Children are the tables with a one-column foreign key to ID.
	Children []Child
}

// TableColumn is one column of a [Table].
type TableColumn struct {
	Name string
	Type string // the type's name in pg_type, such as int8, text or _text
}

// Child is a table that refers to another.
type Child struct {
	Table Table // without children of its own; ID may be empty
	// Key is the column that refers.
	Key string
	// Single says that Key is unique, so that there is at most one row per
	// parent.
	Single bool
}

// ReadTable reads the catalog's entry of one table. name is as in SQL, with or
// without a schema. The errors are [*ConfigError] where the name is to blame.
func ReadTable(ctx context.Context, url, name string) (Table, error) {
	conf, err := parseURL(url)
	if err != nil {
		return Table{}, err
	}
	session, err := connect(ctx, conf, transaction{})
	if err != nil {
		return Table{}, err
	}
	table, err := session.table(name)
	return table, errors.Join(err, session.close())
}

func (s *session) table(name string) (Table, error) {
	row, err := s.row("SELECT pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid", []byte(name))
	if err != nil {
		return Table{}, fmt.Errorf("look for table %s: %w", name, err)
	}
	if row[0] == nil {
		return Table{}, &ConfigError{Reason: "there is no table " + name, Advice: "name it as in SQL, such as person or hr.person"}
	}
	oid := row[0]
	table, err := s.columns(oid)
	if err != nil {
		return Table{}, err
	}
	if table.ID == "" {
		return Table{}, &ConfigError{
			Reason: name + " has no primary key of one column",
			Advice: "every document needs one column as its id; write the queries by hand for this table",
		}
	}
	table.Children, err = s.children(oid, table.ID)
	return table, err
}

const columnsQuery = `
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.relname, a.attname, t.typname,
       coalesce((SELECT i.indkey[0] = a.attnum AND i.indnkeyatts = 1 FROM pg_catalog.pg_index i
                 WHERE i.indrelid = c.oid AND i.indisprimary), false)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE c.oid = $1::pg_catalog.oid
ORDER BY a.attnum`

func (s *session) columns(oid []byte) (Table, error) {
	var table Table
	rows := s.pg.ExecParams(s.ctx, columnsQuery, [][]byte{oid}, nil, nil, nil)
	for rows.NextRow() {
		v := rows.Values()
		table.Name, table.Short = string(v[0]), string(v[1])
		table.Columns = append(table.Columns, TableColumn{Name: string(v[2]), Type: string(v[3])})
		if string(v[4]) == "t" {
			table.ID = string(v[2])
		}
	}
	return table, s.finish(rows, "read the columns of a table")
}

const childrenQuery = `
SELECT k.conrelid, a.attname,
       EXISTS (SELECT FROM pg_catalog.pg_index i
               WHERE i.indrelid = k.conrelid AND i.indisunique AND i.indnkeyatts = 1
                 AND i.indkey[0] = k.conkey[1] AND i.indpred IS NULL)
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
JOIN pg_catalog.pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = k.confkey[1]
WHERE k.contype = 'f' AND k.confrelid = $1::pg_catalog.oid AND pg_catalog.cardinality(k.conkey) = 1 AND p.attname = $2
ORDER BY k.conrelid::pg_catalog.regclass::pg_catalog.text, a.attname`

func (s *session) children(oid []byte, id string) ([]Child, error) {
	var oids [][]byte
	var children []Child
	rows := s.pg.ExecParams(s.ctx, childrenQuery, [][]byte{oid, []byte(id)}, nil, nil, nil)
	for rows.NextRow() {
		v := rows.Values()
		oids = append(oids, append([]byte{}, v[0]...))
		children = append(children, Child{Key: string(v[1]), Single: string(v[2]) == "t"})
	}
	if err := s.finish(rows, "read the foreign keys to a table"); err != nil {
		return nil, err
	}
	for i := range children {
		var err error
		if children[i].Table, err = s.columns(oids[i]); err != nil {
			return nil, err
		}
	}
	return children, nil
}

func (s *session) finish(rows *pgconn.ResultReader, doing string) error {
	if _, err := rows.Close(); err != nil {
		return fmt.Errorf("%s: %w", doing, s.cause(err))
	}
	return nil
}
