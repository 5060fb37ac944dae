package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/bulk"
	"example.com/reindex/internal/config"
	"example.com/reindex/internal/history"
	"example.com/reindex/internal/metrics"
	"example.com/reindex/pipeline"
)

const (
	// lastWords bounds what is done after a run: its record, notice and metrics
	// are sent at the same time, and the process ends at the latest then.
	lastWords = 15 * time.Second
	// lastWordsInterrupted is what is left of the 10 s between the two signals
	// of docker stop when the run has tidied up.
	lastWordsInterrupted = 2 * time.Second
)

// beside is what happens beside a run and never decides about it: its record,
// notices and metrics. Whatever goes wrong there is a warning.
type beside struct {
	config   *config.Config
	who      esalias.Holder
	log      *slog.Logger
	recorder *history.Recorder // nil if there can be none
	notices  *notices          // nil if nobody wants any
}

func (a *app) beside(ctx context.Context, c *config.Config, reach clients, who esalias.Holder) *beside {
	b := &beside{config: c, who: who, log: a.logger()}
	// What is wrong with the settings is the run's to say.
	if transport, err := reach.history(); err == nil {
		b.recorder = history.Begin(ctx, history.New(transport, c.Alias), who, b.log)
		a.note = b.note // from here on, what is logged is in the history too
	}
	b.notices = newNotices(c, who, b.log)
	return b
}

// Phase is told on.
func (b *beside) Phase(p pipeline.Phase, at time.Time) {
	if b.recorder != nil {
		b.recorder.Phase(p, at)
	}
	if b.notices != nil && p == pipeline.PhaseLocked {
		b.notices.started()
	}
}

// Progress is told on.
func (b *beside) Progress(p pipeline.Progress) {
	if b.recorder != nil {
		b.recorder.Progress(p)
	}
}

// note keeps a line of the log with the history, where every server sees it.
func (b *beside) note(kind, text string) { b.recorder.Note(kind, scrub(b.config, text)) }

// reject keeps a rejected document with the history. Its reason has no content.
func (b *beside) reject(f bulk.Failure) {
	if b.recorder != nil {
		b.recorder.Reject(history.Rejected{ID: f.ID, Status: f.Status, Type: f.Type, Reason: scrub(b.config, f.Reason)})
	}
}

// end tells everybody how the run ended, and waits for it, within limits.
func (b *beside) end(ctx context.Context, report pipeline.Report, err error) {
	report.CatchUpError, report.RetireError = scrub(b.config, report.CatchUpError), scrub(b.config, report.RetireError)
	limit := lastWords
	if _, ok := errors.AsType[*pipeline.InterruptError](err); ok {
		limit = lastWordsInterrupted
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	var group sync.WaitGroup
	defer group.Wait()
	if b.recorder != nil {
		group.Go(func() { b.recorder.End(ctx, b.ending(report, err)) })
	}
	if b.notices != nil {
		group.Go(func() { b.notices.ended(ctx, report, err) })
	}
	group.Go(func() { b.measure(ctx, report) })
}

func (b *beside) ending(report pipeline.Report, err error) history.Ending {
	e := history.Ending{Report: report, Keep: b.config.History.Keep, Failure: b.failure(err)}
	if held, ok := errors.AsType[*esalias.HeldError](err); ok {
		e.HeldBy = &held.Record.Holder
	}
	return e
}

func (b *beside) failure(err error) string {
	if err == nil {
		return ""
	}
	return scrub(b.config, err.Error())
}

func (b *beside) measure(ctx context.Context, report pipeline.Report) {
	m := b.config.Metrics
	run := metrics.Run{Report: report, Host: b.who.Host, Ended: time.Now()}
	if m.TextFile != "" {
		b.warn(ctx, metrics.WriteFile(m.TextFile, run))
	}
	if m.PushURL != "" {
		b.warn(ctx, metrics.Push(ctx, metrics.Gateway{URL: m.PushURL.Reveal(), Job: m.Job}, run))
	}
}

func (b *beside) warn(ctx context.Context, err error) {
	if err != nil {
		b.log.WarnContext(ctx, "metrics not complete; the run is not affected",
			slog.String("alias", b.config.Alias), slog.Any("error", err))
	}
}

// observers tells several.
type observers []pipeline.Observer

func (all observers) Phase(p pipeline.Phase, at time.Time) {
	for _, o := range all {
		o.Phase(p, at)
	}
}

func (all observers) Progress(p pipeline.Progress) {
	for _, o := range all {
		o.Progress(p)
	}
}
