package history

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/pipeline"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// eventually waits for a condition that is a matter of scheduling.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func get(t *testing.T, s *Store, runID string) Record {
	t.Helper()
	var r Record
	eventually(t, "an answer", func() (ok bool) { // the shard of a new index takes a moment
		var err error
		r, _, err = s.Get(t.Context(), runID)
		return err == nil
	})
	return r
}

func TestRecorderFollowsARun(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	r := Begin(t.Context(), s, who("runaaaaa"), discard())
	eventually(t, "a first record", func() bool { return get(t, s, "runaaaaa").Outcome == Running })
	r.Progress(pipeline.Progress{
		Token: 7, Index: "persons-000007", Documents: 12, Failed: 2, Retried: 1, Bytes: 99, Estimate: 34, Elapsed: time.Second,
	})
	r.Phase(pipeline.PhaseLoaded, time.Now())
	eventually(t, "a record of the phase", func() bool { return get(t, s, "runaaaaa").Phase == pipeline.PhaseLoaded })
	got := get(t, s, "runaaaaa")
	if got.Acknowledged != 10 || got.Failed != 2 || got.Estimate != 34 || got.Token != 7 || got.Index != "persons-000007" {
		t.Errorf("got %+v", got)
	}
	r.Note(EventWarning, "the disk is nearly full")
	r.Reject(Rejected{ID: "17", Status: 400, Type: "document_parsing_exception", Reason: "failed to parse field [rev]"})
	r.End(t.Context(), Ending{Keep: 10, Report: report()})
	got = get(t, s, "runaaaaa")
	checkDetail(t, got.Detail)
	got.Detail = nil
	want := Record{
		RunID: "runaaaaa", Alias: s.alias, Command: CommandRun, Outcome: "swapped", Trigger: "scheduled", Host: "green", PID: 7, User: "tis", Version: "1.2.3",
		Phase: pipeline.PhaseReleased, Token: 7, Index: "persons-000007", Previous: "persons-000006",
		Started: got.Started, Updated: got.Updated, Ended: got.Ended, SnapshotAt: new(second(0)),
		Estimate: 34, Read: 31, Acknowledged: 30, Failed: 1, Retried: 4, Bytes: 500, Documents: 30,
		Passes: 2, Changed: 3, Removed: 1, PassFailed: 1, LagMS: 1500, Guarantee: pipeline.GuaranteeVersions, LeftToWriters: 1,
		DurationMS: 60_000, LoadMS: 2000, PhaseAfterMS: map[string]int64{"locked": 10, "released": 60_000},
		Retired: []string{"persons-000004"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if ended := got.Ended.Sub(got.Started); ended != time.Minute {
		t.Errorf("ended after %s", ended)
	}
	if diff := cmp.Diff([]string{"runaaaaa"}, ids(t, s)); diff != "" {
		t.Errorf("the record cannot be found when End returns: %s", diff)
	}
}

func report() pipeline.Report {
	return pipeline.Report{
		Outcome: pipeline.OutcomeSwapped, Index: "persons-000007", Previous: "persons-000006", Token: 7,
		Read: 31, Acknowledged: 30, Failed: 1, Retried: 4, Bytes: 500, Documents: 30,
		Passes: 2, Changed: 3, Removed: 1, PassFailed: 1, Lag: 1500 * time.Millisecond, Guarantee: pipeline.GuaranteeVersions, LeftToWriters: 1,
		Duration: time.Minute, Loading: 2 * time.Second, SnapshotAt: second(0), Deleted: []string{"persons-000004"},
		Phases: []pipeline.PhaseTime{{Phase: pipeline.PhaseLocked, After: 10 * time.Millisecond}, {Phase: pipeline.PhaseReleased, After: time.Minute}},
	}
}

func TestRefusedRunIsRecordedWithWhoHeldTheLock(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	r := Begin(t.Context(), s, who("runaaaaa"), discard())
	holder := who("runbbbbb")
	r.End(t.Context(), Ending{Keep: 10, Report: pipeline.Report{Outcome: pipeline.OutcomeLocked}, Failure: "held", HeldBy: &holder})
	got := get(t, s, "runaaaaa")
	if got.Outcome != "locked" || got.Error != "held" || got.HeldBy == nil || got.HeldBy.RunID != "runbbbbb" {
		t.Errorf("got %+v", got)
	}
}

func TestEndDeletesOldRecords(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	put(t, s, start("persons", who("runaaaaa"), CommandRun, second(0)), 1)
	put(t, s, start("persons", who("runbbbbb"), CommandRun, second(1)), 1)
	r := Begin(t.Context(), s, who("runccccc"), discard())
	r.End(t.Context(), Ending{Keep: 2, Report: report()})
	eventually(t, "the deletion", func() bool { return get(t, s, "runaaaaa").RunID == "" })
	if got := get(t, s, "runbbbbb"); got.RunID == "" {
		t.Error("a record that should stay is gone")
	}
}

// broken is an Elasticsearch that never answers, or says no.
type broken struct{ err error }

func (b broken) Perform(req *http.Request) (*http.Response, error) {
	if b.err != nil {
		return nil, b.err
	}
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func TestHistoryThatCannotBeWrittenWarnsOnce(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]broken{"refused": {errors.New("connection refused")}, "no answer": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				r := Begin(t.Context(), New(server, "persons"), who("runaaaaa"), slog.New(slog.NewTextHandler(&log, nil)))
				for range 20 {
					r.Phase(pipeline.PhaseCreated, time.Now()) // never blocks
					r.Progress(pipeline.Progress{Documents: 1})
					time.Sleep(10 * time.Second)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				started := time.Now()
				r.End(ctx, Ending{Report: report(), Keep: 10})
				if took := time.Since(started); took > 3*time.Second {
					t.Errorf("End took %s of fake time, its context had 3s", took)
				}
				if n := strings.Count(log.String(), "level=WARN"); n != 1 {
					t.Errorf("%d warnings, want 1:\n%s", n, log.String())
				}
			})
		})
	}
}

func TestRecorderWritesWhileNothingHappens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		writes := map[string]bool{} // by version: each is tried twice
		server := transportFunc(func(req *http.Request) (*http.Response, error) {
			writes[req.URL.Query().Get("version")] = true
			return nil, errors.New("away")
		})
		r := Begin(t.Context(), New(server, "persons"), who("runaaaaa"), discard())
		time.Sleep(time.Minute + time.Second)
		r.End(t.Context(), Ending{})
		// At once, every five seconds, and the end: signs of life.
		if len(writes) != 1+12+1 {
			t.Errorf("%d writes, want 14", len(writes))
		}
	})
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) Perform(req *http.Request) (*http.Response, error) { return f(req) }
