package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"example.com/reindex/pipeline"
)

// untilSignal ends the context at the first SIGINT or SIGTERM, with a cause
// that names it. A second one kills the process at once, as if nobody listened:
// what is left behind then is tidied up by the next run.
func untilSignal(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() { // ends with ctx
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(&pipeline.InterruptError{Signal: signalName(s)})
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

func signalName(s os.Signal) string {
	if s == syscall.SIGINT {
		return "SIGINT"
	}
	return "SIGTERM"
}
