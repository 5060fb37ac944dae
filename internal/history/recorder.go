package history

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/pipeline"
)

const (
	// writeEvery is how old the progress in a record may be.
	writeEvery = 5 * time.Second
	// writeTimeout bounds one write while the run goes on.
	writeTimeout = 10 * time.Second
)

// Recorder keeps the record of one run up to date from a goroutine of its own.
// It is a [pipeline.Observer]; its methods never wait for Elasticsearch, but
// for [Recorder.End].
type Recorder struct {
	store *Store
	log   *slog.Logger

	mu     sync.Mutex // never held around a request
	record Record
	detail Detail // goes into the record when that is written
	dirty  bool

	kick   chan struct{} // asks for a write now; one pending is enough
	cancel context.CancelFunc
	done   chan struct{}

	// Of the goroutine, and of End once that has ended.
	version int64
	warned  bool
}

var _ pipeline.Observer = (*Recorder)(nil)

// Begin starts to record a run of alias by who. It must be ended by
// [Recorder.End]; ctx does not end it.
func Begin(ctx context.Context, store *Store, who esalias.Holder, log *slog.Logger) *Recorder {
	return BeginAct(ctx, store, who, CommandRun, log)
}

// BeginAct is Begin for a command of the program that need not be a run.
func BeginAct(ctx context.Context, store *Store, who esalias.Holder, command string, log *slog.Logger) *Recorder {
	r := &Recorder{
		store: store, log: log, record: start(store.alias, who, command, time.Now()), dirty: true,
		kick: make(chan struct{}, 1), done: make(chan struct{}),
	}
	// An interrupted run is still tidying up, and that is worth recording.
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() { // ends with cancel; End waits for it
		defer close(r.done)
		r.keep(ctx)
	}()
	return r
}

// Phase records that a phase is reached, soon.
func (r *Recorder) Phase(p pipeline.Phase, at time.Time) {
	r.mu.Lock()
	r.record.Phase, r.dirty = p, true
	r.detail.note(Event{At: at.UTC(), Kind: EventPhase, Text: string(p)})
	r.mu.Unlock()
	select {
	case r.kick <- struct{}{}:
	default: // a write is asked for already
	}
}

// Progress is recorded with the next write, within seconds.
func (r *Recorder) Progress(p pipeline.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.record.progress(p)
	r.detail.sample(p)
	r.dirty = true
}

// Note adds an event, to be written with the next progress. The text must hold
// no secret and no document content; all but its first 500 bytes are dropped.
func (r *Recorder) Note(kind, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.detail.note(Event{At: time.Now().UTC(), Kind: kind, Text: text})
	r.dirty = true
}

// Reject adds a rejected document, if it is one of the first 200.
func (r *Recorder) Reject(rejected Rejected) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.detail.reject(rejected)
	r.dirty = true
}

func (r *Recorder) keep(ctx context.Context) {
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	for {
		if record, ok := r.take(); ok {
			r.write(ctx, record)
		}
		select {
		case <-ctx.Done():
			return
		case <-r.kick:
		case <-ticker.C:
			r.touch()
		}
	}
}

// touch asks for a write although nothing has changed: a record that is updated
// is a sign of life while a long step has nothing to tell.
func (r *Recorder) touch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dirty = true
}

// take returns what is to be written, if anything is.
func (r *Recorder) take() (Record, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ok := r.dirty
	r.dirty = false
	record := r.record
	record.Detail = r.detail.clone()
	return record, ok
}

func (r *Recorder) write(ctx context.Context, record Record) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := r.put(ctx, record, false)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) { // else End has come
		r.warn(ctx, err)
	}
}

func (r *Recorder) put(ctx context.Context, record Record, visible bool) error {
	r.version++
	record.Updated = time.Now().UTC()
	if record.Ended == nil {
		record.DurationMS = record.Updated.Sub(record.Started).Milliseconds()
	}
	return r.store.Put(ctx, record, r.version, visible)
}

// warn tells the first thing that went wrong, and the log's debug level the
// rest: the history is out of order then, and the run is not.
func (r *Recorder) warn(ctx context.Context, err error) {
	level := slog.LevelWarn
	if r.warned {
		level = slog.LevelDebug
	}
	r.warned = true
	r.log.LogAttrs(ctx, level, "history not complete; the run is not affected",
		slog.String("alias", r.store.alias), slog.Any("error", err))
}

// Ending is what only the caller of a run knows about its end.
type Ending struct {
	Report  pipeline.Report
	Failure string          // the error of the run, without secrets; empty if there was none
	HeldBy  *esalias.Holder // who held the lock, if that is why
	CutOff  *esalias.Holder // who held the lock until an unlock
	Keep    int             // newest records to keep; the others are deleted
}

// End writes the last state of the record and deletes what is too old, all
// within ctx. It is to be called once, when the run has ended.
func (r *Recorder) End(ctx context.Context, e Ending) {
	r.cancel()
	<-r.done
	record, _ := r.take()
	record.end(e)
	record.Detail.end(e)
	if err := r.put(ctx, record, true); err != nil {
		r.warn(ctx, err)
		return
	}
	if deleted, err := r.store.Trim(ctx, e.Keep); err != nil {
		r.warn(ctx, err)
	} else if deleted > 0 {
		r.log.DebugContext(ctx, "old records of the history deleted", slog.Int("records", deleted))
	}
}
