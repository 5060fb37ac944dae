package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/reindex/pipeline"
)

func TestProgressLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		progress pipeline.Progress
		want     string
	}{
		{"nothing yet", pipeline.Progress{Estimate: 1000}, "0 of about 1,000 loaded, 0 %, 0/s, 0 B/s"},
		{
			"on the way",
			pipeline.Progress{Documents: 200_000, Estimate: 350_000, Bytes: 180_000_000, Elapsed: 10 * time.Second},
			"200,000 of about 350,000 loaded, 57 %, 20,000/s, 18 MB/s, about 7s left",
		},
		{
			"more than estimated",
			pipeline.Progress{Documents: 200, Estimate: 100, Bytes: 1000, Elapsed: time.Second},
			"200 of about 200 loaded, 99 %, 200/s, 1.0 kB/s",
		},
		{"without an estimate", pipeline.Progress{Documents: 200, Elapsed: time.Second}, "200 loaded, 200/s, 0 B/s"},
		{
			"with trouble",
			pipeline.Progress{Documents: 100, Estimate: 100, Retried: 2000, Failed: 3, Elapsed: time.Second},
			"100 of about 100 loaded, 99 %, 100/s, 0 B/s, 2,000 retried, 3 failed",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := progressLine(test.progress); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestObserverFollowsTheFlagAndTheStream(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		mode string
		json bool
		want string // what the first phase prints on either stream
	}{
		{"plain", false, "03:04:05 notes: locked\n"},
		{"auto", false, "03:04:05 notes: locked\n"}, // a buffer is no terminal
		{"bar", false, "  locked          0.0 s\n"},
		{"none", false, ""},
		{"none", true, `{"alias":"notes","at":"2026-01-02T03:04:05Z","message_type":"phase","phase":"locked"}` + "\n"},
	} {
		t.Run(test.mode, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			a := &app{streams: streams{out: &out, err: &errs}, json: test.json}
			o := a.observer("notes", test.mode)
			o.Phase(pipeline.PhaseLocked, at)
			o.close()
			if got := out.String() + errs.String(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if (out.Len() > 0) != test.json {
				t.Errorf("stdout %q", out.String())
			}
		})
	}
}

func TestProgressBarIsTakenAwayBeforeAPhase(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := &barObserver{out: &out, alias: "notes"}
	o.Progress(pipeline.Progress{Documents: 50, Estimate: 100, Elapsed: time.Second})
	if !strings.Contains(out.String(), "notes 50 of about 100 loaded, 50 %, 50/s") {
		t.Errorf("the bar shows %q", out.String())
	}
	drawn := out.Len()
	o.Phase(pipeline.PhaseReplicating, time.Now())
	after := out.String()[drawn:]
	if !strings.HasPrefix(after, "\r") || !strings.HasSuffix(after, " s\n") || o.bar != nil {
		t.Errorf("then it shows %q", after)
	}
}

// A stderr that is a file gets plain lines: only a terminal is drawn on.
func TestAutoIsPlainForAFile(t *testing.T) {
	t.Parallel()
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	a := &app{streams: streams{out: &bytes.Buffer{}, err: file}}
	if _, plain := a.observer("notes", progressAuto).(*plainObserver); !plain {
		t.Error("a file is drawn on")
	}
}
