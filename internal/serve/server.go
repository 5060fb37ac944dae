package serve

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"example.com/reindex/internal/serve/auth"
	"example.com/reindex/internal/serve/board"
	"example.com/reindex/internal/serve/jobs"
	"example.com/reindex/internal/serve/schedule"
	"example.com/reindex/internal/serve/watch"
)

// Index is one index that the server shows.
type Index struct {
	Name   string // in the configuration, in URLs and on command lines
	Alias  string
	Reader watch.Reader
	Notes  Notes
	Plan   *schedule.Plan // nil: this server starts no runs of it by itself
	// Keep is how many previous generations stay; for the words on the page.
	Keep int
	// Ping asks whether the source answers.
	Ping func(ctx context.Context) error
}

// Notes is where this server leaves word; [*board.Store] is the real one.
type Notes interface {
	PutServer(ctx context.Context, s board.Server) error
	PutResult(ctx context.Context, r board.Result) error
	PutStop(ctx context.Context, s board.Stop) error
}

// Options are what a server is made of.
type Options struct {
	Indices []Index
	Runner  *jobs.Runner
	// Args are the arguments of the program for a command on an index, before
	// its own.
	Args func(command, index string) []string
	// Promote says that the program can make an unswapped build live (swap).
	Promote bool
	Gate    *auth.Gate
	Host    string // of this machine, as it is in the history
	Listen  string
	// Version is the program's.
	Version string
	// Shown is the text of an error, without secrets.
	Shown func(error) string
	Log   *slog.Logger
	// MaxStreams is how many event streams are open at most. Defaults to 1000.
	MaxStreams int
	// StreamTime is how long a client may take for one event. Defaults to 10 s.
	StreamTime time.Duration
}

// Server is one `reindex serve`.
type Server struct {
	Options

	order     []*served
	byName    map[string]*served
	hub       *hub
	scheduler *schedule.Scheduler // nil: no schedule
	started   time.Time
	metrics   http.Handler
	pages     pages
}

// served is one index and what this server knows of it.
type served struct {
	Index

	watcher *watch.Watcher

	mu     sync.Mutex
	source sourceState
	asked  map[string]bool // runs that a stop was passed on to
}

// sourceState is how the database was found last.
type sourceState struct {
	At      time.Time // of the last answer; zero: none yet
	Problem string
	Since   time.Time
}

// New returns a server that has not looked yet.
func New(o Options) (*Server, error) {
	if o.MaxStreams == 0 {
		o.MaxStreams = 1000
	}
	if o.StreamTime == 0 {
		o.StreamTime = 10 * time.Second
	}
	s := &Server{Options: o, byName: map[string]*served{}, started: time.Now()}
	var err error
	if s.pages, err = parsePages(); err != nil {
		return nil, err
	}
	s.hub = newHub(s.fragments)
	var plans []schedule.Plan
	for _, index := range o.Indices {
		x := &served{Index: index, asked: map[string]bool{}}
		x.watcher = watch.New(index.Alias, index.Reader, o.Shown, func(v watch.View) { s.seen(x, v) })
		s.order = append(s.order, x)
		s.byName[index.Name] = x
		if index.Plan != nil {
			plans = append(plans, *index.Plan)
		}
	}
	if len(plans) > 0 {
		s.scheduler = &schedule.Scheduler{Plans: plans, Run: s.runScheduled, Age: s.age}
	}
	o.Runner.Changed = func(string) { s.hub.changed() }
	o.Runner.Ended = s.jobEnded
	s.metrics = s.newMetrics()
	return s, nil
}

// Run looks, keeps the schedule and leaves word of this server until ctx ends;
// a scheduled run that is under way then is waited for by the runner.
func (s *Server) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, x := range s.order {
		all.Go(func() { x.watcher.Watch(ctx) })
		all.Go(func() { s.keepPinging(ctx, x) })
	}
	if s.scheduler != nil {
		all.Go(func() { s.scheduler.Keep(ctx) })
	}
	all.Go(func() { s.keepNotes(ctx) })
	all.Go(func() { s.hub.run(ctx) })
	all.Wait()
}

// seen is called with each new view.
func (s *Server) seen(x *served, v watch.View) {
	s.passStopOn(x, v)
	s.hub.changed()
}

const (
	noteEvery = 10 * time.Second
	pingEvery = 20 * time.Second
	pingLimit = 5 * time.Second
)

// keepNotes leaves word that this server is up, and that it has ended.
func (s *Server) keepNotes(ctx context.Context) {
	ticker := time.NewTicker(noteEvery)
	defer ticker.Stop()
	for {
		s.leaveWord(ctx, time.Time{})
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			s.leaveWord(ctx, time.Now().UTC())
			return
		case <-ticker.C:
		}
	}
}

func (s *Server) leaveWord(ctx context.Context, stopped time.Time) {
	ctx, cancel := context.WithTimeout(ctx, noteEvery)
	defer cancel()
	for _, x := range s.order {
		if x.Notes == nil {
			continue
		}
		if err := x.Notes.PutServer(ctx, s.self(x, stopped)); err != nil && ctx.Err() == nil {
			s.Log.DebugContext(ctx, "no word left for the other servers", slog.String("alias", x.Alias), slog.String("error", s.Shown(err)))
		}
	}
}

// self is what this server says of itself.
func (s *Server) self(x *served, stopped time.Time) board.Server {
	b := board.Server{
		Host: s.Host, Listen: s.Listen, PID: pid(), Version: s.Version, Started: s.started.UTC(), Seen: time.Now().UTC(),
		Every: noteEvery.Milliseconds(), Stopped: stopped,
	}
	if x.Plan != nil && stopped.IsZero() {
		b.Cron, b.Zone = x.Plan.Cron.Expression, x.Plan.Cron.Zone.String()
		b.Next = x.Plan.Cron.Times(time.Now(), 3)
	}
	return b
}

func (s *Server) keepPinging(ctx context.Context, x *served) {
	if x.Ping == nil {
		return
	}
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		s.ping(ctx, x)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Server) ping(ctx context.Context, x *served) {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	err := x.Ping(ctx)
	now := time.Now()
	x.mu.Lock()
	defer x.mu.Unlock()
	if err == nil {
		x.source = sourceState{At: now}
		return
	}
	if x.source.Problem == "" {
		x.source.Since = now
	}
	x.source.Problem = s.Shown(err)
}

func (x *served) sourceNow() sourceState {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.source
}

// age is how old the live index is.
func (s *Server) age(index string) (time.Duration, bool) {
	v := s.byName[index].watcher.View()
	if !v.Known() || v.Problem != "" {
		return 0, false
	}
	for _, g := range v.Status.Generations {
		if g.Index == v.Status.Live {
			return time.Since(g.CreatedAt), true
		}
	}
	return 1 << 62, true
}

// runScheduled starts a run and waits for its end.
func (s *Server) runScheduled(ctx context.Context, start schedule.Start) {
	args := append(s.Args("run", start.Index), "--trigger="+start.Trigger)
	if start.IfOlderThan > 0 {
		args = append(args, "--if-older-than="+start.IfOlderThan.String())
	}
	job, err := s.Runner.Start(jobs.Command{Index: start.Index, Name: "run", Args: args, By: "schedule"})
	if err != nil {
		s.Log.WarnContext(ctx, "scheduled run not started", slog.String("index", start.Index), slog.Any("error", err))
		return
	}
	s.byName[start.Index].watcher.Soon()
	s.Runner.Wait(ctx, job.ID)
}

// jobEnded keeps what verify and check found where all servers see it.
func (s *Server) jobEnded(j jobs.Job) {
	x := s.byName[j.Index]
	x.watcher.Soon()
	if (j.Name != "verify" && j.Name != "check") || x.Notes == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), noteEvery)
	defer cancel()
	const most = 100
	r := board.Result{Command: j.Name, Host: s.Host, By: j.By, At: j.Ended.UTC(), Exit: j.Exit, Summary: j.Summary, Lines: j.Lines}
	r.Lines = r.Lines[max(0, len(r.Lines)-most):]
	if err := x.Notes.PutResult(ctx, r); err != nil {
		s.Log.WarnContext(ctx, "result not kept", slog.String("index", j.Index), slog.String("error", s.Shown(err)))
	}
}
