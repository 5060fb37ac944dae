package main

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/reindex/internal/sizing"
)

func TestBenchPrintsFlagsThatRunTakes(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 300), notes())
	r := p.run(t, "bench", "--documents", "200", "--rounds", "1", "--json")
	if r.code != 0 {
		t.Fatalf("status %d\n%s", r.code, r.stderr)
	}
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	var summary struct {
		MessageType string `json:"message_type"`
		Documents   int
		Flags       string
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &summary); err != nil {
		t.Fatal(err)
	}
	if summary.MessageType != "summary" || summary.Documents != 200 {
		t.Errorf("summary %+v", summary)
	}
	if r := p.run(t, append([]string{"run"}, strings.Fields(summary.Flags)...)...); r.code != 0 {
		t.Errorf("reindex run %s: status %d\n%s", summary.Flags, r.code, r.stderr)
	}
}

func TestBenchTellsPeopleEachLoad(t *testing.T) {
	t.Parallel()
	p := newProject(t, notesDatabase(t, 20), notes())
	r := p.run(t, "bench", "--rounds", "1")
	if r.code != 0 || !strings.Contains(r.stdout, "reindex run --workers 1 --batch-bytes 256KiB") ||
		!strings.Contains(r.stdout, "not tried  needs more --documents") {
		t.Errorf("status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

func TestSizesAreWrittenAsTheConfigurationTakesThem(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int]string{256 << 10: "256KiB", 1 << 20: "1MiB", 8 << 20: "8MiB"} {
		if got := flagsOf(sizing.Setting{Workers: 2, BatchBytes: bytes}); got != "--workers 2 --batch-bytes "+want {
			t.Errorf("flags for %d bytes: %s", bytes, got)
		}
	}
}
