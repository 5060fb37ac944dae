package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/reindex/esalias"
	"example.com/reindex/internal/config"
	"example.com/reindex/internal/history"
	"example.com/reindex/pipeline"
)

// loading is a look at a run on another server that loads since a minute.
func loading(phase pipeline.Phase) statusView {
	now := time.Now()
	v := statusView{now: now, Status: esalias.Status{
		Alias: "persons", Locked: true,
		Record: esalias.Record{
			Token: 7, State: esalias.StateHeld, Holder: esalias.Holder{Host: "green", PID: 9, RunID: "abcdefghijkl", Trigger: "scheduled"},
			Since: now.Add(-time.Minute), RenewedAt: now, LeaseMS: 30_000, Phase: string(phase), Documents: 200, Total: 300,
		},
	}}
	v.of([]history.Record{
		{RunID: "mmmmmmmmmmmm", Outcome: string(pipeline.OutcomeLocked), Host: "blue"},
		{
			RunID: "abcdefghijkl", Outcome: history.Running, Phase: pipeline.PhaseLoading, Updated: now,
			Acknowledged: 100, LoadMS: 50_000, Estimate: 300,
		},
		{
			RunID: "zzzzzzzzzzzz", Outcome: string(pipeline.OutcomeRefused), Host: "blue", Trigger: "manual", DurationMS: 1500,
			Started: time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC), Error: "not swapped: gate empty",
		},
		{RunID: "yyyyyyyyyyyy", Outcome: string(pipeline.OutcomeSwapped)},
	})
	return v
}

func TestStatusShowsSpeedAndTheLastRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printStatus(&out, loading(pipeline.PhaseLoading))
	for _, want := range []string{
		", phase loading, 200 of about 300 documents, 2/s, about 1m40s left\n",
		"last   refused on blue, run zzzzzzzzzzzz (manual), started 2026-11-24T02:00:00Z, took 1.5s: not swapped: gate empty\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	out.Reset()
	printStatus(&out, loading(pipeline.PhaseReplicating))
	if strings.Contains(out.String(), "left") {
		t.Errorf("time left of a load that is over:\n%s", out.String())
	}
}

func TestStatusMessageHasSpeedAndTheLastRun(t *testing.T) {
	t.Parallel()
	m := statusMessage(loading(pipeline.PhaseLoading))
	lock, ok := m["lock"].(message)
	if !ok || lock["docs_per_second"] != int64(2) || lock["left_ms"] != int64(100_000) {
		t.Errorf("lock %v", m["lock"])
	}
	if last, ok := m["last_run"].(*history.Record); !ok || last.RunID != "zzzzzzzzzzzz" {
		t.Errorf("last run %v", m["last_run"])
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 100)
	for want, r := range map[string]history.Record{
		"":                                       {Outcome: "swapped"},
		"3 rejected":                             {Outcome: "swapped", Failed: 2, PassFailed: 1},
		"catch-up after the swap failed":         {Outcome: "swapped", CatchUpError: "x"},
		"the lock was held by mmmmmmmm on green": {Outcome: "locked", Error: "x", HeldBy: &esalias.Holder{RunID: "mmmmmmmm", Host: "green"}},
		"one...":                                 {Outcome: "failed", Error: "one\ntwo"},
		long[:144] + "...":                       {Outcome: "failed", Error: long},
		"phase loading, 2/s":                     {Outcome: history.Died, Phase: pipeline.PhaseLoading, Acknowledged: 2, LoadMS: 1000, Estimate: 9},
	} {
		if diff := cmp.Diff(want, note(r)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	c := &config.Config{}
	c.Source.URL = "postgres://reader:hunter22@db/tis"
	c.Notify.Webhook = "https://hooks.example/T0/hunter33"
	c.Elasticsearch.APIKey, c.Elasticsearch.Password = "hunter44", "abc" // too short to hide
	text := "dial postgres://reader:hunter22@db/tis: https://hooks.example/T0/hunter33 and hunter22, key hunter44, password abc"
	want := "dial ***: *** and ***, key ***, password abc"
	if diff := cmp.Diff(want, scrub(c, text)); diff != "" {
		t.Error(diff)
	}
}
