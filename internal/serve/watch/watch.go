package watch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/history"
	"example.com/reindex/internal/serve/board"
)

// Reader reads what is known of one index. [Elastic] is the real one.
type Reader interface {
	// Status is what one look at the alias, its lock and its generations shows.
	Status(ctx context.Context) (esalias.Status, error)
	// Runs are the newest records, newest first.
	Runs(ctx context.Context, limit int) ([]history.Record, error)
	// Run is one record with its detail; false if there is none.
	Run(ctx context.Context, id string) (history.Record, bool, error)
	// Sizes are the bytes of each generation.
	Sizes(ctx context.Context) (map[string]int64, error)
	// Board is what the servers left there.
	Board(ctx context.Context, now time.Time) (board.Board, error)
}

// View is what was seen of one index.
type View struct {
	Alias   string
	Status  esalias.Status
	Runs    []history.Record // newest first, with the outcome that history.Judge gives
	Current *history.Record  // of the holder of the lock, with its detail; nil if there is none
	Last    *history.Record  // the last that ended and says something about the alias
	Sizes   map[string]int64
	Board   board.Board
	// Heard is when this process last saw the holder of the lock renew it, by
	// its own clock: the holder's may be wrong.
	Heard time.Time
	At    time.Time // of the last good look; zero: none yet
	// Partial says what of this view is older than At, and why: what lies beside
	// the alias and its lock must not hide them. Empty if all was read.
	Partial string
	Problem string    // why there is no newer one; empty if all is well
	Since   time.Time // when Problem began
}

// Known says that Elasticsearch was seen at all.
func (v View) Known() bool { return !v.At.IsZero() }

// recent is how many records a view holds.
const recent = 400

// Watcher looks at one index.
type Watcher struct {
	alias  string
	reader Reader
	now    func() time.Time
	shown  func(error) string // the text of an error that may be shown
	onView func(View)

	mu   sync.Mutex
	view View
	kick chan struct{}
}

// New returns a watcher; onView is called with each new view, from the
// goroutine of Watch. shown removes secrets from an error.
func New(alias string, reader Reader, shown func(error) string, onView func(View)) *Watcher {
	return &Watcher{
		alias: alias, reader: reader, now: time.Now, shown: shown, onView: onView,
		view: View{Alias: alias}, kick: make(chan struct{}, 1),
	}
}

// View is the last view.
func (w *Watcher) View() View {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.view
}

// Reader is what the watcher reads with.
func (w *Watcher) Reader() Reader { return w.reader }

// Soon asks for a look now.
func (w *Watcher) Soon() {
	select {
	case w.kick <- struct{}{}:
	default: // one is asked for already
	}
}

const (
	atWork = 2 * time.Second // between two looks while the lock is held
	atRest = 5 * time.Second
	// limit bounds one look: a cluster that hangs is a problem to show, not to wait for.
	limit = 15 * time.Second
)

// Watch looks until ctx ends.
func (w *Watcher) Watch(ctx context.Context) {
	for {
		w.Look(ctx)
		pause := atRest
		if v := w.View(); v.Status.Locked {
			pause = atWork
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-w.kick:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// Look looks once.
func (w *Watcher) Look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	seen, err := w.look(ctx)
	w.mu.Lock()
	if err != nil {
		if w.view.Problem == "" {
			w.view.Since = w.now()
		}
		w.view.Problem = w.shown(err)
	} else {
		seen.Heard = w.view.Heard
		if r, before := seen.Status.Record, w.view.Status.Record; !r.RenewedAt.Equal(before.RenewedAt) || r.Token != before.Token {
			seen.Heard = seen.At
		}
		w.view = seen
	}
	view := w.view
	w.mu.Unlock()
	w.onView(view)
}

// look reads everything. Without the status there is no view; the rest stays as
// it was seen before if it cannot be read.
func (w *Watcher) look(ctx context.Context) (View, error) {
	before := w.View()
	v := View{Alias: w.alias, Runs: before.Runs, Sizes: before.Sizes, Board: before.Board}
	runs, runsErr := w.reader.Runs(ctx, recent) // before the lease, see history.Judge
	var err error
	if v.Status, err = w.reader.Status(ctx); err != nil {
		return v, err
	}
	v.At = w.now()
	if runsErr == nil {
		for i := range runs {
			runs[i].Outcome = history.Judge(runs[i], v.Status.Record, v.At)
		}
		v.Runs = runs
	}
	v.Last = last(v.Runs)
	sizes, sizesErr := w.reader.Sizes(ctx)
	if sizesErr == nil {
		v.Sizes = sizes
	}
	notes, boardErr := w.reader.Board(ctx, v.At)
	if boardErr == nil {
		v.Board = notes
	}
	runErr := w.lookAtCurrent(ctx, &v)
	for what, err := range map[string]error{"the history": errors.Join(runsErr, runErr), "the sizes of the indices": sizesErr, "the notes of the servers": boardErr} {
		if err != nil {
			v.Partial = fmt.Sprintf("%s (%s)", what, w.shown(err)) // the most one can act on is one
		}
	}
	return v, nil
}

// lookAtCurrent reads the run that holds the lock, with its detail.
func (w *Watcher) lookAtCurrent(ctx context.Context, v *View) error {
	if !v.Status.Locked {
		return nil
	}
	run, found, err := w.reader.Run(ctx, v.Status.Record.Holder.RunID)
	if err != nil || !found {
		return err
	}
	run.Outcome = history.Judge(run, v.Status.Record, v.At)
	v.Current = &run
	return nil
}

// last is the newest of runs that ended and was not refused by the lock, which
// says nothing about the alias.
func last(runs []history.Record) *history.Record {
	for i := range runs {
		if !runs[i].IsRun() {
			continue
		}
		switch runs[i].Outcome {
		case history.Running, history.Waiting, "locked", "skipped":
		default:
			return &runs[i]
		}
	}
	return nil
}
