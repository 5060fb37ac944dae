package main

import (
	"context"
	"errors"
	"time"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/config"
	"example.com/reindex/internal/history"
	"example.com/reindex/pipeline"
)

// recorded does what command is for, and leaves one record of it in the history:
// who did it, on which host, when, and what came of it. A run has more to record, see
// the type beside. What goes wrong with the record is a warning.
func (a *app) recorded(ctx context.Context, c *config.Config, who esalias.Holder, command string,
	do func(pipeline.Observer) (history.Ending, error),
) error {
	store, err := historyStore(c)
	if err != nil {
		_, err := do(noObserver{}) // has the same settings, and says what is wrong with them
		return err
	}
	recorder := history.BeginAct(ctx, store, who, command, a.logger())
	started := time.Now()
	ending, err := do(recorder)
	ending.Report.Duration, ending.Keep = time.Since(started), c.History.Keep
	if err != nil {
		if ending.Report.Outcome == "" {
			ending.Report.Outcome = pipeline.OutcomeOf(err)
		}
		ending.Failure = scrub(c, err.Error())
		if held, ok := errors.AsType[*esalias.HeldError](err); ok {
			ending.HeldBy = &held.Record.Holder
		}
	}
	limit := lastWords
	if _, ok := errors.AsType[*pipeline.InterruptError](err); ok {
		limit = lastWordsInterrupted
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	recorder.End(ctx, ending)
	return err
}
