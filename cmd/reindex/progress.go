package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"example.com/reindex/pipeline"
)

// The values of --progress.
const (
	progressAuto  = "auto"
	progressBar   = "bar"
	progressPlain = "plain"
	progressNone  = "none"
)

// How often a plain line and a JSON line are written. A log of a nightly run
// is read by people, a stream of JSON by programs.
const (
	plainEvery = 5 * time.Second
	jsonEvery  = time.Second
)

// observer is a pipeline.Observer that can end what it draws.
type observer interface {
	pipeline.Observer
	close()
}

func (a *app) observer(alias, mode string) observer {
	if mode == progressAuto {
		mode = progressPlain
		if f, ok := a.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			mode = progressBar
		}
	}
	switch {
	case a.json:
		return &jsonObserver{app: a, alias: alias}
	case mode == progressBar:
		return &barObserver{out: a.err, alias: alias}
	case mode == progressPlain:
		return &plainObserver{out: a.err, alias: alias}
	}
	return noObserver{}
}

type noObserver struct{}

func (noObserver) Phase(pipeline.Phase, time.Time) {}
func (noObserver) Progress(pipeline.Progress)      {}
func (noObserver) close()                          {}

// jsonObserver writes phase and progress messages.
type jsonObserver struct {
	app   *app
	alias string
	last  time.Time
}

func (o *jsonObserver) Phase(p pipeline.Phase, at time.Time) {
	o.app.printJSON(message{
		"message_type": "phase", "phase": p, "alias": o.alias, "at": at.UTC().Format(time.RFC3339Nano),
	})
}

func (o *jsonObserver) Progress(p pipeline.Progress) {
	if time.Since(o.last) < jsonEvery {
		return
	}
	o.last = time.Now()
	m := message{
		"message_type": "progress", "alias": o.alias, "documents": p.Documents, "failed": p.Failed, "retried": p.Retried,
		"bytes": p.Bytes, "estimate": p.Estimate, "elapsed_ms": p.Elapsed.Milliseconds(),
		"docs_per_second": int64(perSecond(p.Documents, p.Elapsed)),
	}
	o.app.printJSON(m)
}

func (*jsonObserver) close() {}

// plainObserver writes a line per phase and one every few seconds.
type plainObserver struct {
	out   io.Writer
	alias string
	last  time.Time
}

func (o *plainObserver) Phase(p pipeline.Phase, at time.Time) {
	if p.Former() {
		return
	}
	fmt.Fprintf(o.out, "%s %s: %s\n", at.Format(time.TimeOnly), o.alias, p)
	o.last = at
}

func (o *plainObserver) Progress(p pipeline.Progress) {
	if time.Since(o.last) < plainEvery {
		return
	}
	o.last = time.Now()
	fmt.Fprintf(o.out, "%s %s: %s\n", o.last.Format(time.TimeOnly), o.alias, progressLine(p))
}

func (*plainObserver) close() {}

// progressLine is one state of the load in words:
//
//	214,000 of about 351,000 loaded, 61 %, 21,300/s, 18 MB/s, about 6 s left
func progressLine(p pipeline.Progress) string {
	s := humanize.Comma(p.Documents)
	if p.Estimate > 0 {
		s += " of about " + humanize.Comma(max(p.Estimate, p.Documents))
	}
	s += " loaded"
	rate := perSecond(p.Documents, p.Elapsed)
	if p.Estimate > 0 {
		s += fmt.Sprintf(", %d %%", min(99, 100*p.Documents/p.Estimate))
	}
	s += fmt.Sprintf(", %s/s, %s/s", humanize.Comma(int64(rate)), humanize.Bytes(uint64(perSecond(p.Bytes, p.Elapsed))))
	if left := p.Estimate - p.Documents; left > 0 && rate > 0 {
		s += fmt.Sprintf(", about %s left", (time.Duration(float64(left)/rate) * time.Second).Round(time.Second))
	}
	if p.Retried > 0 {
		s += fmt.Sprintf(", %s retried", humanize.Comma(p.Retried))
	}
	if p.Failed > 0 {
		s += fmt.Sprintf(", %s failed", humanize.Comma(p.Failed))
	}
	return s
}

func perSecond(n int64, elapsed time.Duration) float64 {
	if elapsed <= 0 {
		return 0
	}
	return float64(n) / elapsed.Seconds()
}

// barObserver draws a bar on a terminal and writes the phases above it.
type barObserver struct {
	out   io.Writer
	alias string
	bar   *progressbar.ProgressBar
	start time.Time
}

func (o *barObserver) Phase(p pipeline.Phase, at time.Time) {
	if p.Former() {
		return
	}
	if p == pipeline.PhaseLocked {
		o.start = at
	}
	o.clear()
	fmt.Fprintf(o.out, "  %-12s %6.1f s\n", p, at.Sub(o.start).Seconds())
}

func (o *barObserver) Progress(p pipeline.Progress) {
	if o.bar == nil {
		o.bar = progressbar.NewOptions64(max(p.Estimate, 1),
			progressbar.OptionSetWriter(o.out),
			progressbar.OptionSetWidth(24),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionThrottle(0),
		)
	}
	o.bar.ChangeMax64(max(p.Estimate, p.Documents, 1))
	o.bar.Describe(o.alias + " " + progressLine(p))
	_ = o.bar.Set64(p.Documents) // it draws, and has nothing to say
}

func (o *barObserver) clear() {
	if o.bar != nil {
		_ = o.bar.Clear()
		o.bar = nil
	}
}

func (o *barObserver) close() { o.clear() }
