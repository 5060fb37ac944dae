package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/zeebo/xxh3"

	"example.com/reindex/examples/persons"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/source"
)

// bodyBytes is the size of the ready-made bodies of the ceiling.
const bodyBytes = 4 << 20

// corpus is what every index has to hold in the end.
type corpus struct {
	bodies [][]byte // ready-made bulk requests of all documents
	prints map[string]prints
	bytes  int64 // JSON of all documents, without action lines
}

// prints tell a document by its bytes as the pipeline writes them, which is
// quick, or by its meaning.
type prints struct{ bytes, meaning uint64 }

// personsSource is the example as reindex.yaml describes it.
func personsSource(database string) (source.Config, error) {
	var errs []error
	read := func(name string) source.Query {
		text, err := persons.SQL(name)
		errs = append(errs, err)
		return source.Query{Name: name, SQL: text}
	}
	cfg := source.Config{
		URL: database, ID: "personId", Version: "rev", Document: read("persons.sql"),
		Lookups:  []source.Lookup{{Query: read("programme_owners.sql")}, {Query: read("post_owners.sql")}},
		Coalesce: []string{"currentOwner"}, Omit: []string{"programmeId", "postId"},
		Lists: []source.List{
			{Field: "programmeMemberships", Query: read("programme_memberships.sql"), Lookups: []source.Lookup{{Query: read("programmes.sql")}}},
			{Field: "trusts", Query: read("trusts.sql"), Lookups: []source.Lookup{{Query: read("posts.sql")}}, Distinct: true, Unpivot: "trustId"},
		},
	}
	return cfg, errors.Join(errs...)
}

// newCorpus reads all documents, and has the oracle say whether they are right.
func newCorpus(ctx context.Context, database string) (*corpus, error) {
	cfg, err := personsSource(database)
	if err != nil {
		return nil, err
	}
	src, err := source.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	snapshot, err := src.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snapshot.Close()
	c := &corpus{prints: map[string]prints{}}
	if _, err := snapshot.Stream(ctx, c.add); err != nil {
		return nil, err
	}
	return c, c.compareWithOracle(ctx, database)
}

func (c *corpus) add(d document.Document) error {
	meaning, err := meaningOf(d.JSON)
	if err != nil {
		return err
	}
	c.prints[string(d.ID)] = prints{bytes: xxh3.Hash(d.JSON), meaning: meaning}
	c.bytes += int64(len(d.JSON))
	last := len(c.bodies) - 1
	if last < 0 || len(c.bodies[last])+len(d.JSON)+64 > bodyBytes {
		c.bodies = append(c.bodies, make([]byte, 0, bodyBytes))
		last++
	}
	body := append(c.bodies[last], `{"index":{"_id":"`...)
	body = append(append(body, d.ID...), "\"}}\n"...)
	c.bodies[last] = append(append(body, d.JSON...), '\n')
	return nil
}

// compareWithOracle makes sure that what everything is compared with is right.
func (c *corpus) compareWithOracle(ctx context.Context, database string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "SET TimeZone = 'UTC'"); err != nil {
		return err
	}
	sql, err := persons.SQL("oracle.sql")
	if err != nil {
		return err
	}
	result := conn.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil)
	found := 0
	for result.NextRow() {
		id, text := result.Values()[0], result.Values()[1]
		meaning, err := meaningOf(text)
		if err != nil {
			return err
		}
		if c.prints[string(id)].meaning != meaning {
			return fmt.Errorf("person %s: the document differs from oracle.sql's", id)
		}
		found++
	}
	if _, err := result.Close(); err != nil {
		return fmt.Errorf("oracle.sql: %w", err)
	}
	if found != len(c.prints) {
		return fmt.Errorf("oracle.sql has %d persons, the source %d", found, len(c.prints))
	}
	return nil
}

// check tells whether a document is the right one.
func (c *corpus) check(id string, text []byte) error {
	want, ok := c.prints[id]
	if !ok {
		return fmt.Errorf("document %s is nobody's", id)
	}
	if want.bytes == xxh3.Hash(text) {
		return nil
	}
	meaning, err := meaningOf(text)
	if err != nil {
		return err
	}
	if meaning != want.meaning {
		return fmt.Errorf("document %s is wrong", id)
	}
	return nil
}

// meaningOf is the hash of a document with its fields and its lists in an order
// of our own.
func meaningOf(text []byte) (uint64, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	fields := map[string]any{}
	if err := decoder.Decode(&fields); err != nil {
		return 0, fmt.Errorf("a document is no JSON object: %w", err)
	}
	for name, value := range fields {
		elements, ok := value.([]any)
		if !ok {
			continue
		}
		texts := make([]string, 0, len(elements))
		for _, element := range elements {
			element, err := json.Marshal(element)
			if err != nil {
				return 0, err
			}
			texts = append(texts, string(element))
		}
		slices.Sort(texts)
		fields[name] = texts
	}
	canonical, err := json.Marshal(fields)
	return xxh3.Hash(canonical), err
}

// pages is how many pages of size documents there are.
func (c *corpus) pages(size int) int { return (len(c.prints) + size - 1) / size }

func itoa(n int) string { return strconv.Itoa(n) }
