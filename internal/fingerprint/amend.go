package fingerprint

// Now is a document as the source has it at the time of a pass that reads only
// some.
type Now struct {
	ID    []byte
	Print Print
	Gone  bool // the source has it no longer, or never had it
}

// Amend compares some documents of one range, each once, and leaves the others
// as they are. It calls changed with the position of each document that is new,
// different, or recorded and gone (Changed too), and with what was recorded of it.
// What is gone stays recorded until [Ranges.Forget], so that it is still known if
// nobody comes to delete it. An error of changed ends it, and nothing of the range
// is recorded then.
//
// The pass must not be followed by [Ranges.Sweep] with the same number, which
// would take all that was not read for gone.
func (r *Ranges) Amend(pass, number int, now []Now, changed func(i int, change Change, old Print) error) error {
	return r.amend(number, amender{pass: short(pass), now: now, changed: changed})
}

// Forget drops documents of one range that are gone. It calls gone with what was
// recorded of each. An error of gone ends it, and nothing is dropped then.
func (r *Ranges) Forget(number int, ids [][]byte, gone func(id []byte, old Print) error) error {
	now := make([]Now, len(ids))
	for i, id := range ids {
		now[i] = Now{ID: id, Gone: true}
	}
	return r.amend(number, amender{now: now, forget: true, changed: func(i int, _ Change, old Print) error { return gone(ids[i], old) }})
}

func (r *Ranges) amend(number int, a amender) error {
	b := r.block(number)
	b.Lock()
	defer b.Unlock()
	a.at = make(map[string]int, len(a.now))
	for i, n := range a.now {
		a.at[string(n.ID)] = i
	}
	if b.data != nil || b.place.n > 0 {
		if err := r.load(b, &a.raw, &a.old); err != nil {
			return err
		}
	}
	if err := a.run(); err != nil {
		return err
	}
	r.records.Add(int64(a.out.records - len(a.old.list)))
	r.store(b, a.out.buf)
	b.stale = len(a.old.list) // whoever sweeps next has to look
	for _, n := range a.written {
		r.unfail(a.now[n].ID)
	}
	return nil
}

// amender is the state of one Amend or Forget.
type amender struct {
	pass    byte
	forget  bool // what is gone
	now     []Now
	at      map[string]int // position in now of what was not met yet
	raw     []byte
	old     records
	out     encoder
	written []int // positions in now
	changed func(i int, change Change, old Print) error
}

func (a *amender) run() error {
	for k, old := range a.old.list {
		id := a.old.id(k)
		i, read := a.at[string(id)]
		if !read {
			a.out.append(old.pass, id, old.print)
			continue
		}
		delete(a.at, string(id))
		if err := a.known(i, old); err != nil {
			return err
		}
	}
	for i, n := range a.now {
		if _, unknown := a.at[string(n.ID)]; !unknown || n.Gone {
			continue
		}
		if err := a.changed(i, New, Print{}); err != nil {
			return err
		}
		a.out.append(a.pass, n.ID, n.Print)
	}
	return nil
}

// known compares a document that is recorded.
func (a *amender) known(i int, old record) error {
	n := a.now[i]
	if n.Gone {
		if a.forget {
			a.written = append(a.written, i)
		} else {
			a.out.append(old.pass, n.ID, old.print)
		}
		return a.changed(i, Changed, old.print)
	}
	if n.Print.Hash == old.print.Hash {
		a.out.append(a.pass, n.ID, old.print)
		return nil
	}
	a.out.append(a.pass, n.ID, n.Print)
	a.written = append(a.written, i)
	return a.changed(i, Changed, old.print)
}
