package source

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/reindex/internal/pgjson"
	"example.com/reindex/internal/sqltext"
)

// column is one field of a document or of a list's elements.
type column struct {
	name   string
	prefix string // what stands before the value: `{"id":` or `,"name":`; "" if it is no field
	typ    *pgjson.Type
	oid    uint32 // of the type

	typeName string // of the type, as SQL has it
	// bare says that it is an element of a list of values, with nothing before it.
	bare bool
	// unstable says that the value is another each time it is read.
	unstable bool
}

// appendTo appends the column's prefix and a value.
func (c *column) appendTo(dst, value []byte) ([]byte, error) {
	dst = append(dst, c.prefix...)
	if !c.unstable {
		return pgjson.Append(dst, value, c.typ)
	}
	dst, err := pgjson.Append(append(dst, maskStart), value, c.typ)
	return append(dst, maskEnd), err
}

// query is a user's query after PostgreSQL has described it.
type query struct {
	name      string // file name, for messages
	sql       string // one statement, without its semicolon
	hints     []sqltext.Hint
	ordered   bool // has an ORDER BY of its own
	distinct  bool
	unpivoted bool // of a list: each column is an element
	// open and shut are around the elements of a list, `,"field":[` and `]`, or before an
	// object; none is what stands between them without a row. closing ends an element.
	open, shut, none, closing string
	single                    bool   // an object, so a second row for an id is an error
	field                     string // of a list
	lookups                   []*lookup
	added                     []field // of the document: what its lookups add

	columns []column
	idName  string
	// composite is set if the id is made of several columns; then it is the first
	// of columns, which the user's query does not have.
	composite *composite
	id        int // position of the id column
	version   int // position of the version column, or -1

	idField pgconn.FieldDescription
	family  idFamily
	// spellings says, of a list, that a collation takes different texts of ids for equal.
	spellings bool
	// everything says that the whole query runs again for every range.
	everything bool

	collate  string    // what ids are compared with: "" or ` COLLATE "C"`
	ranges   [4]string // by idRange.index
	versions [4]string // ids and versions alone
	byIDs    string    // reads the ids in $1
	byKeys   [4]string // reads the keys in $1 of a range, if the id is made of several columns
}

// idFamily is a set of types that PostgreSQL compares with each other, by one
// order, with the help of one index.
type idFamily uint8

const (
	idInteger idFamily = iota + 1
	idUUID
	idText
)

// sqlType is the type of range bounds.
func (f idFamily) sqlType() string {
	switch f {
	case idInteger:
		return "pg_catalog.int8"
	case idUUID:
		return "pg_catalog.uuid"
	case idText:
		return "pg_catalog.text"
	}
	return "pg_catalog.text"
}

// example returns some range, to plan with.
func (f idFamily) example() idRange {
	if f == idUUID {
		return idRange{lo: []byte("00000000-0000-0000-0000-000000000000"), hi: []byte("00000000-0000-0000-0000-000000000001")}
	}
	return idRange{lo: []byte("0"), hi: []byte("1")}
}

func (f idFamily) String() string { return strings.TrimPrefix(f.sqlType(), "pg_catalog.") }

// familyOf returns 0 for a type that cannot be an id. character(n) cannot: its
// blanks count in the text and not in comparisons. citext cannot: two ids that
// are equal there are two documents.
func familyOf(oid uint32) idFamily {
	switch oid {
	case oidInt2, oidInt4, oidInt8:
		return idInteger
	case oidUUID:
		return idUUID
	case oidText, oidVarchar:
		return idText
	}
	return 0
}

// describer asks PostgreSQL about the user's queries.
type describer struct {
	session *session
	types   *types
	id      string // name of the id column

	parts     []string // columns that it is made of; none if it is a column
	separator string
	byText    bool
}

// describe checks what can be checked of one query alone.
func (d *describer) describe(q Query) (*query, error) {
	st, fields, err := d.prepare(q)
	if err != nil {
		return nil, err
	}
	out := &query{name: q.Name, sql: st.SQL, hints: st.Hints, ordered: st.Ordered, idName: d.id, version: -1}
	if out.columns, err = d.columns(q.Name, fields); err != nil {
		return nil, err
	}
	if len(d.parts) > 0 {
		return out, d.composeID(out)
	}
	if err := out.locate(fields, d.id); err != nil {
		return nil, err
	}
	return out, d.checkID(out)
}

// columns resolves the types of a query's columns, and refuses names that occur
// twice.
func (d *describer) columns(query string, fields []pgconn.FieldDescription) ([]column, error) {
	seen := make(map[string]bool, len(fields))
	columns := make([]column, 0, len(fields))
	for _, f := range fields {
		if seen[f.Name] {
			return nil, &ConfigError{Query: query, Column: f.Name, Reason: "occurs twice", Advice: "name it with AS"}
		}
		seen[f.Name] = true
		t, err := d.types.resolve(f.DataTypeOID)
		if err != nil {
			return nil, fmt.Errorf("%s: column %q: %w", query, f.Name, err)
		}
		columns = append(columns, column{name: f.Name, typ: t, oid: f.DataTypeOID, typeName: d.types.nameOnce(f.DataTypeOID)})
	}
	return columns, nil
}

// position returns where a column is, or -1.
func (q *query) position(name string) int {
	return slices.IndexFunc(q.columns, func(c column) bool { return c.name == name })
}

// prepare has PostgreSQL describe the one statement of a query.
func (d *describer) prepare(q Query) (sqltext.Statement, []pgconn.FieldDescription, error) {
	st, err := sqltext.Parse(q.SQL)
	if err != nil {
		return st, nil, &ConfigError{Query: q.Name, Reason: err.Error(), Advice: "write one SELECT"}
	}
	desc, err := d.session.pg.Prepare(d.session.ctx, "", st.SQL, nil)
	if err != nil {
		return st, nil, queryError(q.Name, st.SQL, d.session.cause(err))
	}
	if len(desc.ParamOIDs) > 0 {
		return st, nil, &ConfigError{Query: q.Name, Reason: "has a parameter ($1)", Advice: "queries take none: write the value"}
	}
	if len(desc.Fields) == 0 {
		return st, nil, &ConfigError{Query: q.Name, Reason: "returns no columns", Advice: "write one SELECT"}
	}
	return st, desc.Fields, nil
}

// locate finds the id column.
func (q *query) locate(fields []pgconn.FieldDescription, id string) error {
	for i, f := range fields {
		if f.Name == id {
			q.id, q.idField = i, f
			return nil
		}
	}
	return missingColumn(q.name, id, fields)
}

func missingColumn(query, name string, fields []pgconn.FieldDescription) error {
	e := &ConfigError{Query: query, Column: name, Reason: "is not a column of this query"}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
		if strings.EqualFold(f.Name, name) {
			e.Advice = fmt.Sprintf("PostgreSQL knows it as %q, because it folds names without quotes to lower case:"+
				" write AS %s", f.Name, quoteName(name))
			return e
		}
	}
	e.Advice = "it has " + strings.Join(names, ", ")
	return e
}

func (d *describer) checkID(q *query) error {
	if q.family = familyOf(q.idField.DataTypeOID); q.family != 0 {
		return nil
	}
	return &ConfigError{
		Query: q.name, Column: q.idName,
		Reason: "has type " + d.types.name(q.idField.DataTypeOID) + ", which cannot be an id",
		Advice: idAdvice(d.types.name(q.idField.DataTypeOID)),
	}
}

// idAdvice says how to get an id of a type that has several texts for equal values.
func idAdvice(typ string) string {
	const allowed = "an id is an integer, a uuid, text or varchar: "
	switch {
	case typ == "numeric":
		return allowed + "cast it to bigint, in every query; as text 1.0 and 1.00 are two ids"
	case strings.HasPrefix(typ, "character("), typ == "character", typ == "bpchar":
		return allowed + "cast it to text, which drops the blanks at its end, in every query"
	case strings.HasSuffix(typ, "citext"):
		return allowed + "cast it to text; in a list join the table of the document and select its id, because another table may spell it in another way"
	}
	return allowed + "cast it, for example to text"
}

// collation returns the name of the collation that orders the query's ids, as
// SQL, or "" if PostgreSQL cannot tell or the ids are no text.
func (d *describer) collation(q *query) (string, error) {
	if q.family != idText {
		return "", nil
	}
	return d.collationOf(q.idExpr() + q.from())
}

// oneSpelling makes sure that a collation takes no two spellings for equal. PostgreSQL would join rows by such a column
// that have different texts, and nothing here does: the rows of a list would belong to no document.
func (d *describer) oneSpelling(query, column, collation string) error {
	if collation == "" {
		return nil
	}
	const ask = `SELECT pg_catalog.bool_and(c.collisdeterministic) FROM pg_catalog.pg_collation c
		JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
		WHERE pg_catalog.pg_collation_is_visible(c.oid) AND pg_catalog.quote_ident(c.collname) = $1::pg_catalog.text
			OR pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.collname) = $1::pg_catalog.text`
	row, err := d.session.row(ask, []byte(collation))
	if err != nil {
		return queryError(query, "", err)
	}
	if string(row[0]) != "f" {
		return nil
	}
	return &ConfigError{
		Query: query, Column: column,
		Reason: "has the collation " + collation + ", by which different spellings are equal, and rows are joined here by their text",
		Advice: "write COLLATE \"C\" behind it; where another table may spell it in another way, join that table and select its column instead",
	}
}

// collationOf returns the collation of an expression in a query.
func (d *describer) collationOf(exprFrom string) (string, error) {
	// LIMIT 0: only the planner looks at the query.
	if err := d.session.exec("SAVEPOINT reindex"); err != nil {
		return "", err
	}
	row, err := d.session.row("SELECT pg_catalog.pg_collation_for((SELECT " + exprFrom + " LIMIT 0))")
	var pg *pgconn.PgError
	const indeterminate = "42P22"
	if errors.As(err, &pg) && pg.Code == indeterminate {
		return "", d.session.exec("ROLLBACK TO reindex")
	}
	if err != nil || row == nil || row[0] == nil {
		return "", err
	}
	return string(row[0]), nil
}

// finish writes the statements that read ranges and has one planned, which
// also checks rights; describing a query does not.
func (d *describer) finish(q *query) error {
	names := make([]string, len(q.columns))
	for i, c := range q.columns {
		names[i] = c.name
	}
	q.ranges = q.texts(names)
	if q.byTuple() {
		q.byKeys = q.byKeysSQL(names)
	} else {
		q.byIDs = q.byIDsSQL(names)
	}
	if q.version >= 0 {
		var key []string // if it is another than the id
		if q.byTuple() {
			key = []string{q.keyExpr()}
		}
		q.versions = q.texts([]string{q.idName, q.columns[q.version].name}, key...)
	}
	r, err := d.example(q)
	if err != nil {
		return queryError(q.name, "", err)
	}
	plan, err := d.session.explain(q.ranges[r.index()], r.params()...)
	if err != nil {
		err = queryError(q.name, "", err)
		if ce := (*ConfigError)(nil); errors.As(err, &ce) && ce.Advice == "" {
			ce.Advice = "the query must also work inside SELECT ... FROM (query) q, and its user must be allowed to read"
		}
		return err
	}
	q.everything = plan.readsEverything()
	return nil
}

// queryError makes PostgreSQL's refusal to plan a query a *ConfigError with the
// line in the query; it quotes the query and no rows. Other errors keep their text.
// sql is "" if positions do not refer to the user's file.
func queryError(name, sql string, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || !users(pg.Code) {
		return fmt.Errorf("%s: %w", name, advise(err))
	}
	e := &ConfigError{Query: name, Reason: pg.Message, Advice: pg.Hint, Err: err}
	if hidesRows(pg) {
		e.Advice = policyAdvice
	}
	if pg.Detail != "" {
		e.Reason += " (" + pg.Detail + ")"
	}
	if sql != "" && pg.Position > 0 {
		e.Line = lineAt(sql, int(pg.Position))
	}
	return e
}

// users tells whether an SQLSTATE is the doing of whoever wrote the query:
// syntax, names, rights, bad literals, unsupported features, writing. Other states of
// class 25 are of the transaction, such as its timeout.
func users(code string) bool {
	const readOnlyTransaction = "25006"
	switch code[:2] {
	case "42", "22", "0A", "3F":
		return true
	}
	return code == readOnlyTransaction
}

// lineAt returns the line of the position-th character, counting both from 1.
func lineAt(sql string, position int) int {
	line := 1
	for i, r := range sql {
		if position--; position <= 0 || i >= len(sql) {
			break
		}
		if r == '\n' {
			line++
		}
	}
	return line
}

// jsonName returns a name as a JSON string. Names of PostgreSQL are UTF-8;
// names of lists come from a file and are made so.
func jsonName(name string) string {
	if !utf8.ValidString(name) {
		name = strconv.QuoteToASCII(name)
	}
	return string(pgjson.AppendString(nil, []byte(name)))
}
