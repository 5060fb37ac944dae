package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"example.com/reindex/examples/livewriter"
	"example.com/reindex/internal/es"
)

// editors is how many connections edit; live is set if each of them also writes
// what it edited through the alias, as examples/livewriter does.
const editors = 16

// edited rebuilds while persons are inserted, updated and deleted, lists
// included. Without a live writer the editing stops when readers first see the
// new index, with one it goes on until the program has ended. Then the index
// must be what the database says, by reindex verify and by our own comparison,
// which measure makes.
func edited(live bool) func(context.Context, *rig, string) (outcome, error) {
	return func(ctx context.Context, r *rig, index string) (outcome, error) {
		alias := index + "-alias"
		if live { // the writer needs an alias to write through
			if _, err := pipelineWith("--catch-up off")(ctx, r, index); err != nil {
				return outcome{}, err
			}
		}
		before, err := r.behind(ctx, alias)
		if err != nil {
			return outcome{}, err
		}
		e, err := r.newEdits(ctx, alias, live)
		if err != nil {
			return outcome{}, err
		}
		writing, stop := context.WithCancel(ctx)
		defer stop()
		g, group := errgroup.WithContext(ctx)
		for i := range editors {
			g.Go(func() error { return e.write(group, writing, i) })
		}
		if !live {
			g.Go(func() error { defer stop(); return r.awaitSwap(group, writing, alias, before) })
		}
		var o outcome
		g.Go(func() (err error) {
			defer stop()
			o, err = pipelineWith("")(group, r, index)
			return err
		})
		if err := g.Wait(); err != nil {
			return o, err
		}
		o.edits, o.editing = e.done.Load(), e.took()
		if r.corpus, err = newCorpus(ctx, r.database); err != nil {
			return o, err
		}
		return o, r.verify(ctx, alias)
	}
}

// busy runs while something else is committed ten times a second, so that
// passes cannot know without reading that no person has changed.
func busy(ctx context.Context, r *rig, index string) (o outcome, err error) {
	conn, err := pgx.Connect(ctx, r.database)
	if err != nil {
		return o, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	running, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-running.Done():
				return nil
			case <-ticker.C:
			}
			if _, err := conn.Exec(ctx, "SELECT pg_catalog.txid_current()"); err != nil {
				return err
			}
		}
	})
	g.Go(func() (err error) {
		defer stop()
		o, err = pipelineWith("")(ctx, r, index)
		return err
	})
	return o, g.Wait()
}

// behind returns the index behind an alias, or "".
func (r *rig) behind(ctx context.Context, alias string) (string, error) {
	var indices map[string]json.RawMessage
	err := es.Do(ctx, r.es, http.MethodGet, "/_alias/"+alias, nil, &indices)
	if e, ok := errors.AsType[*es.Error](err); ok && e.Status == http.StatusNotFound {
		return "", nil
	}
	for index := range indices {
		return index, err
	}
	return "", err
}

// awaitSwap returns when another index than before is behind the alias.
func (r *rig) awaitSwap(ctx, writing context.Context, alias, before string) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-writing.Done():
			return nil
		case <-ticker.C:
		}
		now, err := r.behind(ctx, alias)
		if err != nil || now != before {
			return err
		}
	}
}

// verify has the program compare index and database.
func (r *rig) verify(ctx context.Context, alias string) error {
	if _, err := es.Refresh(ctx, r.es, alias); err != nil {
		return err
	}
	_, err := runChild(ctx, r.environment(alias), r.reindex, "verify", "--config", r.work+"/reindex.yaml", "--json")
	return err
}

// edits is a stream of edits.
type edits struct {
	rig     *rig
	live    *livewriter.Writer // nil: only the database
	persons []int64
	highest int64 // id
	rows    atomic.Int64
	done    atomic.Int64
	started time.Time
	mu      sync.Mutex
	ended   time.Time
}

func (r *rig) newEdits(ctx context.Context, alias string, live bool) (*edits, error) {
	conn, err := pgx.Connect(ctx, r.database)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	e := &edits{rig: r, started: time.Now()}
	rows, err := conn.Query(ctx, "SELECT id FROM person ORDER BY id")
	if err != nil {
		return nil, err
	}
	if e.persons, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		return nil, err
	}
	e.highest = e.persons[len(e.persons)-1]
	var last int64
	err = conn.QueryRow(ctx, `SELECT greatest((SELECT max(id) FROM placement), (SELECT max(id) FROM programme_membership))`).Scan(&last)
	if err != nil {
		return nil, err
	}
	e.rows.Store(last)
	if live {
		query, err := livewriter.PersonQuery()
		if err != nil {
			return nil, err
		}
		e.live = &livewriter.Writer{HTTP: &http.Client{Timeout: time.Minute}, URL: r.elasticsearch, Alias: alias, Query: query}
	}
	return e, nil
}

func (e *edits) took() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ended.Sub(e.started)
}

// write makes its part of the edits of each second until writing ends. An edit
// that was begun is finished.
func (e *edits) write(ctx, writing context.Context, editor int) error {
	conn, err := pgx.Connect(ctx, e.rig.database)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var live *livewriter.Writer
	if e.live != nil {
		mine := *e.live
		mine.DB = conn
		live = &mine
	}
	dice := rand.New(rand.NewPCG(uint64(e.started.UnixNano()), uint64(editor)))
	every := time.Duration(editors) * time.Second / time.Duration(e.rig.edits)
	for due := e.started.Add(every); ; due = due.Add(every) {
		select {
		case <-writing.Done():
			e.mu.Lock()
			e.ended = time.Now()
			e.mu.Unlock()
			return nil
		case <-time.After(time.Until(due)): // at once if it is behind
		}
		if err := e.edit(ctx, conn, live, dice); err != nil {
			return fmt.Errorf("edit: %w", err)
		}
		e.done.Add(1)
	}
}

// The kinds of edits; $1 is the person, $2 a new number for a row.
const (
	rename     = `UPDATE contact_details SET surname = 'Edit ' || $2::bigint WHERE person_id = $1`
	enrol      = `INSERT INTO programme_membership SELECT $2, id, 1 + $2::bigint % 10, 'TN/E', current_date - 100, current_date + 100 FROM person WHERE id = $1`
	expel      = `DELETE FROM programme_membership WHERE id = (SELECT min(id) FROM programme_membership WHERE person_id = $1) AND $2::bigint > 0`
	move       = `UPDATE placement SET post_id = 1 + $2::bigint % 10 WHERE person_id = $1`
	hide       = `DELETE FROM contact_details WHERE person_id = $1 AND $2::bigint > 0`
	show       = `INSERT INTO contact_details SELECT id, 'Edit ' || $2::bigint, 'Shown' FROM person WHERE id = $1 ON CONFLICT DO NOTHING`
	employ     = `WITH p AS (INSERT INTO person (id, role) VALUES ($1, 'DR in Training') ON CONFLICT DO NOTHING RETURNING id), ` + belongings
	belongings = `c AS (INSERT INTO contact_details SELECT id, 'Edit ' || $2::bigint, 'New' FROM p)
		INSERT INTO placement (id, person_id, post_id, date_from, date_to)
		SELECT $2, id, 1 + $2::bigint % 10, current_date, current_date + 30 FROM p`
	dismiss = `WITH f AS (DELETE FROM placement WHERE person_id = $1), m AS (DELETE FROM programme_membership WHERE person_id = $1),
		g AS (DELETE FROM gmc_details WHERE person_id = $1), d AS (DELETE FROM gdc_details WHERE person_id = $1),
		c AS (DELETE FROM contact_details WHERE person_id = $1)
		DELETE FROM person WHERE id = $1 RETURNING nextval('person_rev')`
)

func (e *edits) edit(ctx context.Context, conn *pgx.Conn, live *livewriter.Writer, dice *rand.Rand) error {
	person := e.persons[dice.IntN(len(e.persons))]
	changes := []string{rename, rename, rename, enrol, expel, move, hide, show, employ, dismiss}
	switch sql := changes[dice.IntN(len(changes))]; sql {
	case dismiss:
		var version int64
		err := conn.QueryRow(ctx, sql, person).Scan(&version)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // gone before
		}
		if err != nil || live == nil {
			return err
		}
		_, err = live.Delete(ctx, strconv.FormatInt(person, 10), version)
		return err
	case employ:
		person = 1 + dice.Int64N(e.highest)
		fallthrough
	default:
		if _, err := conn.Exec(ctx, sql, person, e.rows.Add(1)); err != nil || live == nil {
			return err
		}
		_, err := live.Refresh(ctx, strconv.FormatInt(person, 10))
		if errors.Is(err, livewriter.ErrNoRow) {
			return nil // whoever deleted it deletes the document
		}
		return err
	}
}
