package serve

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/history"
	"example.com/reindex/internal/serve/board"
	"example.com/reindex/internal/serve/chart"
	"example.com/reindex/internal/serve/jobs"
	"example.com/reindex/internal/serve/watch"
)

// Levels of a verdict. They are words in the page too: colour alone tells
// nothing to those who do not see it.
const (
	levelOK   = "ok"
	levelBusy = "busy"
	levelWarn = "warning"
	levelBad  = "problem"
)

// verdict is one sentence for the person on call.
type verdict struct {
	Level string `json:"level"`
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"` // what to do; may be empty
}

// indexView is what is shown of one index.
type indexView struct {
	watch.View

	Name       string
	Verdicts   []verdict // the worst first; at least one
	Live       *generation
	Lock       lockView
	Timeline   []step
	TimelineOf string // the run
	Throughput template.HTML
	Durations  template.HTML
	Documents  template.HTML
	Generation []generation
	Servers    []serverView
	Results    []board.Result
	Jobs       []jobs.Job
	Source     sourceState
	Now        time.Time
	Here       string // host
}

type generation struct {
	esalias.Generation

	Bytes int64
	Keeps bool // can be rolled back to
}

// lockView is the lock and how far its holder is.
type lockView struct {
	Held      bool
	Record    esalias.Record
	Percent   int
	Rate      float64
	Left      time.Duration
	Heard     time.Time
	Dead      bool // nothing was heard of the holder for more than its lease
	Here      bool // its process is on this machine
	Loading   bool
	StopAsked *board.Stop
}

// step is a phase with how long it took.
type step struct {
	Name   string        `json:"phase"`
	After  time.Duration `json:"-"`
	Took   time.Duration `json:"-"`
	Share  int           `json:"-"` // of the whole, in percent
	Active bool          `json:"active"`
}

type serverView struct {
	board.Server

	Silent bool `json:"silent"`
	Self   bool `json:"self"`
}

// overviewView is the first page.
type overviewView struct {
	Indices []indexView
	Now     time.Time
}

func (s *Server) overview() overviewView {
	v := overviewView{Now: time.Now()}
	for _, x := range s.order {
		v.Indices = append(v.Indices, s.indexView(x))
	}
	return v
}

func (s *Server) indexView(x *served) indexView {
	now := time.Now()
	v := indexView{
		View: x.watcher.View(), Name: x.Name, Jobs: s.Runner.Jobs(x.Name), Source: x.sourceNow(), Now: now, Here: s.Host,
	}
	for _, g := range v.Status.Generations {
		shown := generation{Generation: g, Bytes: v.Sizes[g.Index], Keeps: g.State == esalias.StatePrevious}
		v.Generation = append(v.Generation, shown)
		if g.Index == v.Status.Live {
			v.Live = &shown
		}
	}
	v.Lock = s.lockView(v.View, now)
	of := v.Current
	if of == nil {
		of = v.Last
	}
	if of != nil {
		v.Timeline, v.TimelineOf = timeline(*of, now), of.RunID
	}
	if v.Current != nil && v.Current.Detail != nil {
		v.Throughput = throughput(v.Current.Detail.Samples)
	}
	v.Durations, v.Documents = nights(v.Runs)
	v.Servers = s.serverViews(v.Board.Servers, now)
	for _, command := range slices.Sorted(maps.Keys(v.Board.Results)) {
		v.Results = append(v.Results, v.Board.Results[command])
	}
	v.Verdicts = s.verdicts(v, now)
	return v
}

func (s *Server) serverViews(servers []board.Server, now time.Time) []serverView {
	var views []serverView
	for _, b := range servers {
		if !b.Stopped.IsZero() && now.Sub(b.Stopped) > time.Hour {
			continue
		}
		self := b.Host == s.Host && b.Listen == s.Listen
		views = append(views, serverView{Server: b, Silent: !self && b.Silent(now), Self: self})
	}
	return views
}

func (s *Server) lockView(v watch.View, now time.Time) lockView {
	r := v.Status.Record
	l := lockView{Held: v.Status.Locked, Record: r, Heard: v.Heard, Here: r.Holder.Host == s.Host}
	if !l.Held {
		return l
	}
	// Only what was seen counts: while Elasticsearch is away nothing is.
	l.Dead = v.Problem == "" && now.Sub(v.Heard) > time.Duration(r.LeaseMS)*time.Millisecond
	if r.Total > 0 {
		l.Percent = int(min(99, 100*r.Documents/r.Total))
	}
	if v.Current != nil {
		l.Loading = v.Current.Phase == "created" || v.Current.Phase == "loading"
		if l.Loading {
			l.Rate, l.Left = v.Current.Rate()
		}
	}
	for _, stop := range v.Board.Stops {
		if stop.RunID == r.Holder.RunID {
			l.StopAsked = &stop
		}
	}
	return l
}

// verdicts are what a person on call has to know, the worst first.
func (s *Server) verdicts(v indexView, now time.Time) []verdict {
	var all []verdict
	add := func(level, hint, format string, args ...any) {
		all = append(all, verdict{Level: level, Hint: hint, Text: fmt.Sprintf(format, args...)})
	}
	s.verdictServers(v, now, add)
	if v.Known() {
		verdictIndex(v, add)
	}
	if len(all) == 0 {
		all = []verdict{{Level: levelOK, Text: "All is well: " + number(v.Live.Documents) + " documents are live."}}
	}
	rank := []string{levelBad, levelWarn, levelBusy, levelOK}
	slices.SortStableFunc(all, func(a, b verdict) int {
		return cmp.Compare(slices.Index(rank, a.Level), slices.Index(rank, b.Level))
	})
	return all
}

// verdictServers judges what is away.
func (s *Server) verdictServers(v indexView, now time.Time, add func(level, hint, format string, args ...any)) {
	switch {
	case !v.Known() && v.Problem == "":
		add(levelWarn, "", "Elasticsearch was not asked yet.")
	case !v.Known():
		add(levelBad, "Nothing is known until it answers.", "Elasticsearch does not answer since %s: %s", clock(v.Since), v.Problem)
	case v.Problem != "":
		add(levelBad, "What readers see is not changed by this. What is shown below was true then.",
			"Elasticsearch does not answer since %s: %s. Shown is what was known at %s.", clock(v.Since), v.Problem, clock(v.At))
	case now.Sub(v.At) > time.Minute:
		add(levelBad, "", "Nothing was heard from Elasticsearch for %s. Shown is what was known at %s.", duration(now.Sub(v.At)), clock(v.At))
	}
	if v.Partial != "" {
		add(levelWarn, "What is shown of it is older than the rest.", "Not everything could be read: %s.", v.Partial)
	}
	if v.Source.Problem != "" {
		add(levelBad, "A run would fail and change nothing; readers are not affected.",
			"PostgreSQL does not answer this server since %s: %s", clock(v.Source.Since), v.Source.Problem)
	}
	for _, server := range v.Servers {
		if server.Silent {
			add(levelWarn, "If a run of it holds the lock, the next run takes over by itself.",
				"The server %s was last heard %s ago and did not say that it stops: it was killed, or has no connection.", server.Host, duration(now.Sub(server.Seen)))
		}
	}
}

func verdictIndex(v indexView, add func(level, hint, format string, args ...any)) {
	st, r := v.Status, v.Status.Record
	if st.Shape != nil {
		add(levelBad, st.Shape.Hint(), "%s", st.Shape.Error())
	}
	if v.Live == nil && st.Shape == nil {
		add(levelWarn, "Run now builds the first index.", "Nothing is live yet.")
	}
	switch {
	case v.Lock.Dead:
		add(levelBad, "It was killed, most likely. Readers still see "+st.Live+". Run now takes the lock over by itself; there is nothing to unlock.",
			"Run %s on %s has not renewed its lock for %s, and its lease is %s.", r.Holder.RunID, r.Holder.Host,
			duration(v.Now.Sub(v.Heard)), duration(time.Duration(r.LeaseMS)*time.Millisecond))
	case v.Lock.Held:
		text := fmt.Sprintf("A run on %s is at work", r.Holder.Host)
		if r.Phase != "" {
			text += ", phase " + r.Phase
		}
		if r.Total > 0 {
			text += fmt.Sprintf(", %d %%", v.Lock.Percent)
		}
		add(levelBusy, "", "%s.", text)
	}
	if v.Last == nil || v.Lock.Held && !v.Lock.Dead {
		return
	}
	switch v.Last.Outcome {
	case "swapped", "built":
		if v.Last.CatchUpError != "" {
			add(levelWarn, "Verify says what is different; repair cures it.", "The last run swapped, and catching up afterwards failed: %s", v.Last.CatchUpError)
		}
	case history.Died:
		add(levelWarn, "Readers see what they saw before. Run now is safe.", "The last run, on %s, ended without a word.", v.Last.Host)
	case "unknown":
		add(levelBad, "The alias is on one complete index, shown below. Run now settles it.", "The outcome of the last swap could not be learnt.")
	default:
		add(levelWarn, "Readers see what they saw before.", "The last run, on %s, ended with %s: %s", v.Last.Host, v.Last.Outcome, firstLine(v.Last.Error))
	}
}

// timeline is the phases of a run in the order in which it reached them.
func timeline(r history.Record, now time.Time) []step {
	var steps []step
	if r.Detail != nil {
		for _, e := range r.Detail.Events {
			if e.Kind == history.EventPhase {
				steps = append(steps, step{Name: e.Text, After: e.At.Sub(r.Started)})
			}
		}
	}
	if len(steps) == 0 {
		for name, ms := range r.PhaseAfterMS {
			steps = append(steps, step{Name: name, After: time.Duration(ms) * time.Millisecond})
		}
		slices.SortFunc(steps, func(a, b step) int { return cmp.Or(cmp.Compare(a.After, b.After), cmp.Compare(a.Name, b.Name)) })
	}
	if r.Outcome == history.Running && len(steps) > 0 {
		steps = append(steps, step{Name: "now", After: max(now.Sub(r.Started), steps[len(steps)-1].After), Active: true})
	}
	var before time.Duration
	whole := max(time.Millisecond, last(steps).After)
	for i := range steps {
		steps[i].Took = max(0, steps[i].After-before)
		steps[i].Share = int(100 * steps[i].Took / whole)
		before = steps[i].After
	}
	return steps
}

func last[T any](list []T) (zero T) {
	if len(list) == 0 {
		return zero
	}
	return list[len(list)-1]
}

// throughput draws documents a second while a run loads.
func throughput(samples []history.Sample) template.HTML {
	var points []chart.Point
	for i := 1; i < len(samples); i++ {
		a, b := samples[i-1], samples[i]
		if b.AfterMS > a.AfterMS {
			rate := float64(b.Documents-a.Documents) * 1000 / float64(b.AfterMS-a.AfterMS)
			points = append(points, chart.Point{X: float64(b.AfterMS) / 1000, Y: rate, Label: duration(time.Duration(b.AfterMS) * time.Millisecond)})
		}
	}
	return chart.Line("Documents a second", points, func(y float64) string { return number(int64(y)) + "/s" })
}

// nights draws how long the runs that swapped took, and how many documents they
// had, oldest first.
func nights(runs []history.Record) (durations, documents template.HTML) {
	const most = 60
	var took, counts []chart.Point
	for _, r := range runs {
		if r.IsRun() && r.Outcome == "swapped" && len(took) < most {
			label := r.Started.UTC().Format(time.DateOnly)
			took = append(took, chart.Point{Y: float64(r.DurationMS) / 1000, Label: label})
			counts = append(counts, chart.Point{Y: float64(r.Documents), Label: label})
		}
	}
	slices.Reverse(took)
	slices.Reverse(counts)
	return chart.Bars("Duration of the runs that swapped", took, func(y float64) string { return duration(time.Duration(y * float64(time.Second))) }),
		chart.Bars("Documents of the runs that swapped", counts, func(y float64) string { return number(int64(y)) })
}
