package pipeline

import (
	"context"
	"maps"
	"sync"
)

// listCounts adds up the elements of each list that the streams of one reading
// have found. Documents and their number may stay the same while a list is
// emptied, so lists are counted for the gates as documents are.
type listCounts struct {
	mu     sync.Mutex
	counts map[string]int64
}

func (l *listCounts) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts = nil
}

func (l *listCounts) add(elements map[string]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = map[string]int64{}
	}
	for list, n := range elements {
		l.counts[list] += n
	}
}

func (l *listCounts) take() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.counts)
}

// mostOf is the larger number of each list.
func mostOf(x, y map[string]int64) map[string]int64 {
	most := maps.Clone(x)
	if most == nil {
		most = map[string]int64{}
	}
	for list, n := range y {
		most[list] = max(most[list], n)
	}
	return most
}

// recordLists leaves the counts for the next run, with the index, so that they
// are those of whatever index is live then, after a rollback too.
func (r *run) recordLists(ctx context.Context) error {
	if len(r.report.Lists) == 0 {
		return nil
	}
	return r.build.RecordLists(ctx, r.report.Lists)
}

// liveLists are the counts that the run before has left with the live index.
func (r *run) liveLists(ctx context.Context, live string) (map[string]int64, error) {
	if live == "" {
		return nil, nil
	}
	meta, err := r.Alias.MetaOf(ctx, live)
	return meta.Lists, err
}
