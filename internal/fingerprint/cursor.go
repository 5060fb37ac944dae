package fingerprint

import "bytes"

// Cursor observes the documents of one stream in one pass. It holds one range
// at a time: another cursor that comes to the same one waits until this one has
// gone on, or is closed. It is not safe for concurrent use.
type Cursor struct {
	ranges *Ranges
	pass   byte
	number int
	block  *block // nil: none

	raw   []byte
	old   records // as the block has them
	next  int     // of those, the one that is expected
	index map[string]int
	out   encoder // as they are now
	added int
}

// Cursor returns a cursor for a pass, numbered from 0 on, at most [MaxPasses].
func (r *Ranges) Cursor(pass int) *Cursor { return &Cursor{ranges: r, pass: short(pass)} }

// Observe records that the pass has seen a document, and returns what it was
// before. A version that changed with the same content is no change; the
// recorded version stays the one that was written. An error is [ErrTwice], or
// that the file could not be read.
func (c *Cursor) Observe(number int, id []byte, p Print) (Change, Print, error) {
	old, err := c.at(number, id)
	if err != nil {
		return 0, Print{}, err
	}
	if old == nil {
		c.added++
		c.out.append(c.pass, id, p)
		return New, Print{}, nil
	}
	old.seen = true
	if old.print.Hash == p.Hash {
		c.out.append(c.pass, id, old.print)
		return Same, old.print, nil
	}
	c.out.append(c.pass, id, p)
	c.ranges.unfail(id)
	return Changed, old.print, nil
}

// Unchanged is Observe for a document of which only the version is known: if it
// is recorded with that, the pass has seen it, and true is returned; else nothing
// has happened.
func (c *Cursor) Unchanged(number int, id []byte, version int64) (bool, error) {
	old, err := c.at(number, id)
	if err != nil || old == nil || old.print.Version != version {
		return false, err
	}
	old.seen = true
	c.out.append(c.pass, id, old.print)
	return true, nil
}

// at returns what is recorded of id, or nil, and takes its range.
func (c *Cursor) at(number int, id []byte) (*record, error) {
	if c.block == nil || c.number != number {
		if err := c.open(number); err != nil {
			return nil, err
		}
	}
	i := c.find(id)
	if i < 0 {
		return nil, nil //nolint:nilnil // nothing is recorded
	}
	old := &c.old.list[i]
	if old.seen || old.pass == c.pass {
		return nil, ErrTwice
	}
	return old, nil
}

// find returns the position of id, or -1. As long as documents come as they did
// before, it is the next one.
func (c *Cursor) find(id []byte) int {
	if c.next < len(c.old.list) && bytes.Equal(c.old.id(c.next), id) {
		c.next++
		return c.next - 1
	}
	if len(c.old.list) == 0 {
		return -1
	}
	if len(c.index) == 0 {
		c.fillIndex()
	}
	i, found := c.index[string(id)]
	if !found {
		return -1
	}
	c.next = i + 1
	return i
}

func (c *Cursor) fillIndex() {
	if c.index == nil {
		c.index = make(map[string]int, len(c.old.list))
	}
	ids := string(c.old.ids) // one allocation for all keys
	for i, r := range c.old.list {
		c.index[ids[r.start:r.end]] = i
	}
}

// open leaves the present range and takes another.
func (c *Cursor) open(number int) error {
	c.Close()
	b := c.ranges.block(number)
	b.Lock()
	c.block, c.number, c.next, c.added = b, number, 0, 0
	clear(c.index)
	c.out.reset()
	if b.data == nil && b.place.n == 0 {
		c.old.reset()
		return nil
	}
	if err := c.ranges.load(b, &c.raw, &c.old); err != nil {
		b.Unlock()
		c.block = nil
		return err
	}
	return nil
}

// Close records the present range and lets go of it. What the cursor has not
// seen of the range stays as it was.
func (c *Cursor) Close() {
	if c.block == nil {
		return
	}
	stale := 0
	for i, old := range c.old.list {
		if !old.seen {
			c.out.append(old.pass, c.old.id(i), old.print)
			if old.pass != c.pass {
				stale++
			}
		}
	}
	c.block.pass, c.block.stale = c.pass, stale
	c.ranges.records.Add(int64(c.added))
	c.ranges.store(c.block, c.out.buf)
	c.block.Unlock()
	c.block = nil
}
