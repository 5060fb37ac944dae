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
// different, or recorded and gone (Changed too), and with what was recorded of it. An error of
// changed ends it, and nothing of the range is recorded then.
//
// The pass must not be followed by [Ranges.Sweep] with the same number, which
// would take all that was not read for gone.
func (r *Ranges) Amend(pass, number int, now []Now, changed func(i int, change Change, old Print) error) error {
	b := r.block(number)
	b.Lock()
	defer b.Unlock()
	a := amender{pass: short(pass), now: now, at: make(map[string]int, len(now)), changed: changed}
	for i, n := range now {
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
		r.unfail(now[n].ID)
	}
	return nil
}

// amender is the state of one Amend.
type amender struct {
	pass    byte
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
		a.written = append(a.written, i)
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
