package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"example.com/reindex/internal/history"
)

// noting passes each line of a log on, and keeps it with the history of the
// run: information and warnings also where the log itself shows warnings only,
// because a page has room for them and a cron mail has not.
type noting struct {
	slog.Handler

	note  func(kind, text string)
	attrs []slog.Attr
}

// Enabled is true for what the history or the log wants.
func (n noting) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || n.Handler.Enabled(ctx, level)
}

// Handle notes and logs.
func (n noting) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		var text strings.Builder
		text.WriteString(r.Message)
		write := func(a slog.Attr) bool {
			text.WriteString(" " + a.Key + "=" + a.Value.String())
			return true
		}
		for _, a := range n.attrs {
			write(a)
		}
		r.Attrs(write)
		n.note(eventKind(r.Level), text.String())
	}
	if !n.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return n.Handler.Handle(ctx, r)
}

func eventKind(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return history.EventError
	case level >= slog.LevelWarn:
		return history.EventWarning
	}
	return history.EventLog
}

// WithAttrs keeps the attributes for the text too.
func (n noting) WithAttrs(attrs []slog.Attr) slog.Handler {
	n.Handler = n.Handler.WithAttrs(attrs)
	n.attrs = append(slices.Clip(n.attrs), attrs...)
	return n
}
