package bulk

import "sync"

// Counts add up the outcomes of a load. Read is Acknowledged + Failed once
// Load has returned without an error.
type Counts struct {
	Read         int64 // documents that producers added
	Acknowledged int64 // Created + Updated + Deleted + NotFound + Conflicts
	Created      int64 // written under a new id
	Updated      int64 // written over the same id
	Deleted      int64 // deleted
	NotFound     int64 // deletions of what was not there
	Conflicts    int64 // superseded: the index has a newer version
	Failed       int64 // rejected, or refused before they were sent
	Retried      int64 // documents sent again, counted each time
	Requests     int64 // requests made, whatever came of them
	Bytes        int64 // request bodies made, the repeated ones included
}

func (c *Counts) add(d Counts) {
	c.Read += d.Read
	c.Created += d.Created
	c.Updated += d.Updated
	c.Deleted += d.Deleted
	c.NotFound += d.NotFound
	c.Conflicts += d.Conflicts
	c.Failed += d.Failed
	c.Retried += d.Retried
	c.Requests += d.Requests
	c.Bytes += d.Bytes
	c.Acknowledged = c.Created + c.Updated + c.Deleted + c.NotFound + c.Conflicts
}

// check is the arithmetic that the package promises.
func (c Counts) check() error {
	if c.Read != c.Acknowledged+c.Failed {
		return &AccountingError{Counts: c}
	}
	return nil
}

// ledger is Counts for many goroutines, taken once per request, not per
// document.
type ledger struct {
	mu     sync.Mutex
	counts Counts
}

func (l *ledger) add(d Counts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts.add(d)
}

func (l *ledger) read() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}
