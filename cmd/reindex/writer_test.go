package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// writer edits notes for as long as it is let: titles, tags, new notes, notes
// deleted. Each edit is one transaction that raises the note's rev. A live one
// writes the document through the alias afterwards, as an application does.
type writer struct {
	p        *project
	live     bool
	versions bool
	conn     *pgx.Conn
	random   *rand.Rand
	even     []int64 // notes that were there at the start, not deleted yet
	odd      int64   // the next new note
	edits    atomic.Int64
	cancel   context.CancelFunc
	done     chan error
}

// newWriter knows the notes of notesDatabase(n).
func newWriter(t *testing.T, p *project, n int, versions, live bool) *writer {
	t.Helper()
	w := &writer{
		p: p, live: live, versions: versions, conn: sqlConn(t, p.db), odd: 1,
		random: rand.New(rand.NewPCG(uint64(n), 1)), done: make(chan error, 1),
	}
	for i := range n {
		w.even = append(w.even, int64(2*(i+1)))
	}
	return w
}

// start edits until stop.
func (w *writer) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go func() { // ends with ctx or at the first error; stop waits for it
		for ctx.Err() == nil {
			if err := w.edit(context.WithoutCancel(ctx)); err != nil {
				w.done <- err
				return
			}
		}
		w.done <- nil
	}()
	t.Cleanup(cancel)
}

// more waits for n more edits.
func (w *writer) more(t *testing.T, n int64) {
	t.Helper()
	want := w.edits.Load() + n
	eventually(t, "more edits", func() bool { return w.edits.Load() >= want || len(w.done) > 0 })
}

// stop returns when the last edit is done.
func (w *writer) stop(t *testing.T) {
	t.Helper()
	w.cancel()
	if err := <-w.done; err != nil {
		t.Errorf("writer, after %d edits: %v", w.edits.Load(), err)
	}
}

// edit changes one note.
func (w *writer) edit(ctx context.Context) error {
	defer w.edits.Add(1)
	pick := w.random.IntN(len(w.even))
	id := w.even[pick]
	switch w.random.IntN(5) {
	case 0:
		if len(w.even) < 100 {
			return nil
		}
		w.even = append(w.even[:pick], w.even[pick+1:]...)
		return w.remove(ctx, id)
	case 1:
		id, w.odd = w.odd, w.odd+2
		return w.change(ctx, id, fmt.Sprintf(`INSERT INTO note VALUES (%[1]d, 'new'); INSERT INTO tag VALUES (%[1]d, 1, 'new')`, id))
	case 2:
		return w.change(ctx, id, fmt.Sprintf(`UPDATE note SET rev = rev + 1 WHERE id = %[1]d; DELETE FROM tag WHERE note_id = %[1]d AND position = 2`, id))
	case 3:
		return w.change(ctx, id, fmt.Sprintf(`UPDATE note SET rev = rev + 1 WHERE id = %[1]d; INSERT INTO tag VALUES (%[1]d, 3, 'third')
			ON CONFLICT (note_id, position) DO UPDATE SET tag = tag.tag || '+'`, id))
	}
	return w.change(ctx, id, fmt.Sprintf(`UPDATE note SET rev = rev + 1, title = 'edit %d' WHERE id = %d`, w.edits.Load(), id))
}

// change commits sql, and then writes the note's document.
func (w *writer) change(ctx context.Context, id int64, sql string) error {
	if _, err := w.conn.Exec(ctx, "BEGIN; "+sql+"; COMMIT"); err != nil || !w.live {
		return err
	}
	var rev int64
	var document string
	err := w.conn.QueryRow(ctx, "SELECT n.rev, d.doc::text FROM note n JOIN ("+notesOracle+") d (id, doc) ON d.id = n.id::text WHERE n.id = $1", id).
		Scan(&rev, &document)
	if err != nil {
		return err
	}
	return w.send(ctx, http.MethodPut, id, rev, document)
}

// remove commits the deletion of a note, and then deletes its document with a
// version above all that it had.
func (w *writer) remove(ctx context.Context, id int64) error {
	var rev int64
	err := w.conn.QueryRow(ctx, "WITH gone AS (DELETE FROM tag WHERE note_id = $1) DELETE FROM note WHERE id = $1 RETURNING rev", id).Scan(&rev)
	if err != nil || !w.live {
		return err
	}
	return w.send(ctx, http.MethodDelete, id, rev+1, "")
}

// send writes through the alias; that something newer is there already is as
// good as having written it.
func (w *writer) send(ctx context.Context, method string, id, version int64, body string) error {
	path := fmt.Sprintf("/%s/_doc/%d?require_alias=true", w.p.alias, id)
	if w.versions {
		path += fmt.Sprintf("&version_type=external&version=%d", version)
	}
	if method == http.MethodDelete {
		path = fmt.Sprintf("/%s/_doc/%d", w.p.alias, id)
		if w.versions {
			path += fmt.Sprintf("?version_type=external&version=%d", version)
		}
	}
	status, answer, err := w.p.try(ctx, method, path, body)
	switch {
	case err != nil:
		return err
	case status/100 == 2, w.versions && status == http.StatusConflict, method == http.MethodDelete && status == http.StatusNotFound:
		return nil
	}
	return errors.New(method + " " + path + ": " + string(answer))
}
