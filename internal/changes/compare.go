package changes

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"
)

// Options bound a comparison.
type Options struct {
	// MaxIDs is how many ids a verdict may name; more are a full pass. 0 means
	// 100,000.
	MaxIDs int
	// MaxPlaces is how many row versions that were locked or deleted since the
	// older snapshot are looked at in one table; more are a full pass. 0 means
	// 1,000,000, which take 100 MB.
	MaxPlaces int
}

const (
	defaultMaxIDs    = 100_000
	defaultMaxPlaces = 1_000_000
	// maxDistance is how many transactions may lie between two snapshots: ages
	// are exact below 2^31.
	maxDistance = 1 << 30
	// placesAtOnce is how many row versions are looked up with one statement.
	placesAtOnce = 10_000
	// maxAggregate bounds what one scan collects on the server, in bytes.
	maxAggregate = 64 << 20
)

// Snapshot is a mark with a session that is in its snapshot, of which nobody else
// may use it meanwhile.
type Snapshot struct {
	*Mark
	Session
}

// Compare says which documents may differ between two snapshots, of which the
// older one has been held open since. The caller reads those documents under the
// newer snapshot and then asks [Mark.Confirm], also if the verdict is Idle.
func Compare(older, newer Snapshot, opts Options) (Verdict, error) {
	if opts.MaxIDs == 0 {
		opts.MaxIDs = defaultMaxIDs
	}
	if opts.MaxPlaces == 0 {
		opts.MaxPlaces = defaultMaxPlaces
	}
	c := &comparison{older: older, newer: newer, opts: opts, ids: map[string]struct{}{}}
	if v, refused, err := c.refuse(); refused || err != nil {
		return v, err
	}
	return c.run()
}

// comparison is the state of one Compare.
type comparison struct {
	older, newer Snapshot
	opts         Options
	isNew        string // SQL: the row version is new
	ids          map[string]struct{}
}

// refuse finds what makes any comparison impossible.
func (c *comparison) refuse() (Verdict, bool, error) {
	for _, m := range []*Mark{c.older.Mark, c.newer.Mark} {
		if m.refusal != nil {
			return Verdict{Reason: *m.refusal}, true, nil
		}
	}
	switch {
	case c.older.server != c.newer.server:
		return full("the snapshots are of two servers, or the server was restarted or promoted"), true, nil
	case c.older.settings != c.newer.settings:
		return full("the sessions differ in their role or search_path"), true, nil
	case c.older.day != c.newer.day && (c.older.usesDay || c.newer.usesDay):
		return full("the day has changed and the queries use current_date"), true, nil
	}
	if what := c.older.signature.differs(c.newer.signature, c.newer.names); what != "" {
		return full("%s", what), true, nil
	}
	return c.distance()
}

// distance finds how old a transaction may be for its rows to be new.
func (c *comparison) distance() (Verdict, bool, error) {
	xmin, err := number(c.older.xmin)
	if err != nil {
		return Verdict{}, false, err
	}
	if c.newer.xmax-xmin > maxDistance {
		return full("more than 2^30 transactions have begun since the older snapshot"), true, nil
	}
	row, err := one(c.newer.Session, "SELECT pg_catalog.age($1::pg_catalog.xid8::pg_catalog.xid)", []byte(c.older.xmin))
	if err != nil {
		return Verdict{}, false, fmt.Errorf("compare snapshots: %w", err)
	}
	age, err := number(row[0])
	if err != nil {
		return Verdict{}, false, err
	}
	c.isNew = "pg_catalog.age(xmin) <= " + strconv.FormatInt(age, 10) + " AND pg_catalog.age(xmin) >= 0"
	return Verdict{}, false, nil
}

func (c *comparison) run() (Verdict, error) {
	if err := c.older.Count(c.older.Session); err != nil {
		return Verdict{}, err
	}
	counts := map[int64]int64{}
	var changed []*table
	for _, t := range c.newer.set.tables {
		all, added, err := c.scan(t)
		if err != nil {
			return Verdict{}, fmt.Errorf("compare %s: %w", t.name, err)
		}
		counts[t.oid] = all
		before := c.older.counts[t.oid]
		if all-added > before {
			return full("%s shows more old rows than the older snapshot, which is impossible", t.name), nil
		}
		if added == 0 && all == before {
			continue
		}
		changed = append(changed, t)
		if v, refused, err := c.document(t, all-added < before); refused || err != nil {
			return v, err
		}
	}
	// Only complete counts may serve the next comparison.
	c.newer.counts = counts
	return c.verdict(changed)
}

// document finds the ids of the documents of a changed table.
func (c *comparison) document(t *table, gone bool) (Verdict, bool, error) {
	if !c.newer.set.byID[t] && c.newer.inLookup(t) {
		return Verdict{}, false, nil // the lookups are compared
	}
	if len(t.keys) == 0 {
		return full("%s has changed, and its rows do not belong to one document each", t.name), true, nil
	}
	if gone {
		if v, refused, err := c.vanished(t); refused || err != nil {
			return v, refused, err
		}
	}
	if len(c.ids) > c.opts.MaxIDs {
		return c.tooMany(), true, nil
	}
	return Verdict{}, false, nil
}

func (c *comparison) tooMany() Verdict {
	return full("more than %d documents may have changed", c.opts.MaxIDs)
}

func (c *comparison) verdict(changed []*table) (Verdict, error) {
	for _, name := range slices.Sorted(maps.Keys(c.newer.set.lookups)) {
		reads := c.newer.set.lookups[name]
		if !slices.ContainsFunc(changed, func(t *table) bool { return slices.Contains(reads, t) }) {
			continue
		}
		same, err := c.sameLookup(name)
		if err != nil {
			return Verdict{}, err
		}
		if !same {
			return full("the rows of the lookup %s have changed", name), nil
		}
	}
	if len(c.ids) == 0 {
		return Verdict{Kind: Idle}, nil
	}
	return Verdict{Kind: Some, IDs: slices.Collect(maps.Keys(c.ids))}, nil
}

// scan counts the rows of a table that the newer snapshot shows, and those of
// them that are new, and collects the ids of the latter.
func (c *comparison) scan(t *table) (all, added int64, err error) {
	// The widest forms of an id in JSON with its comma: 22, 39 and 515 bytes.
	perRow := int64(0)
	for _, k := range t.keys {
		perRow += map[string]int64{"integer": 22, "uuid": 39, "text": 515}[t.columns[k]]
	}
	once := t.rows*perRow <= maxAggregate
	columns := []string{"count(*)", "count(*) FILTER (WHERE " + c.isNew + ")"}
	if once {
		for _, k := range t.keys {
			columns = append(columns, "pg_catalog.json_agg("+quoteName(k)+"::pg_catalog.text) FILTER (WHERE "+c.isNew+")")
		}
	}
	row, err := one(c.newer.Session, "SELECT "+strings.Join(columns, ", ")+" FROM "+t.name)
	if err != nil {
		return 0, 0, err
	}
	if all, err = number(row[0]); err != nil {
		return 0, 0, err
	}
	if added, err = number(row[1]); err != nil || added == 0 || len(t.keys) == 0 {
		return all, added, err
	}
	if !once {
		return all, added, c.collect(t)
	}
	for _, list := range row[2:] {
		var ids []*string
		if err := json.Unmarshal([]byte(list), &ids); err != nil {
			return 0, 0, fmt.Errorf("read ids: %w", err)
		}
		for _, id := range ids {
			if id != nil {
				c.ids[*id] = struct{}{}
			}
		}
	}
	return all, added, nil
}

// collect reads the ids of new rows of a large table, by a second scan.
func (c *comparison) collect(t *table) error {
	sql := "SELECT " + c.keyList(t) + " FROM " + t.name + " WHERE " + c.isNew + " LIMIT " + strconv.Itoa(c.opts.MaxIDs+1)
	return c.newer.Each(sql, nil, func(v [][]byte) error {
		for _, id := range v {
			if id != nil {
				c.ids[string(id)] = struct{}{}
			}
		}
		return nil
	})
}

func (c *comparison) keyList(t *table) string {
	var names []string
	for _, k := range t.keys {
		names = append(names, quoteName(k)+"::pg_catalog.text")
	}
	return strings.Join(names, ", ")
}

// place is where a row version lies. The file of a table cannot change while it
// is locked, and the older snapshot keeps the place from being used again.
type place struct{ table, ctid string }

// vanished finds the rows of the older snapshot that the newer one does not
// show: among those with an xmax, the ones that are not where they were.
func (c *comparison) vanished(t *table) (Verdict, bool, error) {
	held := map[place][]string{}
	sql := "SELECT tableoid, ctid, " + c.keyList(t) + " FROM " + t.name + " WHERE xmax <> 0 LIMIT " + strconv.Itoa(c.opts.MaxPlaces+1)
	err := c.older.Each(sql, nil, func(v [][]byte) error {
		var ids []string
		for _, id := range v[2:] {
			if id != nil {
				ids = append(ids, string(id))
			}
		}
		held[place{string(v[0]), string(v[1])}] = ids
		return nil
	})
	if err != nil {
		return Verdict{}, false, fmt.Errorf("look for deleted rows of %s: %w", t.name, err)
	}
	if len(held) > c.opts.MaxPlaces {
		return full("more than %d rows of %s were locked, changed or deleted", c.opts.MaxPlaces, t.name), true, nil
	}
	places := slices.Collect(maps.Keys(held))
	for chunk := range slices.Chunk(places, placesAtOnce) {
		if err := c.stillThere(t, chunk, held); err != nil {
			return Verdict{}, false, fmt.Errorf("look for deleted rows of %s: %w", t.name, err)
		}
	}
	for _, ids := range held {
		for _, id := range ids {
			c.ids[id] = struct{}{}
		}
	}
	return Verdict{}, false, nil
}

// stillThere takes the rows off that the newer snapshot shows in their place and
// that are not new.
func (c *comparison) stillThere(t *table, places []place, held map[place][]string) error {
	var array strings.Builder
	array.WriteByte('{')
	for i, p := range places {
		if i > 0 {
			array.WriteByte(',')
		}
		array.WriteString(`"` + p.ctid + `"`)
	}
	array.WriteByte('}')
	sql := "SELECT tableoid, ctid FROM " + t.name + " WHERE ctid = ANY ($1::pg_catalog.tid[]) AND NOT (" + c.isNew + ")"
	return c.newer.Each(sql, [][]byte{[]byte(array.String())}, func(v [][]byte) error {
		delete(held, place{string(v[0]), string(v[1])})
		return nil
	})
}

// sameLookup reads a lookup in both snapshots.
func (c *comparison) sameLookup(name string) (bool, error) {
	i := slices.IndexFunc(c.newer.queries, func(q Query) bool { return q.Name == name })
	before, err := sumOf(c.older.Session, c.newer.queries[i].SQL)
	if err != nil {
		return false, fmt.Errorf("read the lookup %s again: %w", name, err)
	}
	now, err := sumOf(c.newer.Session, c.newer.queries[i].SQL)
	if err != nil {
		return false, fmt.Errorf("read the lookup %s again: %w", name, err)
	}
	return before == now, nil
}

// sum is a hash of rows in any order: how many there are, and the sum of their
// hashes of 128 bits each.
type sum struct {
	rows   int64
	hi, lo uint64
}

func sumOf(s Session, sql string) (sum, error) {
	var out sum
	var row []byte
	err := s.Each(sql, nil, func(values [][]byte) error {
		row = row[:0]
		for _, v := range values {
			row = strconv.AppendInt(row, int64(len(v)), 10)
			if v == nil {
				row = append(row, 'n')
			}
			row = append(append(row, ' '), v...)
		}
		h := xxh3.Hash128(row)
		var carry uint64
		out.lo, carry = bits.Add64(out.lo, h.Lo, 0)
		out.hi, _ = bits.Add64(out.hi, h.Hi, carry)
		out.rows++
		return nil
	})
	return out, err
}
