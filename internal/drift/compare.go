package drift

import (
	"context"
	"fmt"

	"example.com/reindex/internal/document"
	"example.com/reindex/internal/readback"
)

// difference is one document that is not as it should be.
type difference struct {
	kind Kind // "" for one that has no copy under its own _id, only duplicates
	doc  document.Document
	hit  *readback.Hit // nil for one that is not in the index
	// field is the first that differs, of one that is in both.
	field string
}

// comparison walks both sides in the order of their ids. Each side holds one
// page, whatever their number.
type comparison struct {
	index    string
	field    string
	reader   *readback.Reader
	lists    []string
	versions bool
	report   func(difference) error

	hit    *readback.Hit // the next one of the index; nil at its end
	last   readback.Key
	lastID string // of the source
	read   int64
	newer  int64
}

// advance is to be called once before the first document, too.
func (c *comparison) advance(ctx context.Context) (err error) {
	c.hit, err = c.reader.Next(ctx)
	return err
}

// document takes the next one of the source.
func (c *comparison) document(ctx context.Context, d document.Document) error {
	key, err := c.key(d.ID)
	if err != nil {
		return err
	}
	for c.hit != nil && c.hit.HasKey && c.hit.Key.Compare(key) < 0 {
		if err := c.surplus(ctx, Extra); err != nil {
			return err
		}
	}
	kind, own := Missing, false
	for c.hit != nil && c.hit.HasKey && c.hit.Key.Compare(key) == 0 {
		if c.hit.ID != string(d.ID) {
			kind = ""
			err = c.surplus(ctx, Duplicate)
		} else {
			own = true
			err = c.both(ctx, d)
		}
		if err != nil {
			return err
		}
	}
	if own {
		return nil
	}
	return c.report(difference{kind: kind, doc: d})
}

// key checks that the source is in order too. A merge of two sides in
// different orders would find half of the documents missing and extra.
func (c *comparison) key(id []byte) (readback.Key, error) {
	key, err := c.reader.Order().Key(id)
	if err != nil {
		return key, &readback.FieldError{
			Index: c.index, Field: c.field, Problem: "is mapped as an integer and in the source " + err.Error(),
			Advice: "map it as keyword in index.body, and rebuild with `reindex run`",
		}
	}
	if c.read > 0 && c.last.Compare(key) >= 0 {
		return key, &OrderError{Index: c.index, ID: string(id), Previous: c.lastID}
	}
	c.read++
	c.last, c.lastID = key, string(id)
	return key, nil
}

// end takes what the index has beyond the last document of the source.
func (c *comparison) end(ctx context.Context) error {
	for c.hit != nil {
		if err := c.surplus(ctx, Extra); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) surplus(ctx context.Context, kind Kind) error {
	if err := c.report(difference{kind: kind, hit: c.hit}); err != nil {
		return err
	}
	return c.advance(ctx)
}

// both compares what the source and the index have under one id.
func (c *comparison) both(ctx context.Context, d document.Document) error {
	field, err := firstDifference(d.JSON, c.hit.Source, c.lists, c.reader.Contents().Vectors)
	if err != nil {
		return fmt.Errorf("compare document %s: %w", c.hit.ID, err)
	}
	switch {
	case field == "":
	case c.versions && c.hit.Version > d.Version:
		c.newer++ // written since the snapshot
	default:
		if err := c.report(difference{kind: Different, doc: d, hit: c.hit, field: field}); err != nil {
			return err
		}
	}
	return c.advance(ctx)
}
