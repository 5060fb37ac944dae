package source

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/reindex/internal/pgjson"
)

// Query is one file of SQL.
type Query struct {
	Name string // file name, for messages
	SQL  string // one SELECT; a semicolon and comments may follow it
}

// Lookup is a query of a small table, which is read once per snapshot as a whole and
// joined here to the rows of another query.
type Lookup struct {
	Query
	// By are the columns that find its row, which have the same names in both
	// queries. Defaults to the one name that they share.
	By []string
	// As is the name of an object that its columns make up, null for a key without a
	// row. "" makes them fields like the others.
	As string
}

// Object is a query with at most one row per id.
type Object struct {
	Field string // name of the object in the document; null for an id without a row
	Query Query
	// Omit and Lookups are those of a list.
	Omit    []string
	Lookups []Lookup
}

// List is a query with any number of rows per id.
type List struct {
	Field    string // name of the array in the document
	Query    Query
	Distinct bool // keep only the first of equal elements within a document
	// Unpivot, if not empty, makes each column beside the id an element of its
	// own, {"<Unpivot>": value}; NULL makes none, as in SQL's UNPIVOT. A row
	// with two columns costs PostgreSQL much less than two rows.
	Unpivot string
	// Values makes the values themselves the elements, in place of objects: each
	// column besides the id makes one, NULL none. It excludes Unpivot.
	Values bool
	// Omit are columns of Query that are not in the elements, such as the keys of Lookups.
	Omit []string
	// Lookups are queries of small tables, each read once per snapshot as a whole
	// and joined here, which spares PostgreSQL a join for every range. A lookup
	// shares one column's name with Query, its key, or those of [Lookup.By], and has one
	// row at most for a key; its other columns are added to each row of the list as by
	// LEFT JOIN. A lookup takes at most 64 MiB of memory. With Unpivot and Values the key
	// is no element.
	Lookups []Lookup
}

// Config says what to read. The zero value of an optional field means its default.
type Config struct {
	// URL is a connection string or URL. What it leaves out comes from the
	// PG* variables, as in libpq.
	URL string
	// ID is the column that becomes _id, in the document query and in every
	// list query. In a document it is a field too, in a list's elements not.
	ID string
	// IDColumns, two or more, are columns of every query that make up the id, in the order
	// of an index that begins with them. ID is the name of the field then, and no column:
	// the texts of the columns with IDSeparator between them, which none but the
	// last may hold. They are fields of the document, and not in the elements of lists.
	// Ranges are stretches of these columns.
	IDColumns   []string
	IDSeparator string
	// Document has one row per id; its column names are the field names.
	Document Query
	// Lookups are those of Document, as [List.Lookups] are of a list: their columns
	// beside the key are fields, after those of Document, in the order in which they
	// first appear.
	Lookups []Lookup
	// Coalesce are columns that two or more of Lookups add, and Document does not
	// have. In the order of Lookups, the first that is not NULL is the field.
	Coalesce []string
	// Omit are columns of Document that are no fields, such as the keys of Lookups.
	// The id is always one, and Version never.
	Omit []string
	// Objects become objects, after the fields of Document and its Lookups.
	Objects []Object
	// Lists become arrays of objects, [] for an id without rows.
	Lists []List
	// Version is a column of the document query with a whole number of at
	// least 1 that becomes the document's version and is no field of it.
	// "" means none.
	Version string
	// RangeDocuments is how many documents a range should have. Defaults to
	// 8,192; a range that passes 32 MiB is cut in two whatever it has.
	RangeDocuments int
	// ByteOrder has text ids compared by their bytes, whatever their collation:
	// the order in which Elasticsearch sorts keywords. An index of the column
	// does not help then unless its collation is "C", so a run goes without.
	ByteOrder bool

	// ApplyPolicies has row-level security leave rows out, for an index that is meant to
	// hold what the role may see. By default a query that a policy would filter is a
	// *ConfigError, because the index would look complete.
	ApplyPolicies bool
	// GiveWay is how long another session may wait for a lock that a snapshot holds, as ALTER
	// TABLE does, before the snapshot ends for it. Defaults to DefaultGiveWay.
	GiveWay time.Duration

	maxRangeBytes int           // defaults to defaultRangeBytes; tests make it small
	lockWait      time.Duration // defaults to lockWait; tests make it short
}

// Source reads documents from one database. It is safe for concurrent use.
type Source struct {
	conf           *pgconn.Config
	document       *query
	lists          []*query // of Config.Objects and Config.Lists
	lookups        int      // of all queries
	rangeDocuments int
	maxRangeBytes  int
	byteOrder      bool
	policies       bool
	giveWay        time.Duration
	lockWait       time.Duration
	hintsChecked   atomic.Bool
	stability      stability
	earlier        snapshots                // those that are open
	tables         atomic.Pointer[[]string] // oids of those that were locked last
	hidden         foreignTables            // read by functions
	cuts           atomic.Pointer[[][]byte] // of the first snapshot, used for all
}

// Open connects, lets PostgreSQL describe every query and checks their columns
// and types. What the user can mend is a *ConfigError. No connection stays open.
func Open(ctx context.Context, cfg Config) (*Source, error) {
	if cfg.ID == "" {
		return nil, &ConfigError{Reason: "no id column is configured"}
	}
	conf, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	s := &Source{
		conf: conf, byteOrder: cfg.ByteOrder, policies: cfg.ApplyPolicies,
		rangeDocuments: orDefault(cfg.RangeDocuments, DefaultRangeDocuments),
		maxRangeBytes:  orDefault(cfg.maxRangeBytes, defaultRangeBytes),
		giveWay:        orDefault(cfg.GiveWay, DefaultGiveWay),
		lockWait:       orDefault(cfg.lockWait, lockWait),
	}
	if len(cfg.IDColumns) > 0 && cfg.ByteOrder {
		// No index has the order of the text, so every range reads the whole query.
		s.rangeDocuments *= 8
	}
	session, err := s.connect(ctx, transaction{})
	if err != nil {
		return nil, err
	}
	return s, errors.Join(s.describe(session, cfg), session.close())
}

// connect opens a session as the source is configured.
func (s *Source) connect(ctx context.Context, t transaction) (*session, error) {
	t.policies = s.policies
	return connect(ctx, s.conf, t)
}

func orDefault[T int | time.Duration](value, standard T) T {
	if value <= 0 {
		return standard
	}
	return value
}

// Close releases what Open took. Snapshots are closed by themselves.
func (s *Source) Close() {}

func (s *Source) describe(session *session, cfg Config) error {
	if session.pg.ParameterStatus("server_encoding") == "SQL_ASCII" {
		return &ConfigError{
			Reason: "the database has encoding SQL_ASCII, so PostgreSQL cannot promise UTF-8",
			Advice: "copy it into a database with encoding UTF8",
		}
	}
	d := &describer{session: session, types: &types{session: session, known: map[uint32]*pgjson.Type{}}, id: cfg.ID, parts: cfg.IDColumns, separator: cfg.IDSeparator, byText: cfg.ByteOrder}
	var err error
	if s.document, err = d.describe(cfg.Document); err != nil {
		return err
	}
	if err := s.document.useVersion(cfg.Version); err != nil {
		return err
	}
	if err := s.document.checkOmitted(cfg.Omit, "which is a field of every document"); err != nil {
		return err
	}
	s.document.nameFields(func(i int) bool {
		return i != s.document.version && !slices.Contains(cfg.Omit, s.document.columns[i].name)
	})
	if err := s.addFields(d, cfg); err != nil {
		return err
	}
	for _, o := range cfg.Objects {
		q, err := d.describe(o.Query)
		if err != nil {
			return err
		}
		q.single = true
		if err := s.addList(d, q, List{Field: o.Field, Query: o.Query, Omit: o.Omit, Lookups: o.Lookups}); err != nil {
			return err
		}
	}
	for _, l := range cfg.Lists {
		q, err := d.describe(l.Query)
		if err != nil {
			return err
		}
		if err := s.addList(d, q, l); err != nil {
			return err
		}
	}
	if err := s.finish(d); err != nil {
		return err
	}
	tables, err := session.lockedTables()
	list := oids(tables)
	s.tables.Store(&list)
	return err
}

// finish settles by which collation ids are compared: the document query's,
// which an index is likely to have. A query that has another by itself is made
// to use this one, or it would cut its rows at other places.
func (s *Source) finish(d *describer) error {
	own, err := d.collation(s.document)
	if err != nil {
		return queryError(s.document.name, "", err)
	}
	spellings := false
	for _, q := range append([]*query{s.document}, s.lists...) {
		collation, err := d.collation(q)
		if err != nil {
			return queryError(q.name, "", err)
		}
		if spelling := d.oneSpelling(q.name, q.idName, collation); spelling != nil {
			if _, ok := errors.AsType[*ConfigError](spelling); !ok {
				return spelling
			}
			spellings = true
		}
		switch {
		case s.document.family != idText:
		case own == "" || s.byteOrder:
			q.collate = ` COLLATE "C"`
		case collation != own:
			q.collate = " COLLATE " + own
		}
		if q.composite != nil {
			if err := d.collateParts(s.document, q); err != nil {
				return err
			}
		}
		if err := d.finish(q); err != nil {
			return err
		}
	}
	for _, q := range s.lists {
		q.spellings = spellings
	}
	return nil
}

// addList checks a list, or an object, against the document.
func (s *Source) addList(d *describer, q *query, l List) error {
	q.field, q.distinct = l.Field, l.Distinct
	q.open, q.shut, q.none, q.closing = ","+jsonName(l.Field)+":[", "]", "", "}"
	what := "list"
	if q.single {
		q.open, q.shut, q.none = ","+jsonName(l.Field)+":", "", "null"
		what = "object"
	}
	if l.Field == "" {
		return &ConfigError{Query: q.name, Reason: "the " + what + " has no field name"}
	}
	if other := s.fieldOf(l.Field); other != "" {
		return &ConfigError{
			Query: q.name, Column: l.Field, Reason: "is " + article(what) + " and a column of " + other + ", or a list twice",
			Advice: "rename one of them",
		}
	}
	if q.family != s.document.family {
		return &ConfigError{
			Query: q.name, Column: q.idName,
			Reason: "has type " + q.family.String() + " here and " + s.document.family.String() + " in " + s.document.name,
			Advice: "cast one of them, so that they can be compared",
		}
	}
	if len(q.columns) < 2 || q.composite != nil && len(q.columns) < 2+len(q.composite.parts) {
		return &ConfigError{Query: q.name, Reason: "has the id column and no other", Advice: "select what the " + what + " holds"}
	}
	if err := q.checkOmitted(l.Omit, "which is never in "+article(what)); err != nil {
		return err
	}
	q.nameFields(func(i int) bool { return i != q.id && !q.isPart(i) && !slices.Contains(l.Omit, q.columns[i].name) })
	switch {
	case l.Values && l.Unpivot != "":
		return &ConfigError{Query: q.name, Reason: "has values and unpivot", Advice: "keep one of the two: the elements are values, or objects of one field"}
	case l.Values:
		q.values()
	case l.Unpivot != "":
		q.unpivot(l.Unpivot)
	}
	if err := s.addLookups(d, q, l); err != nil {
		return err
	}
	if !slices.ContainsFunc(q.columns, column.isField) && len(q.lookups) == 0 {
		return &ConfigError{Query: q.name, Reason: "has no column that is not in omit", Advice: "leave one out of omit"}
	}
	s.lists = append(s.lists, q)
	return nil
}

// useVersion finds the version column.
func (q *query) useVersion(name string) error {
	if name == "" {
		return nil
	}
	if name == q.idName {
		return &ConfigError{Query: q.name, Column: name, Reason: "is the id and cannot be the version too"}
	}
	if q.version = q.position(name); q.version < 0 {
		return &ConfigError{
			Query: q.name, Column: name, Reason: "is configured as the version and is not a column of this query",
			Advice: q.has(),
		}
	}
	if q.columns[q.version].typ.Kind != pgjson.KindInteger {
		return &ConfigError{Query: q.name, Column: name, Reason: "is the version and no integer", Advice: "cast it to bigint"}
	}
	return nil
}

// unpivot makes every field an element of its own, under one name.
func (q *query) unpivot(name string) {
	q.unpivoted = true
	for i := range q.columns {
		if q.columns[i].prefix != "" {
			q.columns[i].prefix = "{" + jsonName(name) + ":"
		}
	}
}

// values makes the value of every field an element of its own.
func (q *query) values() {
	q.unpivoted, q.closing = true, ""
	for i := range q.columns {
		if c := &q.columns[i]; c.prefix != "" {
			c.prefix, c.bare = "", true
		}
	}
}

func article(what string) string {
	if what == "object" {
		return "an object"
	}
	return "a " + what
}

// nameFields gives a prefix to the columns that become fields.
func (q *query) nameFields(isField func(int) bool) {
	sep := "{"
	for i := range q.columns {
		if isField(i) {
			q.columns[i].prefix = sep + jsonName(q.columns[i].name) + ":"
			sep = ","
		}
	}
}
