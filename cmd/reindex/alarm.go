package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/reindex/esalias"
)

// alarmLimits are what `status` raises an alarm about; 0 is no limit.
type alarmLimits struct{ age, run time.Duration }

func (l *alarmLimits) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&l.age, "max-age", 0, "status 1 if the snapshot of the live index is older than this, such as 26h")
	cmd.Flags().DurationVar(&l.run, "max-run", 0, "status 1 if a run has held the lock for longer than this")
}

func (l *alarmLimits) validate() error {
	if l.age < 0 || l.run < 0 {
		return errors.New("--max-age and --max-run must not be negative")
	}
	return nil
}

// alarm is one limit that is passed.
type alarm struct {
	Alarm   string `json:"alarm"` // max_age or max_run
	Message string `json:"message"`
}

// check compares times of other machines with now. It never returns nil: an
// empty list is [] in JSON.
func (l *alarmLimits) check(s esalias.Status, now time.Time) []alarm {
	alarms := []alarm{}
	if l.age > 0 {
		if text := l.tooOld(s, now); text != "" {
			alarms = append(alarms, alarm{"max_age", text})
		}
	}
	if took := now.Sub(s.Record.Since); l.run > 0 && s.Locked && took > l.run {
		alarms = append(alarms, alarm{"max_run", fmt.Sprintf("run %s on %s has held the lock for %s, more than --max-run %s",
			s.Record.Holder.RunID, s.Record.Holder.Host, took.Round(time.Second), l.run)})
	}
	return alarms
}

func (l *alarmLimits) tooOld(s esalias.Status, now time.Time) string {
	if s.Live == "" {
		return "no index is live"
	}
	for _, g := range s.Generations {
		if g.Index != s.Live {
			continue
		}
		at, what := g.CreatedAt, "was created"
		if snapshot, err := time.Parse(time.RFC3339, g.Meta.SnapshotAt); err == nil {
			at, what = snapshot, "shows the source as of"
		}
		if age := now.Sub(at); age > l.age {
			return fmt.Sprintf("the live index %s %s %s, %s ago, more than --max-age %s",
				s.Live, what, at.UTC().Format(time.RFC3339), age.Round(time.Second), l.age)
		}
		return ""
	}
	return fmt.Sprintf("the live index %s is not a generation of this program, so its age is not known", s.Live)
}

// alarmError makes the program end with status 1.
type alarmError struct{ text string }

func (e *alarmError) Error() string { return e.text }

func (e *alarmError) Hint() string {
	return "`reindex history` shows what became of the runs; docs/operations.md, the index is stale, and the holder is stuck"
}

// alarm returns an error if there are alarms. With --json they have been told.
func (a *app) alarm(alias string, alarms []alarm) error {
	if len(alarms) == 0 {
		return nil
	}
	texts := make([]string, 0, len(alarms))
	for _, one := range alarms {
		texts = append(texts, one.Message)
	}
	err := &alarmError{alias + ": " + strings.Join(texts, "; ")}
	if a.json {
		return reportedError{err}
	}
	return err
}
