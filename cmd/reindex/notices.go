package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/config"
	"example.com/reindex/internal/notify"
	"example.com/reindex/pipeline"
)

// notices are what a webhook is told about one run.
type notices struct {
	config *config.Config
	who    esalias.Holder
	log    *slog.Logger
	hook   *notify.Webhook
	first  chan struct{} // closed when the notice of the start is done; nil if there is none
}

// newNotices returns nil if there is nobody to tell.
func newNotices(c *config.Config, who esalias.Holder, log *slog.Logger) *notices {
	if c.Notify.Webhook == "" {
		return nil
	}
	hook, err := notify.New(c.Notify.Webhook.Reveal(), notify.Format(c.Notify.Format), c.Notify.On)
	if err != nil { // the configuration has been checked
		log.Warn("nobody is told about this run", slog.Any("error", err))
		return nil
	}
	return &notices{config: c, who: who, log: log, hook: hook}
}

// started tells that the run has got the lock, without waiting for it.
func (n *notices) started() {
	if !n.hook.Wants(notify.Started) {
		return
	}
	n.first = make(chan struct{})
	go func() { // ends by itself; ended waits for it
		defer close(n.first)
		ctx, cancel := context.WithTimeout(context.Background(), lastWords)
		defer cancel()
		n.send(ctx, notify.Notice{
			Event: notify.Started, Title: n.config.Alias + ": started on " + n.who.Host, Facts: n.facts(),
			Details: message{"alias": n.config.Alias, "host": n.who.Host, "run_id": n.who.RunID, "trigger": n.who.Trigger},
		})
	}()
}

// ended tells how the run ended, after the notice of its start.
func (n *notices) ended(ctx context.Context, report pipeline.Report, err error) {
	if n.first != nil {
		select {
		case <-n.first:
		case <-ctx.Done():
			return // the webhook does not answer
		}
	}
	if n.hook.Wants(string(report.Outcome)) {
		n.send(ctx, n.outcome(report, err))
	}
}

func (n *notices) outcome(report pipeline.Report, err error) notify.Notice {
	details := summary(report, err)
	delete(details, "message_type")
	details["host"], details["exit_code"] = n.who.Host, exitCode(err)
	notice := notify.Notice{Event: string(report.Outcome), Title: sentence(report), Details: details}
	if err != nil {
		notice.Reason, notice.Hint = scrub(n.config, err.Error()), hint(err)
		details["error"] = notice.Reason
	}
	notice.Facts = append(n.facts(), notify.Fact{Name: "took", Value: report.Duration.Round(time.Second).String()})
	if report.Read > 0 {
		notice.Facts = append(notice.Facts, notify.Fact{Name: "documents", Value: counts(report)})
	}
	if report.CatchUpError != "" {
		notice.Facts = append(notice.Facts, notify.Fact{Name: "catch-up after the swap failed", Value: report.CatchUpError})
	}
	return notice
}

func counts(r pipeline.Report) string {
	parts := []string{
		humanize.Comma(r.Read) + " read", humanize.Comma(r.Acknowledged) + " acknowledged", humanize.Comma(r.Failed) + " failed",
	}
	if r.PassFailed > 0 {
		parts = append(parts, humanize.Comma(r.PassFailed)+" rejected in passes")
	}
	if r.Retried > 0 {
		parts = append(parts, humanize.Comma(r.Retried)+" retried")
	}
	return strings.Join(parts, ", ")
}

func (n *notices) facts() []notify.Fact {
	return []notify.Fact{{Name: "host", Value: n.who.Host}, {Name: "run", Value: n.who.RunID + " (" + n.who.Trigger + ")"}}
}

func (n *notices) send(ctx context.Context, notice notify.Notice) {
	if err := n.hook.Send(ctx, notice); err != nil {
		n.log.WarnContext(ctx, "notice not sent; the run is not affected",
			slog.String("alias", n.config.Alias), slog.Any("error", err))
	}
}
