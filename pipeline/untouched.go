package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/zeebo/xxh3"

	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/document"
	"example.com/reindex/internal/fingerprint"
	"example.com/reindex/internal/readback"
)

const (
	// maxOwnWrites bounds the memory for the writes of this run to the live index,
	// to some 15 MB.
	maxOwnWrites = 1 << 18
	// settled is how long to wait until every copy of a shard is known to have all
	// writes: translogs that are written behind are so every 5 s by default.
	settled = 30 * time.Second
)

// ownWrites is what tells a document that a live writer has touched from one
// that is as this run wrote it, where the source has no versions. It goes by
// what Elasticsearch answered about writes and not by contents, because what is
// read back is often not what was sent: _source may leave fields out, be put
// together from other fields, or have gone through an ingest pipeline.
//
// Nobody but this run knows the index before the swap, so whatever was written
// up to then is its own: that is known from one number for each shard. Of what
// is written after that, the run keeps the place of its own writes.
type ownWrites struct {
	before map[int]int64 // by shard: the last sequence number before the swap

	mu    sync.Mutex
	after map[uint64]readback.Place // by hash of the id
	lost  bool                      // there were more than maxOwnWrites
}

// beginOwnWrites is to be called when everything before the swap was written,
// and before the swap is sent.
func (r *run) beginOwnWrites(ctx context.Context) error {
	if r.prints == nil || r.opts.Versions || r.opts.NoSwap {
		return nil
	}
	before, err := readback.Checkpoints(ctx, r.Bulk, r.build.Index, settled)
	r.own.before = before
	return err
}

// add records where this run has written a document.
func (o *ownWrites) add(id string, seqNo, primaryTerm int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.after) >= maxOwnWrites {
		o.lost = true
		return
	}
	if o.after == nil {
		o.after = map[uint64]readback.Place{}
	}
	o.after[xxh3.HashString(id)] = readback.Place{SeqNo: seqNo, PrimaryTerm: primaryTerm}
}

// untouched tells whether the last write of a document was this run's.
func (o *ownWrites) untouched(id []byte, now readback.Place) bool {
	if !now.Found {
		return false // or it was rejected; whoever deleted it knows better than an older snapshot
	}
	if last, known := o.before[now.Shard]; known && now.SeqNo <= last {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	own, known := o.after[xxh3.Hash(id)]
	return known && own.SeqNo == now.SeqNo && own.PrimaryTerm == now.PrimaryTerm
}

// full says that writes were made which are not recorded, so that another pass
// would take them for those of a live writer.
func (o *ownWrites) full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost
}

// any says that the run has written since the swap.
func (o *ownWrites) any() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.after) > 0
}

// sendUnversioned makes the differences of a pass over a live index whose
// documents have no versions. What is new is only written if nobody has created
// it meanwhile; the rest waits for ifUntouched.
func (r *run) sendUnversioned(number int) (differences, deletions bulk.Producer) {
	differences = func(ctx context.Context, add func(document.Document) error) error {
		cursor := r.prints.Cursor(number)
		defer cursor.Close()
		stats, err := r.snapshot.Stream(ctx, func(d document.Document) error {
			r.passRead.Add(1)
			change, _, err := observe(cursor, d, 0)
			if err != nil || change == fingerprint.Same {
				return err
			}
			d.Version, d.Create = 0, change == fingerprint.New
			return add(d)
		})
		r.reading.add(stats.Elements)
		return r.readAll(err)
	}
	return differences, r.sendDeletions(number)
}

// ifUntouched lets a document be written if the last write of it was this
// run's, on the condition that it stays so until then (if_seq_no). What a live
// writer has touched is left to it.
func (r *run) ifUntouched(mark string) Conditioner {
	return func(ctx context.Context, docs []document.Document, add func(document.Document) error) error {
		var ids []string
		for _, d := range docs {
			if !d.Create {
				ids = append(ids, string(d.ID))
			}
		}
		var places []readback.Place
		if len(ids) > 0 {
			var err error
			if places, err = readback.Places(ctx, r.Bulk, mark, ids); err != nil {
				return err
			}
		}
		for _, d := range docs {
			if !d.Create {
				now := places[0]
				places = places[1:]
				if !r.own.untouched(d.ID, now) {
					r.touched.Add(1)
					continue
				}
				d.SeqNo, d.PrimaryTerm = now.SeqNo, now.PrimaryTerm
			}
			if err := add(d); err != nil {
				return err
			}
		}
		return nil
	}
}

// refreshOwnWrites makes what the run has written since the swap visible to
// readback.Places.
func (r *run) refreshOwnWrites(ctx context.Context, mark string) error {
	if !r.own.any() {
		return nil
	}
	return readback.Refresh(ctx, r.Bulk, mark)
}
