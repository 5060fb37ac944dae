package pipeline

import (
	"context"

	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/fingerprint"
	"example.com/reindex/internal/readback"
)

// untouchedChunk is how many documents are read back with one request: at 2 KB
// each, 1 MiB.
const untouchedChunk = 500

// sendIfUntouched corrects a live index whose documents have no versions: a
// document is only written if the index still has what this run wrote (by its
// fingerprint), on the condition that it stays so until the write (if_seq_no);
// a new one only if nobody has created it. What a live writer has touched is
// left to it.
func (r *run) sendIfUntouched(number int, target string) (differences, deletions bulk.Producer) {
	differences = func(ctx context.Context, add func(document.Document) error) error {
		u := untouched{r: r, target: target, add: add}
		cursor := r.prints.Cursor(number)
		defer cursor.Close()
		_, err := r.snapshot.Stream(ctx, func(d document.Document) error {
			r.passRead.Add(1)
			change, old, err := observe(cursor, d, 0)
			if err != nil {
				return err
			}
			switch change {
			case fingerprint.Same:
				return nil
			case fingerprint.New:
				d.Create = true
				return add(d)
			case fingerprint.Changed:
			}
			return u.consider(ctx, d, old)
		})
		if err := r.readAll(err); err != nil {
			return err
		}
		return u.flush(ctx)
	}
	deletions = func(ctx context.Context, add func(document.Document) error) error {
		u := untouched{r: r, target: target, add: add}
		err := r.prints.Sweep(number, func(id []byte, old fingerprint.Print) error {
			return u.consider(ctx, document.Document{ID: id}, old)
		})
		if err != nil {
			return err
		}
		return u.flush(ctx)
	}
	return differences, deletions
}

// untouched collects writes until there are enough to ask for what the index
// has now.
type untouched struct {
	r      *run
	target string
	add    func(document.Document) error
	wanted []document.Document
	wrote  []uint64 // hash of what this run wrote before
}

func (u *untouched) consider(ctx context.Context, d document.Document, old fingerprint.Print) error {
	d.ID = append([]byte{}, d.ID...)
	if d.JSON != nil {
		d.JSON = append([]byte{}, d.JSON...)
	}
	u.wanted, u.wrote = append(u.wanted, d), append(u.wrote, old.Hash)
	if len(u.wanted) < untouchedChunk {
		return nil
	}
	return u.flush(ctx)
}

func (u *untouched) flush(ctx context.Context) error {
	if len(u.wanted) == 0 {
		return nil
	}
	ids := make([]string, len(u.wanted))
	for i, d := range u.wanted {
		ids[i] = string(d.ID)
	}
	stored, err := readback.Get(ctx, u.r.Bulk, u.target, ids)
	if err != nil {
		return err
	}
	for i, d := range u.wanted {
		now := stored[i]
		if !now.Found || fingerprint.Of(now.Source, 0).Hash != u.wrote[i] {
			u.r.touched.Add(1)
			continue
		}
		d.SeqNo, d.PrimaryTerm = now.SeqNo, now.PrimaryTerm
		if err := u.add(d); err != nil {
			return err
		}
	}
	u.wanted, u.wrote = u.wanted[:0], u.wrote[:0]
	return nil
}
