package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// writer edits persons, takes some away and brings them back, until ctx ends.
// The triggers of the schema raise rev with each edit.
type writer struct {
	conn   *pgx.Conn
	dice   *rand.Rand
	base   []int64
	extras []int64
	edits  int
}

func (w *writer) write(ctx context.Context) error {
	for sleep(ctx, time.Duration(w.dice.IntN(40))*time.Millisecond) {
		if err := w.edit(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("writer: %w", err)
		}
		w.edits++
	}
	return nil
}

func (w *writer) edit(ctx context.Context) error {
	gone := w.extras[w.dice.IntN(len(w.extras))]
	var err error
	switch w.dice.IntN(4) {
	case 0:
		_, err = w.conn.Exec(ctx, "DELETE FROM contact_details WHERE person_id = $1", gone)
	case 1:
		_, err = w.conn.Exec(ctx, "INSERT INTO contact_details VALUES ($1, 'Back', 'Again') ON CONFLICT DO NOTHING", gone)
	default:
		_, err = w.conn.Exec(ctx, "UPDATE contact_details SET surname = $2 WHERE person_id = $1",
			w.base[w.dice.IntN(len(w.base))], fmt.Sprintf("Edit %d", w.edits))
	}
	return err
}
